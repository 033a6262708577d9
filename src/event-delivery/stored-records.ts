import { type Change, Conflict, type KeyValueStore } from "../ports/store.ts";

const UPDATE_ATTEMPTS = 20;

type Listener<T> = (id: string, record: T | undefined) => void;

/** The key of a record, of names that may contain anything. */
export const recordId = (...names: readonly string[]): string => names.map(encodeURIComponent).join("/");

/**
 * Records of one kind: all of them in memory for reading, kept current by watching the store; changed by
 * compare-and-set in the store. A change is seen here before its promise resolves.
 */
export class StoredRecords<T extends object> {
  readonly #keyValue: KeyValueStore;
  readonly #prefix: string;
  readonly #records = new Map<string, T>();
  readonly #listeners: Listener<T>[] = [];
  #watch: { close(): Promise<void> } | undefined;

  private constructor(keyValue: KeyValueStore, prefix: string) {
    this.#keyValue = keyValue;
    this.#prefix = prefix;
  }

  /** Resolves when every stored record below the prefix ("buses/rule/") is known. */
  static async open<T extends object>(keyValue: KeyValueStore, prefix: string): Promise<StoredRecords<T>> {
    const records = new StoredRecords<T>(keyValue, prefix);
    records.#watch = await keyValue.watch(prefix, (change) => records.#changed(change));
    return records;
  }

  get(id: string): T | undefined {
    return this.#records.get(id);
  }

  all(): IterableIterator<[string, T]> {
    return this.#records.entries();
  }

  /** Those whose key starts so, sorted by key. */
  below(prefix: string): T[] {
    const found = [...this.#records].filter(([id]) => id.startsWith(prefix));
    return found.sort(([left], [right]) => (left < right ? -1 : 1)).map(([, record]) => record);
  }

  /** Told of every change from now on. */
  onChange(listener: Listener<T>): void {
    this.#listeners.push(listener);
  }

  /** False when there is such a record already. */
  async create(id: string, record: T): Promise<boolean> {
    try {
      await this.#keyValue.create(this.#prefix + id, encode(record));
      return true;
    } catch (error) {
      if (error instanceof Conflict) return false;
      throw error;
    }
  }

  /** Applies a change; it may throw, and nothing is changed when it gives the same record. Undefined: no such record. */
  async update(id: string, change: (record: T) => T): Promise<T | undefined> {
    for (let attempt = 0; attempt < UPDATE_ATTEMPTS; attempt++) {
      const entry = await this.#keyValue.get(this.#prefix + id);
      if (entry === undefined) return undefined;
      const current = decode<T>(entry.value);
      const changed = change(current);
      if (changed === current) return current;
      try {
        await this.#keyValue.update(this.#prefix + id, encode(changed), entry.revision);
        return changed;
      } catch (error) {
        if (!(error instanceof Conflict)) throw error;
      }
    }
    throw new Conflict(this.#prefix + id);
  }

  async delete(id: string): Promise<void> {
    await this.#keyValue.delete(this.#prefix + id);
  }

  async close(): Promise<void> {
    await this.#watch?.close();
  }

  #changed(change: Change): void {
    if (change.type === "synced") return;
    const key = change.type === "put" ? change.entry.key : change.key;
    const id = key.slice(this.#prefix.length);
    const record = change.type === "put" ? decode<T>(change.entry.value) : undefined;
    if (record === undefined) this.#records.delete(id);
    else this.#records.set(id, record);
    for (const listener of this.#listeners) listener(id, record);
  }
}

const encode = (record: object): Uint8Array => Buffer.from(JSON.stringify(record));

const decode = <T>(value: Uint8Array): T => JSON.parse(Buffer.from(value).toString("utf8")) as T;

import type { BlobStore } from "../../src/ports/store.ts";
import {
  type Change,
  Conflict,
  type Entry,
  type Key,
  type KeyValueStore,
  NotFound,
} from "../../src/ports/store.ts";

/** A key-value store in memory that keeps the port's promises; `failNext` makes one write fail. */
export class MemoryKeyValueStore implements KeyValueStore {
  readonly entries = new Map<Key, Entry>();
  readonly #watchers = new Set<{ prefix: Key; onChange: (change: Change) => void }>();
  readonly #failures: { readonly error: Error; readonly afterWriting: boolean; readonly prefix: Key }[] = [];
  readonly #interludes: { readonly prefix: Key; readonly run: () => Promise<unknown> }[] = [];
  #revision = 0;

  /** The next write below `prefix` throws `error`, before or after it happened. */
  failNext(prefix: Key, error: Error, afterWriting = false): void {
    this.#failures.push({ prefix, error, afterWriting });
  }

  /** Before the next `update` below `prefix` looks at anything, `run` happens: a race with a known outcome. */
  beforeNextUpdate(prefix: Key, run: () => Promise<unknown>): void {
    this.#interludes.push({ prefix, run });
  }

  async get(key: Key): Promise<Entry | undefined> {
    return this.entries.get(key);
  }

  async list(prefix: Key): Promise<Entry[]> {
    const found = [...this.entries.values()].filter(({ key }) => key.startsWith(prefix));
    return found.sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  async put(key: Key, value: Uint8Array): Promise<string> {
    return this.#write(key, value);
  }

  async create(key: Key, value: Uint8Array): Promise<string> {
    await Promise.resolve();
    if (this.entries.has(key)) throw new Conflict(key);
    return this.#write(key, value);
  }

  async update(key: Key, value: Uint8Array, revision: string): Promise<string> {
    await Promise.resolve();
    const interlude = this.#interludes.findIndex(({ prefix }) => key.startsWith(prefix));
    if (interlude !== -1) await this.#interludes.splice(interlude, 1)[0]?.run();
    if (this.entries.get(key)?.revision !== revision) throw new Conflict(key);
    return this.#write(key, value);
  }

  async delete(key: Key, revision?: string): Promise<void> {
    await Promise.resolve();
    const entry = this.entries.get(key);
    if (revision !== undefined && entry?.revision !== revision) throw new Conflict(key);
    if (entry === undefined) return;
    this.entries.delete(key);
    this.#tell(key, { type: "delete", key });
  }

  async note(
    changes: readonly { readonly key: Key; readonly value: Uint8Array | undefined }[],
  ): Promise<void> {
    for (const { key, value } of changes)
      if (value === undefined) await this.delete(key);
      else this.#write(key, value);
  }

  async watch(prefix: Key, onChange: (change: Change) => void): Promise<{ close(): Promise<void> }> {
    const watcher = { prefix, onChange };
    for (const entry of await this.list(prefix)) onChange({ type: "put", entry });
    onChange({ type: "synced" });
    this.#watchers.add(watcher);
    return {
      close: async () => {
        this.#watchers.delete(watcher);
      },
    };
  }

  #write(key: Key, value: Uint8Array): string {
    const failing = this.#failures.findIndex(({ prefix }) => key.startsWith(prefix));
    const failure = failing === -1 ? undefined : this.#failures.splice(failing, 1)[0];
    if (failure !== undefined && !failure.afterWriting) throw failure.error;
    const entry = { key, value, revision: String(++this.#revision) };
    this.entries.set(key, entry);
    this.#tell(key, { type: "put", entry });
    if (failure !== undefined) throw failure.error;
    return entry.revision;
  }

  #tell(key: Key, change: Change): void {
    for (const { prefix, onChange } of this.#watchers) if (key.startsWith(prefix)) onChange(change);
  }
}

/** Blobs in memory. */
export class MemoryBlobStore implements BlobStore {
  readonly blobs = new Map<string, Uint8Array>();

  async put(key: string, data: AsyncIterable<Uint8Array>): Promise<{ sizeBytes: number }> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of data) chunks.push(chunk);
    const blob = Buffer.concat(chunks);
    this.blobs.set(key, blob);
    return { sizeBytes: blob.byteLength };
  }

  async get(key: string): Promise<AsyncIterable<Uint8Array>> {
    const blob = this.blobs.get(key);
    if (blob === undefined) throw new NotFound(key);
    return (async function* () {
      yield blob;
    })();
  }

  async has(key: string): Promise<boolean> {
    return this.blobs.has(key);
  }

  async delete(key: string): Promise<void> {
    this.blobs.delete(key);
  }
}

import type { Change, Entry, Key, KeyValueStore, Revision } from "../../ports/store.ts";
import { checkKey, checkPrefix, ownBytes } from "./limits.ts";
import type { Reader, Row } from "./reader.ts";
import { Watchers } from "./watchers.ts";
import type { Expectation } from "./write-operations.ts";
import type { Writer } from "./writer.ts";

const COLUMNS = "select key, value, revision from entry";

/** The key-value store: reads from the main thread's connection, writes through the writer thread. */
export class KeyValue implements KeyValueStore {
  readonly #writer: Writer;
  readonly #reader: Reader;
  readonly #watchers = new Watchers();

  constructor(writer: Writer, reader: Reader) {
    this.#writer = writer;
    this.#reader = reader;
  }

  async get(key: Key): Promise<Entry | undefined> {
    checkKey(key);
    const row = this.#reader.get(`${COLUMNS} where key = ?`, key);
    return row === undefined ? undefined : entryOf(row);
  }

  async list(prefix: Key): Promise<Entry[]> {
    checkPrefix(prefix);
    return this.#read(prefix);
  }

  put(key: Key, value: Uint8Array): Promise<Revision> {
    return this.#put(key, value, "any");
  }

  create(key: Key, value: Uint8Array): Promise<Revision> {
    return this.#put(key, value, "absent");
  }

  async update(key: Key, value: Uint8Array, revision: Revision): Promise<Revision> {
    return this.#put(key, value, expectedRevision(revision));
  }

  async delete(key: Key, revision?: Revision): Promise<void> {
    checkKey(key);
    const expected = revision === undefined ? "any" : expectedRevision(revision);
    await this.#writer.run("deleteKey", { key, expected }, (deletedAt) => {
      if (deletedAt !== undefined) {
        this.#watchers.report({ type: "delete", key }, deletedAt);
      }
    });
  }

  async note(
    changes: readonly { readonly key: Key; readonly value: Uint8Array | undefined }[],
  ): Promise<void> {
    const stored = changes.map(({ key, value }) => {
      checkKey(key);
      return { key, value: value && ownBytes(value, `the value of ${key}`) };
    });
    await this.#writer.run("noteKeys", { changes: stored }, (revisions) => {
      for (const [index, { key, value }] of stored.entries()) {
        const revision = revisions[index];
        if (revision === undefined) continue;
        const change: Change =
          value === undefined
            ? { type: "delete", key }
            : { type: "put", entry: { key, value, revision: String(revision) } };
        this.#watchers.report(change, revision);
      }
    });
  }

  async watch(prefix: Key, onChange: (change: Change) => void): Promise<{ close(): Promise<void> }> {
    checkPrefix(prefix);
    // Changes that the snapshot already has may still be on their way from the writer: the watcher begins after it.
    const { entries, revision } = this.#reader.snapshot(() => ({
      revision: Number(this.#reader.get("select value from counter where name = 'revision'")?.value),
      entries: this.#read(prefix),
    }));
    const close = this.#watchers.add({ prefix, afterRevision: revision, onChange });
    for (const entry of entries) {
      onChange({ type: "put", entry });
    }
    onChange({ type: "synced" });
    return {
      close: async () => close(),
    };
  }

  async #put(key: Key, value: Uint8Array, expected: Expectation): Promise<Revision> {
    checkKey(key);
    const stored = ownBytes(value, `the value of ${key}`);
    const revision = await this.#writer.run("putKey", { key, value: stored, expected }, (committed) => {
      const entry = { key, value: stored, revision: String(committed) };
      this.#watchers.report({ type: "put", entry }, committed);
    });
    return String(revision);
  }

  #read(prefix: Key): Entry[] {
    // '0' is the character after '/': everything that begins with the prefix lies between the two.
    const rows =
      prefix === ""
        ? this.#reader.all(`${COLUMNS} order by key`)
        : this.#reader.all(
            `${COLUMNS} where key >= ? and key < ? order by key`,
            prefix,
            `${prefix.slice(0, -1)}0`,
          );
    return rows.map(entryOf);
  }
}

function entryOf(row: Row): Entry {
  return { key: row.key as string, value: row.value as Uint8Array, revision: String(row.revision) };
}

/** A revision that this store never gave out matches nothing, so that comparing with it is a `Conflict`. */
function expectedRevision(revision: Revision): number {
  return /^[1-9]\d{0,15}$/.test(revision) ? Number(revision) : -1;
}

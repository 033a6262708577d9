import type { KeyValueStore } from "../ports/store.ts";
import type { HeldMessage } from "./message-shelf.ts";
import type { Reception } from "./queue-message.ts";
import { receptionKey, receptionPrefix } from "./queue-record.ts";

/** What one call received, or changed, as it is kept. */
interface StoredNote {
  readonly schema: 1;
  readonly receptions: readonly (Reception & { readonly sequence: number })[];
}

interface Note {
  readonly key: string;
  /** Of how many messages it still says the last word. */
  live: number;
}

/**
 * Who has received what of one queue, beyond the end of the process: an entry for each call, which goes with the last of
 * its messages. Nothing waits for the disk here. AWS: a message comes at least once, and its receive count is approximate.
 */
export class ReceptionNotes {
  readonly #keyValue: KeyValueStore;
  readonly #queueId: string;
  readonly #notes = new Map<number, Note>();
  #next = 1;

  constructor(keyValue: KeyValueStore, queueId: string) {
    this.#keyValue = keyValue;
    this.#queueId = queueId;
  }

  /** By sequence, of the messages that there still are. */
  async load(isThere: (sequence: number) => boolean): Promise<Map<number, Reception>> {
    const found = new Map<number, Reception>();
    const leftovers: string[] = [];
    for (const { key, value } of await this.#keyValue.list(receptionPrefix(this.#queueId))) {
      this.#next = Math.max(this.#next, Number(key.split("/").at(-1)) + 1);
      const { receptions } = JSON.parse(Buffer.from(value).toString()) as StoredNote;
      const note: Note = { key, live: 0 };
      for (const { sequence, ...reception } of receptions) {
        if (!isThere(sequence)) continue;
        found.set(sequence, reception);
        leftovers.push(...this.#replace(sequence, note));
      }
      if (note.live === 0) leftovers.push(key);
    }
    await this.#delete(leftovers);
    return found;
  }

  /** Resolves when what is held now outlives the process. */
  async keep(some: readonly HeldMessage[]): Promise<void> {
    if (some.length === 0) return;
    const note: Note = { key: receptionKey(this.#queueId, this.#next++), live: 0 };
    const over = some.flatMap(({ message }) => this.#replace(message.sequence, note));
    const stored: StoredNote = {
      schema: 1,
      receptions: some.map(
        ({ message, receiveCount, firstReceivedMs, dueMs, reception, endsWithProcess }) => ({
          sequence: message.sequence,
          receiveCount,
          firstReceivedMs: firstReceivedMs ?? dueMs,
          dueMs,
          reception: reception ?? "",
          endsWithProcess,
        }),
      ),
    };
    await this.#keyValue.note([
      { key: note.key, value: Buffer.from(JSON.stringify(stored)) },
      ...over.map((key) => ({ key, value: undefined })),
    ]);
  }

  /** Of messages that are gone. */
  async forget(sequences: readonly number[]): Promise<void> {
    await this.#delete(
      sequences.flatMap((sequence) => {
        const note = this.#notes.get(sequence);
        this.#notes.delete(sequence);
        return note === undefined ? [] : release(note);
      }),
    );
  }

  /** The keys of what nobody needs any more. */
  #replace(sequence: number, note: Note): readonly string[] {
    const before = this.#notes.get(sequence);
    this.#notes.set(sequence, note);
    note.live++;
    return before === undefined ? [] : release(before);
  }

  async #delete(keys: readonly string[]): Promise<void> {
    if (keys.length > 0) await this.#keyValue.note(keys.map((key) => ({ key, value: undefined })));
  }
}

function release(note: Note): readonly string[] {
  note.live--;
  return note.live === 0 ? [note.key] : [];
}

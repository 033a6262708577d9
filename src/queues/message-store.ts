import type { KeyValueStore } from "../ports/store.ts";
import { decodeMessage, encodeMessage, type StoredMessage } from "./queue-message.ts";
import { messageKey, messagePrefix } from "./queue-record.ts";

/** The store takes values of 1 MiB; SQS's largest message is as long without what is noted beside it. */
const PART_BYTES = 1_000_000;

/** Keeps the messages of one queue, each under a key of its own; a large one in several parts. */
export class MessageStore {
  readonly #keyValue: KeyValueStore;
  readonly #queueId: string;
  /** How many further parts a message has; only of those that have any. */
  readonly #furtherParts = new Map<number, number>();

  constructor(keyValue: KeyValueStore, queueId: string) {
    this.#keyValue = keyValue;
    this.#queueId = queueId;
  }

  /** In the order they were sent. What a crash left of a message that was never acknowledged is cleared away. */
  async load(): Promise<StoredMessage[]> {
    const wholes = new Map<string, Uint8Array[]>();
    for (const { key, value } of await this.#keyValue.list(messagePrefix(this.#queueId))) {
      const [whole = "", part] = key.split(".");
      if (part === undefined) wholes.set(whole, [value]);
      else if (wholes.has(whole)) wholes.get(whole)?.push(value);
      else await this.#keyValue.delete(key);
    }
    return [...wholes.values()].map((parts) => {
      const message = decodeMessage(Buffer.concat(parts));
      if (parts.length > 1) this.#furtherParts.set(message.sequence, parts.length - 1);
      return message;
    });
  }

  /** Resolves when it is on disk. */
  async put(message: StoredMessage): Promise<void> {
    const bytes = encodeMessage(message);
    const key = messageKey(this.#queueId, message.sequence);
    if (bytes.byteLength > PART_BYTES) {
      const count = Math.ceil(bytes.byteLength / PART_BYTES) - 1;
      this.#furtherParts.set(message.sequence, count);
      // The first part comes last: with it the message is there.
      for (let part = 1; part <= count; part++)
        await this.#keyValue.put(
          `${key}.${part}`,
          bytes.subarray(part * PART_BYTES, (part + 1) * PART_BYTES),
        );
    }
    await this.#keyValue.put(key, bytes.subarray(0, PART_BYTES));
  }

  /** Resolves when it is gone from the disk. */
  async delete(sequence: number): Promise<void> {
    const key = messageKey(this.#queueId, sequence);
    await this.#keyValue.delete(key);
    const further = this.#furtherParts.get(sequence) ?? 0;
    this.#furtherParts.delete(sequence);
    for (let part = 1; part <= further; part++) await this.#keyValue.delete(`${key}.${part}`);
  }
}

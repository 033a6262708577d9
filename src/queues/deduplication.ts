import type { KeyValueStore } from "../ports/store.ts";
import type { StoredMessage } from "./queue-message.ts";
import { deduplicationKey, deduplicationPrefix } from "./queue-record.ts";

/** AWS: what was sent with the same id within five minutes is one message. */
const DEDUPLICATION_MS = 5 * 60_000;

export interface SentMessage {
  readonly messageId: string;
  readonly sequence: number;
}

interface Known {
  readonly sent: Promise<SentMessage>;
  readonly untilMs: number;
}

/** Ids of messages that were deleted before their five minutes were over, as they are kept. */
interface StoredIds {
  readonly schema: 1;
  readonly ids: readonly (SentMessage & { readonly id: string; readonly untilMs: number })[];
}

/**
 * Deduplication ids of one queue. Those of the messages that it has are on disk with them, those of deleted ones in
 * entries that are written together with the deletion.
 */
export class Deduplication {
  readonly #keyValue: KeyValueStore;
  readonly #queueId: string;
  /** By what an id counts for: the queue, or a group. The oldest come first. */
  readonly #known = new Map<string, Known>();
  #entries: { readonly key: string; readonly untilMs: number }[] = [];

  constructor(keyValue: KeyValueStore, queueId: string) {
    this.#keyValue = keyValue;
    this.#queueId = queueId;
  }

  /** `messages` are those in the queue; `idOf` tells what each one's id counts for. */
  async load(
    messages: readonly StoredMessage[],
    idOf: (message: StoredMessage) => string | undefined,
  ): Promise<void> {
    const found: (readonly [string, Known])[] = [];
    for (const message of messages) {
      const id = idOf(message);
      const { messageId, sequence } = message;
      if (id !== undefined)
        found.push([id, { sent: Promise.resolve({ messageId, sequence }), untilMs: untilMsOf(message) }]);
    }
    for (const { key, value } of await this.#keyValue.list(deduplicationPrefix(this.#queueId))) {
      const { ids } = JSON.parse(Buffer.from(value).toString()) as StoredIds;
      for (const { id, untilMs, messageId, sequence } of ids)
        found.push([id, { sent: Promise.resolve({ messageId, sequence }), untilMs }]);
      this.#entries.push({ key, untilMs: Math.max(...ids.map(({ untilMs }) => untilMs)) });
    }
    this.#entries.sort((a, b) => a.untilMs - b.untilMs);
    for (const [id, known] of found.sort(([, a], [, b]) => a.untilMs - b.untilMs)) this.#known.set(id, known);
  }

  /** What was sent with this id within the time. */
  find(id: string, nowMs: number): Promise<SentMessage> | undefined {
    for (const [old, { untilMs }] of this.#known) {
      if (untilMs > nowMs) break;
      this.#known.delete(old);
    }
    const known = this.#known.get(id);
    return known !== undefined && known.untilMs > nowMs ? known.sent : undefined;
  }

  /** Remembers it, unless it comes to nothing. */
  add(id: string, sent: Promise<SentMessage>, nowMs: number): void {
    this.#known.delete(id);
    this.#known.set(id, { sent, untilMs: nowMs + DEDUPLICATION_MS });
    sent.catch(() => this.#known.delete(id));
  }

  /** Resolves when the ids of messages that are being deleted are on disk; to be asked for before the deletion is. */
  async keep(
    deleted: readonly { readonly message: StoredMessage; readonly id: string }[],
    nowMs: number,
  ): Promise<void> {
    this.#clearAway(nowMs);
    const ids = deleted
      .map(({ message, id }) => ({
        id,
        messageId: message.messageId,
        sequence: message.sequence,
        untilMs: untilMsOf(message),
      }))
      .filter(({ untilMs }) => untilMs > nowMs);
    const [first] = ids;
    if (first === undefined) return;
    const key = deduplicationKey(this.#queueId, first.sequence);
    this.#entries.push({ key, untilMs: Math.max(...ids.map(({ untilMs }) => untilMs)) });
    const stored: StoredIds = { schema: 1, ids };
    await this.#keyValue.put(key, Buffer.from(JSON.stringify(stored)));
  }

  /** Forgets all that is kept: the queue is deleted. */
  clear(): void {
    this.#clearAway(Number.POSITIVE_INFINITY);
    this.#known.clear();
  }

  #clearAway(nowMs: number): void {
    const over = this.#entries.filter(({ untilMs }) => untilMs <= nowMs);
    if (over.length === 0) return;
    this.#entries = this.#entries.filter(({ untilMs }) => untilMs > nowMs);
    // What could not be cleared away is found at the next start.
    this.#keyValue.note(over.map(({ key }) => ({ key, value: undefined }))).catch(() => undefined);
  }
}

/** The sequence tells when the queue took it; a message that was moved has the time of the first sending. */
const untilMsOf = ({ sequence }: StoredMessage): number => Math.trunc(sequence / 1_000) + DEDUPLICATION_MS;

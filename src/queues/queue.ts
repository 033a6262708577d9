import { randomUUID } from "node:crypto";
import type { Clock } from "../ports/clock.ts";
import type { MessageAttribute } from "../ports/event-targets.ts";
import type { KeyValueStore } from "../ports/store.ts";
import { Deduplication, type SentMessage } from "./deduplication.ts";
import { type HeldMessage, MessageShelf, type ShelfCounts } from "./message-shelf.ts";
import { MessageStore } from "./message-store.ts";
import { type Redrive, redrivePolicy } from "./queue-attributes.ts";
import { invalidParameter, receiptHandleIsInvalid } from "./queue-errors.ts";
import type { StoredMessage } from "./queue-message.ts";
import { isFifoName, type QueueRecord } from "./queue-record.ts";
import { ReceptionNotes } from "./reception-notes.ts";

/** AWS: a message can be out for twelve hours after it was received. */
const OUT_MS_MAX = 12 * 60 * 60_000;
const SAVED_AT_ONCE = 64;
/** Nobody receives a message while it is on its way to the dead-letter queue. */
const DEAD_LETTER_MS = 60_000;

/** A message to be sent, checked. */
export interface NewMessage {
  readonly body: string;
  readonly attributes: Readonly<Record<string, MessageAttribute>>;
  readonly senderId: string;
  readonly delayMs: number;
  readonly groupId?: string | undefined;
  readonly deduplicationId?: string | undefined;
  readonly traceHeader?: string | undefined;
  readonly deadLetterSourceArn?: string | undefined;
  /** Of a message that moves from another queue, which keeps its identity. */
  readonly moved?: { readonly messageId: string; readonly sentMs: number } | undefined;
}

export interface QueueDependencies {
  readonly keyValue: KeyValueStore;
  readonly clock: Clock;
  /** Takes a message that was received too often; resolves when it is kept there. False: it stays. */
  readonly deadLetter: (queue: Queue, message: StoredMessage, redrive: Redrive) => Promise<boolean>;
}

export interface ReceiveOptions {
  readonly max: number;
  readonly waitMs: number;
  readonly visibilityMs: number;
  readonly signal: AbortSignal;
  /** Who receives ends when the program does: what it has then can be received again at once. */
  readonly endsWithProcess?: boolean;
}

/**
 * One queue. What is sent is on disk before it is acknowledged, and so is a deletion; who has received what, how often
 * and until when, outlives the program, but a loss of power may undo the last of it.
 */
export class Queue {
  /** Read once: every reception looks at it. */
  redrive: Redrive | undefined;
  readonly isFifo: boolean;
  readonly shelf: MessageShelf;
  readonly #dependencies: QueueDependencies;
  readonly #store: MessageStore;
  readonly #waiters = new Set<() => void>();
  readonly #deduplication: Deduplication;
  readonly #receptions: ReceptionNotes;
  #record: QueueRecord;
  #lastSequence = 0;
  /** FIFO: messages come into the queue in the order in which they were sent. */
  #lastSaved: Promise<unknown> = Promise.resolve();
  #cancelTimer: (() => void) | undefined;
  #purgedMs = Number.NEGATIVE_INFINITY;
  #isDeleted = false;

  constructor(record: QueueRecord, dependencies: QueueDependencies) {
    this.#record = record;
    this.redrive = redrivePolicy(record.attributes);
    this.isFifo = isFifoName(record.name);
    this.shelf = new MessageShelf(this.isFifo);
    this.#dependencies = dependencies;
    this.#store = new MessageStore(dependencies.keyValue, record.id);
    this.#deduplication = new Deduplication(dependencies.keyValue, record.id);
    this.#receptions = new ReceptionNotes(dependencies.keyValue, record.id);
  }

  get record(): QueueRecord {
    return this.#record;
  }

  set record(record: QueueRecord) {
    this.#record = record;
    this.redrive = redrivePolicy(record.attributes);
  }

  /** Takes up what the store has. */
  async load(): Promise<void> {
    const nowMs = this.#dependencies.clock.nowMs();
    const messages = await this.#store.load();
    const sequences = new Set(messages.map(({ sequence }) => sequence));
    const receptions = await this.#receptions.load((sequence) => sequences.has(sequence));
    for (const message of messages) {
      this.#lastSequence = Math.max(this.#lastSequence, message.sequence);
      this.shelf.add(message, nowMs, receptions.get(message.sequence));
    }
    await this.#deduplication.load(messages, (message) => this.#deduplicationId(message));
  }

  get visibilityMs(): number {
    return 1_000 * Number(this.record.attributes.VisibilityTimeout);
  }

  get purgedMs(): number {
    return this.#purgedMs;
  }

  counts(): ShelfCounts {
    this.#expire();
    return this.shelf.counts(this.#dependencies.clock.nowMs());
  }

  /** Resolves when the message is on disk. */
  send(message: NewMessage): Promise<SentMessage> {
    const id = this.#deduplicationId(message);
    if (id === undefined) return this.#save(message);
    const nowMs = this.#dependencies.clock.nowMs();
    const known = this.#deduplication.find(id, nowMs);
    if (known !== undefined) return known;
    const sent = this.#save(message);
    this.#deduplication.add(id, sent, nowMs);
    return sent;
  }

  async #save(message: NewMessage): Promise<SentMessage> {
    const { clock } = this.#dependencies;
    const nowMs = clock.nowMs();
    const { delayMs, moved, ...rest } = message;
    const sequence = Math.max(this.#lastSequence + 1, Math.trunc(nowMs) * 1_000);
    this.#lastSequence = sequence;
    const stored: StoredMessage = {
      ...rest,
      messageId: moved?.messageId ?? randomUUID(),
      sequence,
      sentMs: moved?.sentMs ?? nowMs,
      visibleFromMs: nowMs + delayMs,
    };
    const saved = this.#store.put(stored);
    const before = this.#lastSaved;
    if (this.isFifo) this.#lastSaved = saved.catch(() => undefined);
    await saved;
    if (this.isFifo) await before;
    if (!this.#isDeleted) {
      this.shelf.add(stored, clock.nowMs());
      this.#wake();
    }
    return { messageId: stored.messageId, sequence };
  }

  /** Up to `max` messages; waits for the first one as long as it may. That they are out outlives the program. */
  async receive(options: ReceiveOptions): Promise<readonly HeldMessage[]> {
    const { clock } = this.#dependencies;
    const untilMs = clock.monotonicMs() + options.waitMs;
    for (;;) {
      const taken = this.#take(options);
      const leftMs = untilMs - clock.monotonicMs();
      if (taken.length > 0) await this.#receptions.keep(taken);
      if (taken.length > 0 || leftMs <= 0 || options.signal.aborted || this.#isDeleted) return taken;
      await this.#change(leftMs, options.signal);
    }
  }

  #take({ max, visibilityMs, endsWithProcess = false }: ReceiveOptions): HeldMessage[] {
    this.#expire();
    const nowMs = this.#dependencies.clock.nowMs();
    const { redrive } = this;
    const taken: HeldMessage[] = [];
    for (let isMore = true; isMore; ) {
      isMore = false;
      for (const held of this.shelf.take(max - taken.length, nowMs, nowMs + visibilityMs)) {
        if (redrive === undefined || held.receiveCount < redrive.maxReceiveCount) taken.push(held);
        else {
          this.#toDeadLetters(held, redrive);
          isMore = true;
        }
      }
    }
    for (const held of taken) {
      held.receiveCount++;
      held.firstReceivedMs ??= nowMs;
      held.reception = randomUUID();
      held.endsWithProcess = endsWithProcess;
    }
    if (visibilityMs === 0 && taken.length > 0) this.#wake();
    return taken;
  }

  #toDeadLetters(held: HeldMessage, redrive: Redrive): void {
    const { deadLetter, clock } = this.#dependencies;
    this.shelf.setDue(held, clock.nowMs() + DEAD_LETTER_MS);
    deadLetter(this, held.message, redrive).then(
      (isTaken) => (isTaken ? this.remove([held]) : undefined),
      // It is tried again when it is received the next time.
      () => this.shelf.setDue(held, clock.nowMs() + this.visibilityMs),
    );
  }

  /** Waits until something may be there to receive. */
  #change(leftMs: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#dependencies;
    return new Promise((resolve) => {
      const end = (): void => {
        this.#waiters.delete(end);
        cancel();
        signal.removeEventListener("abort", end);
        resolve();
      };
      const cancel = clock.after(leftMs, end);
      signal.addEventListener("abort", end);
      this.#waiters.add(end);
      this.#watchDue();
    });
  }

  /** While somebody waits, a timer is set for what becomes ready by itself. */
  #watchDue(): void {
    const { clock } = this.#dependencies;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (this.#waiters.size === 0) return;
    const nowMs = clock.nowMs();
    const dueMs = this.shelf.nextDueMs(nowMs);
    if (dueMs !== undefined) this.#cancelTimer = clock.after(Math.max(1, dueMs - nowMs), () => this.#wake());
  }

  #wake(): void {
    for (const waiter of this.#waiters) waiter();
  }

  handleOf(held: HeldMessage): string {
    const text = `${this.record.id} ${held.message.sequence} ${held.reception ?? ""}`;
    return Buffer.from(text).toString("base64");
  }

  /** The message of a receipt handle, undefined when it is gone. Throws for what is no handle of this queue. */
  heldBy(handle: string): HeldMessage | undefined {
    const [id, sequence = "", reception] = Buffer.from(handle, "base64").toString().split(" ");
    if (id !== this.record.id || !/^\d{1,16}$/.test(sequence) || reception === undefined)
      throw receiptHandleIsInvalid(handle);
    const held = this.shelf.get(Number(sequence));
    // AWS: with a FIFO queue the handle of an earlier reception, or one whose time is over, is of no use.
    if (this.isFifo && held !== undefined && (held.reception !== reception || !this.#isOut(held)))
      throw invalidParameter(
        `Value ${handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.`,
      );
    return held;
  }

  #isOut(held: HeldMessage): boolean {
    return held.state === "out" && held.dueMs > this.#dependencies.clock.nowMs();
  }

  /** `visibilityMs` from now on; false when the message is not out. Resolves when that outlives the program. */
  async changeVisibility(held: HeldMessage, visibilityMs: number): Promise<boolean> {
    const nowMs = this.#dependencies.clock.nowMs();
    if (!this.#isOut(held)) return false;
    const untilMs = Math.min(nowMs + visibilityMs, (held.firstReceivedMs ?? nowMs) + OUT_MS_MAX);
    this.shelf.setDue(held, untilMs);
    if (visibilityMs === 0) this.#wake();
    else this.#watchDue();
    await this.#receptions.keep([held]);
    return true;
  }

  /** Resolves when they are gone from the disk. */
  async remove(some: Iterable<HeldMessage>): Promise<void> {
    const removed: StoredMessage[] = [];
    for (const held of some) {
      if (held.state === "gone") continue;
      this.shelf.remove(held);
      removed.push(held.message);
    }
    if (this.isFifo && removed.length > 0) this.#wake();
    for (let at = 0; at < removed.length; at += SAVED_AT_ONCE)
      await this.#removeFromDisk(removed.slice(at, at + SAVED_AT_ONCE));
  }

  async #removeFromDisk(some: readonly StoredMessage[]): Promise<void> {
    const sequences = some.map(({ sequence }) => sequence);
    await Promise.all([
      ...(this.isFifo && !this.#isDeleted ? [this.#keepIds(some)] : []),
      ...sequences.map((sequence) => this.#store.delete(sequence)),
      this.#receptions.forget(sequences),
    ]);
  }

  /** AWS: an id counts for five minutes, also when its message is long gone. */
  #keepIds(some: readonly StoredMessage[]): Promise<void> {
    const deleted = some.flatMap((message) => {
      const id = this.#deduplicationId(message);
      return id === undefined ? [] : [{ message, id }];
    });
    return this.#deduplication.keep(deleted, this.#dependencies.clock.nowMs());
  }

  async purge(): Promise<void> {
    this.#purgedMs = this.#dependencies.clock.nowMs();
    await this.remove([...this.shelf.messages()]);
  }

  /** Ends all waiting; what it had goes from the disk. */
  async delete(): Promise<void> {
    this.close();
    await this.remove([...this.shelf.messages()]);
    this.#deduplication.clear();
  }

  close(): void {
    this.#isDeleted = true;
    this.#cancelTimer?.();
    this.#wake();
  }

  /** AWS: what is older than the retention period is dropped. */
  #expire(): void {
    const { clock } = this.#dependencies;
    const beforeMs = clock.nowMs() - 1_000 * Number(this.record.attributes.MessageRetentionPeriod);
    const expired: HeldMessage[] = [];
    for (const held of this.shelf.messages()) {
      if (held.message.sentMs > beforeMs) break;
      expired.push(held);
    }
    if (expired.length > 0) this.remove(expired).catch(() => undefined);
  }

  /** What the deduplication id of a message counts for. */
  #deduplicationId({
    groupId,
    deduplicationId,
  }: Pick<StoredMessage, "groupId" | "deduplicationId">): string | undefined {
    if (deduplicationId === undefined) return undefined;
    const isPerGroup = this.record.attributes.DeduplicationScope === "messageGroup";
    return isPerGroup ? JSON.stringify([groupId, deduplicationId]) : deduplicationId;
  }
}

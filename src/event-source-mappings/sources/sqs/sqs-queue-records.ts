import type { Clock } from "../../../ports/clock.ts";
import type { QueueDescription, QueueMessages } from "../../../ports/queue-messages.ts";
import type { ConcurrencyLimit } from "../../concurrency-limit.ts";
import type { BatchOutcome, RecordSource } from "../../event-source.ts";
import type { MappingDocument } from "../../mapping-document.ts";
import { sqsFilter } from "./sqs-filter.ts";
import { type SqsRecord, sqsEventRecord, sqsRecord } from "./sqs-record.ts";

/** SQS: messages of one receive. */
const RECEIVE_MAX = 10;
/** Messages are kept hidden for longer when so much of their time is left. */
const EXTEND_BEFORE_END = 0.25;
/** A queue without a visibility timeout gives its messages to somebody else at once; a function needs some time. */
const EXTENSION_MIN_SECONDS = 10;
/** How long what is known of a queue's attributes is taken to be true. */
const DESCRIPTION_AGE_MAX_MS = 10_000;

export interface SqsQueueOptions {
  readonly queues: QueueMessages;
  readonly clock: Clock;
  readonly mapping: MappingDocument;
  readonly concurrency: ConcurrencyLimit;
}

/** The messages of one queue for one mapping. */
export class SqsQueueRecords implements RecordSource<SqsRecord> {
  readonly readMax = RECEIVE_MAX;
  readonly doneMetric = "DeletedEventCount";
  readonly concurrency: ConcurrencyLimit;
  readonly wants: (record: SqsRecord) => boolean;
  readonly #options: SqsQueueOptions;
  #description: { readonly queue: QueueDescription; readonly atMs: number } | undefined;

  constructor(options: SqsQueueOptions) {
    this.#options = options;
    this.concurrency = options.concurrency;
    const lets = sqsFilter(options.mapping.settings.filterPatterns);
    const { eventSourceArn: queueArn } = options.mapping;
    const isFifo = queueArn.endsWith(".fifo");
    this.wants = ({ message }) => lets(sqsEventRecord(message, { queueArn, isFifo }));
  }

  async read(options: {
    readonly max: number;
    readonly waitMs: number;
    readonly signal: AbortSignal;
  }): Promise<readonly SqsRecord[]> {
    const { queues, clock, mapping } = this.#options;
    const { eventSourceArn: queueArn } = mapping;
    const { isFifo } = await this.#queue();
    const messages = await queues.receive(queueArn, options);
    if (messages.length === 0) return [];
    // As it is now: the wait may have been long.
    const { visibilityTimeoutSeconds } = await this.#queue();
    const context = {
      queueArn,
      isFifo,
      visibilityTimeoutMs: visibilityTimeoutSeconds * 1000,
      receivedAtMs: clock.monotonicMs(),
    };
    return messages.map((message) => sqsRecord(message, context));
  }

  /** AWS: messages that the filter does not let through are deleted. */
  discard(records: readonly SqsRecord[]): Promise<void> {
    return this.#delete(records);
  }

  hold(records: readonly SqsRecord[]): () => void {
    const { clock, queues, mapping } = this.#options;
    let cancel: (() => void) | undefined;
    let isReleased = false;
    const extend = async (): Promise<void> => {
      const seconds = Math.max(
        EXTENSION_MIN_SECONDS,
        this.#description?.queue.visibilityTimeoutSeconds ?? EXTENSION_MIN_SECONDS,
      );
      const held = [...records];
      const hiddenSinceMs = clock.monotonicMs();
      await queues.changeVisibility(mapping.eventSourceArn, held.map(receiptHandle), seconds);
      for (const record of held) {
        record.hiddenSinceMs = hiddenSinceMs;
        record.hiddenForMs = seconds * 1000;
      }
    };
    const watch = (): void => {
      const [first] = records;
      if (isReleased || first === undefined) return;
      const delayMs = Math.max(0, this.#leftMs(first) - EXTEND_BEFORE_END * first.hiddenForMs);
      // What cannot be hidden any longer comes again, as AWS's messages do; there is nothing better to do.
      cancel = clock.after(
        delayMs,
        () =>
          void extend()
            .catch(() => undefined)
            .then(watch),
      );
    };
    watch();
    return () => {
      isReleased = true;
      cancel?.();
    };
  }

  /** AWS: throttled batches are tried again until their visibility timeout is over. */
  mayWait(records: readonly SqsRecord[], waitMs: number): boolean {
    return records.every((record) => this.#leftMs(record) > waitMs);
  }

  payload(records: readonly SqsRecord[]): Uint8Array {
    return Buffer.from(`{"Records":[${records.map(({ json }) => json).join(",")}]}`);
  }

  /** What failed or was throttled comes again by itself when its visibility timeout is over. */
  async settle(records: readonly SqsRecord[], outcome: BatchOutcome): Promise<readonly []> {
    const { queues, mapping } = this.#options;
    if (outcome.type === "processed")
      await this.#delete(records.filter(({ itemIdentifier }) => !outcome.failed.has(itemIdentifier)));
    else if (outcome.type === "stopped")
      await queues.changeVisibility(mapping.eventSourceArn, records.map(receiptHandle), 0);
    return [];
  }

  /** Milliseconds that a message stays hidden. */
  #leftMs({ hiddenSinceMs, hiddenForMs }: SqsRecord): number {
    return hiddenSinceMs + hiddenForMs - this.#options.clock.monotonicMs();
  }

  async #delete(records: readonly SqsRecord[]): Promise<void> {
    const { queues, mapping } = this.#options;
    if (records.length > 0) await queues.delete(mapping.eventSourceArn, records.map(receiptHandle));
  }

  async #queue(): Promise<QueueDescription> {
    const { queues, clock, mapping } = this.#options;
    const nowMs = clock.monotonicMs();
    if (this.#description !== undefined && nowMs - this.#description.atMs < DESCRIPTION_AGE_MAX_MS)
      return this.#description.queue;
    const queue = await queues.describe(mapping.eventSourceArn);
    if (queue === undefined) throw new Error(`The queue ${mapping.eventSourceArn} does not exist.`);
    this.#description = { queue, atMs: nowMs };
    return queue;
  }
}

const receiptHandle = ({ message }: SqsRecord): string => message.receiptHandle;

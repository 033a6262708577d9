import type { Owner } from "../core/function-reference.ts";
import type { ConcurrencyLimit } from "./concurrency-limit.ts";
import type { MappedFunction } from "./mapped-functions.ts";
import type { MappingDocument, MappingSettings } from "./mapping-document.ts";

/** A record on its way to a function. */
export interface SourceRecord {
  /** How batchItemFailures names it. */
  readonly itemIdentifier: string;
  /** Of its part of the event. */
  readonly bytes: number;
  /** X-Amzn-Trace-Id of whoever sent it. */
  readonly traceHeader?: string | undefined;
}

/** What became of a batch. */
export type BatchOutcome =
  /** The function ran; it may have named records that failed. */
  | { readonly type: "processed"; readonly failed: ReadonlySet<string> }
  /** The function ran and failed, or answered what is no answer. */
  | { readonly type: "failed" }
  /** There was no room for the function, or no function, for as long as the source can wait. */
  | { readonly type: "throttled" }
  /** Nobody tries any more: the mapping is disabled, changed or deleted, or Lambent stops. */
  | { readonly type: "stopped" };

/**
 * One sequence of records that is read, batched and checkpointed on its own: a queue, or a shard. Rejections are
 * problems of the source; the engine tells them and tries again later.
 */
export interface RecordSource<R extends SourceRecord> {
  /** Batches at a time. */
  readonly concurrency: ConcurrencyLimit;
  /** What the metrics call records that are done with, where they have a name for it. */
  readonly doneMetric?: "DeletedEventCount";
  /** Records of one read, at most. */
  readonly readMax: number;
  /** Waits up to `waitMs` for the first record, or until the signal. */
  read(options: {
    readonly max: number;
    readonly waitMs: number;
    readonly signal: AbortSignal;
  }): Promise<readonly R[]>;
  /** Whether the mapping's filters let a record through. */
  wants(record: R): boolean;
  /** Records that no filter lets through. */
  discard(records: readonly R[]): Promise<void>;
  /** Keeps records, of which there is at least one, from others until the returned function is called. The array may grow. */
  hold(records: readonly R[]): () => void;
  /** Whether a batch that was throttled can wait that long. */
  mayWait(records: readonly R[], waitMs: number): boolean;
  /** The event of a batch. */
  payload(records: readonly R[]): Uint8Array;
  /** Checkpoints a batch; answers what is to be tried again at once, in its order. */
  settle(records: readonly R[], outcome: BatchOutcome): Promise<readonly (readonly R[])[]>;
}

/** A mapping that is to be made or changed. */
export interface MappingCandidate extends Owner {
  readonly eventSourceArn: string;
  readonly settings: MappingSettings;
  readonly target: MappedFunction;
}

/** A kind of event source. */
export interface EventSource {
  /** Of a mapping that does not say: AWS's defaults for the kind. */
  readonly defaultBatchSize: number;
  /** Throws AWS's error for settings that the source cannot have, or when it cannot be read in the function's name. */
  check(candidate: MappingCandidate): Promise<void>;
  /**
   * Begins to read for a mapping: `attach` is called for every sequence of records, now and when more come; the
   * function it returns ends the sequence. The returned function ends what the source itself has begun.
   */
  open(
    mapping: MappingDocument,
    attach: <R extends SourceRecord>(records: RecordSource<R>) => () => void,
  ): () => void;
}

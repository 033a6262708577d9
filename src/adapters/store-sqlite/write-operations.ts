import type { NewLogStream } from "../../ports/store.ts";

/**
 * Everything that changes the database, as messages for the writer thread. Times are inputs, so that the writer
 * needs no clock of its own. Answers of definite failures carry the name of the port's error class.
 */
export interface WriteOperations {
  putKey: { input: { key: string; value: Uint8Array; expected: Expectation }; output: number };
  deleteKey: { input: { key: string; expected: Expectation }; output: number | undefined };
  /** Answers the revision of each change; undefined where there was nothing to delete. */
  noteKeys: { input: { changes: readonly NotedChange[] }; output: (number | undefined)[] };
  nextEpoch: { input: Record<string, never>; output: number };
  enqueueJobs: {
    input: { queue: string; nowMs: number; jobs: readonly QueuedJob[] };
    output: { added: number; nextDueMs: number | undefined };
  };
  claimJobs: {
    input: { queue: string; nowMs: number; max: number; token: number; visibleAgainAtMs: number };
    output: { jobs: ClaimedJob[]; nextDueMs: number | undefined };
  };
  finishJob: { input: ClaimReference; output: undefined };
  retryJob: { input: ClaimReference & { dueMs: number; body?: Uint8Array | undefined }; output: undefined };
  extendJob: { input: ClaimReference & { dueMs: number }; output: undefined };
  appendLogs: { input: { nowMs: number; chunks: readonly PackedChunk[] }; output: undefined };
  /** Answers whether it is the only one of its group. */
  createLogStream: { input: NewLogStream; output: boolean };
  /** Answers the streams that there are not any more. */
  appendLogStreams: { input: { nowMs: number; batches: readonly PackedBatch[] }; output: string[] };
  /** Drops a bounded number of streams and chunks of a group; answers whether there are more. */
  dropLogGroup: { input: { group: string }; output: boolean };
  /** Drops a bounded number of chunks; answers whether there are more. */
  dropLogs: { input: { stream: string }; output: boolean };
  /** Looks at a bounded number of chunks; answers whether there are more. */
  trimLogs: { input: { stream: string; beforeMs: number }; output: boolean };
  /** Writes and commits a row, to find out whether that works again. */
  probe: { input: { nowMs: number }; output: undefined };
}

/** What must be in place for a write: anything, nothing, or exactly this revision. */
export type Expectation = "any" | "absent" | number;

export interface NotedChange {
  readonly key: string;
  /** Undefined deletes. */
  readonly value: Uint8Array | undefined;
}

export interface QueuedJob {
  readonly body: Uint8Array;
  readonly deduplicationId: string | undefined;
  readonly dueMs: number;
}

export interface ClaimReference {
  readonly id: number;
  readonly token: number;
}

export interface ClaimedJob {
  readonly id: number;
  readonly body: Uint8Array;
  readonly enqueuedAtMs: number;
  readonly deliveries: number;
}

export interface PackedChunk {
  readonly stream: string;
  readonly count: number;
  readonly firstTimestampMs: number;
  readonly lastTimestampMs: number;
  /** JSON of a `ChunkContent`. */
  readonly json: string;
}

/** What one call appends to a stream that is found by group and name. */
export interface PackedBatch {
  readonly stream: string;
  readonly firstTimestampMs: number;
  readonly lastTimestampMs: number;
  readonly bytes: number;
  /** No entry is older than an earlier one of the batch by more than this. */
  readonly disorderMs: number;
  readonly chunks: readonly PackedChunk[];
}

export type OperationName = keyof WriteOperations;
export type OperationInput<Name extends OperationName> = WriteOperations[Name]["input"];
export type OperationOutput<Name extends OperationName> = WriteOperations[Name]["output"];

/** Carries operations out, one function for each. */
export type OperationHandlers<Name extends OperationName = OperationName> = {
  readonly [Key in Name]: (input: OperationInput<Key>) => OperationOutput<Key>;
};

export interface OperationRequest {
  readonly id: number;
  readonly name: OperationName;
  readonly input: OperationInput<OperationName>;
}

export type OperationAnswer =
  | { readonly id: number; readonly output: OperationOutput<OperationName> }
  | { readonly id: number; readonly failure: string; readonly message: string };

/** From the main thread to the writer. */
export type WriterCommand = { type: "run"; requests: readonly OperationRequest[] } | { type: "close" };

/** From the writer to the main thread. */
export type WriterReport =
  | { type: "opened" }
  /** The database cannot be used; `advice` is for the operator. */
  | { type: "refused"; message: string; advice: string }
  | { type: "answers"; answers: readonly OperationAnswer[]; failed: boolean }
  | { type: "closed" };

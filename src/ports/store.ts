/**
 * The store's ports. There are two classes of failure only:
 *  - definite (`Conflict`, `TooLarge`, `LeaseLost`, `NotFound`): nothing was changed;
 *  - indefinite (`Unavailable`): for a write it may or may not have happened, so the caller reads again, or
 *    repeats the write with the same deduplication id.
 *
 * Business code follows the weakest adapter: single-key compare-and-set only, no transaction over keys.
 */
export class Conflict extends Error {
  override name = "Conflict";
}
export class Unavailable extends Error {
  override name = "Unavailable";
}
export class TooLarge extends Error {
  override name = "TooLarge";
}
export class LeaseLost extends Error {
  override name = "LeaseLost";
}
export class NotFound extends Error {
  override name = "NotFound";
}

/** Opaque. Two revisions of the same key compare with `===` only. */
export type Revision = string & { readonly __revision?: never };
/** '/'-separated segments, any unicode inside a segment, at most 512 bytes. Prefixes end at a '/' ('' = all). */
export type Key = string;

export interface Entry {
  readonly key: Key;
  readonly value: Uint8Array;
  readonly revision: Revision;
}

export type Change =
  | { readonly type: "put"; readonly entry: Entry }
  | { readonly type: "delete"; readonly key: Key }
  | { readonly type: "synced" };

export interface KeyValueStore {
  /** The last value acknowledged to this node, or a newer one. Decisions are made by `create`/`update` only. */
  get(key: Key): Promise<Entry | undefined>;
  /** A snapshot of every entry below `prefix`, sorted by key. */
  list(prefix: Key): Promise<Entry[]>;
  /** Last writer wins. Resolves when durable. */
  put(key: Key, value: Uint8Array): Promise<Revision>;
  /** `Conflict` when the key exists. */
  create(key: Key, value: Uint8Array): Promise<Revision>;
  /** `Conflict` when `revision` is not current, or the key is gone. */
  update(key: Key, value: Uint8Array, revision: Revision): Promise<Revision>;
  /** `Conflict` when a revision is given and is not current; an absent key is fine. */
  delete(key: Key, revision?: Revision): Promise<void>;
  /**
   * Last writer wins, in order with all other writes; an undefined value deletes. Resolves when the changes outlive this
   * process. When the machine loses power they may be gone, all that came after the last durable write: for what is a
   * hint then.
   */
  note(changes: readonly { readonly key: Key; readonly value: Uint8Array | undefined }[]): Promise<void>;
  /**
   * Every key below `prefix` as 'put', then one 'synced', then changes. Per key in order; intermediate values may
   * be skipped, the last one never. A write is reported to local watchers before its own promise resolves.
   */
  watch(prefix: Key, onChange: (change: Change) => void): Promise<{ close(): Promise<void> }>;
}

export interface Lease {
  readonly name: string;
  /** Grows with every holder: the fencing token. */
  readonly epoch: bigint;
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

export interface Leases {
  readonly ttlMs: number;
  /** `undefined` = someone else holds it. `lost` fires before anyone else can get it. */
  acquire(name: string, holder: string): Promise<Lease | undefined>;
  /** For display. */
  holder(name: string): Promise<{ holder: string; epoch: bigint } | undefined>;
}

export interface NewJob {
  /** At most 1 MiB and 64 KiB: AWS's largest event and what is noted beside it. */
  readonly body: Uint8Array;
  /** A job with the same id is ignored for at least two minutes. */
  readonly deduplicationId?: string;
  readonly delayMs?: number;
}

export interface Job {
  readonly id: string;
  readonly body: Uint8Array;
  readonly enqueuedAtMs: number;
  /** At least 1; a hint. */
  readonly deliveries: number;
  /** Resolves when durable: never delivered again. */
  done(): Promise<void>;
  /** Back into the queue, not before `delayMs` (at most 6 h); with `body`, replaced. Keeps `enqueuedAtMs`. */
  retry(delayMs: number, body?: Uint8Array): Promise<void>;
  /** Restarts the visibility time; `LeaseLost` when another receiver has the job. */
  extend(): Promise<void>;
}

export interface DurableQueue {
  /** Resolves when on disk. `Unavailable` = repeat with the same `deduplicationId`. */
  enqueue(queue: string, jobs: readonly NewJob[]): Promise<void>;
  /**
   * Up to `max` jobs; waits at most `waitMs` for the first. A job not settled within the visibility time returns. Who has
   * received what need not be on disk: after a crash all that is not settled is given out again.
   */
  receive(queue: string, max: number, waitMs: number): Promise<Job[]>;
  stats(queue: string): Promise<{ waiting: number; inFlightOrDelayed: number }>;
  /** Names of the queues below `prefix` (as for keys) that hold jobs. */
  queues(prefix: string): Promise<string[]>;
}

/** Immutable, content-addressed by the caller (SHA-256). */
export interface BlobStore {
  /** Visible only when whole and durable; the same key again is fine. */
  put(key: string, data: AsyncIterable<Uint8Array>): Promise<{ sizeBytes: number }>;
  /** `NotFound` when absent. */
  get(key: string): Promise<AsyncIterable<Uint8Array>>;
  has(key: string): Promise<boolean>;
  /** An absent blob is fine. */
  delete(key: string): Promise<void>;
}

export interface LogEntry {
  /** Orders entries within a stream; opaque otherwise. */
  readonly position: string;
  /** Epoch milliseconds given at append. */
  readonly timestampMs: number;
  readonly ingestedAtMs: number;
  readonly message: string;
}

export interface NewLogEntry {
  readonly timestampMs: number;
  readonly message: string;
}

/** Append-only streams, at-least-once. Stream names are '/'-separated like keys. */
export interface LogStore {
  /** Resolves when durable. Entries of one call stay together and in order. */
  append(batches: readonly { stream: string; entries: readonly NewLogEntry[] }[]): Promise<void>;
  /** Entries of one stream after `from` (exclusive; `undefined` = the oldest), in append order. */
  read(stream: string, from: string | undefined, max: number): Promise<LogEntry[]>;
  /** The newest `max` entries before `before` (exclusive; `undefined` = the newest), in append order. */
  readBackwards(stream: string, before: string | undefined, max: number): Promise<LogEntry[]>;
  /** Drops a stream and its entries. */
  drop(stream: string): Promise<void>;
  /** Drops entries of a stream older than the instant. */
  trim(stream: string, beforeMs: number): Promise<void>;
}

/** Where a stream stands that is found by group and name. */
export interface NewLogStream {
  /** Its name in the log store; never that of another one, also when the stream is gone. */
  readonly id: string;
  /** A single segment of a key. */
  readonly group: string;
  readonly name: string;
  readonly createdAtMs: number;
}

/** What is known of a stream without reading its entries: as exact as the entries themselves. */
export interface LogStreamRecord extends NewLogStream {
  readonly firstEventMs: number | undefined;
  readonly lastEventMs: number | undefined;
  readonly lastIngestionMs: number | undefined;
  /** Bytes of the messages and 26 for each entry, as AWS counts; less what `trim` removed, by estimate. */
  readonly storedBytes: number;
  /** No entry is older than an earlier one by more than this. */
  readonly disorderMs: number;
}

/**
 * A log store whose streams can also be found: by group and name, by the times of their entries. However many there are,
 * this process holds none of them. `drop` and `trim` take such a stream by its id, and keep what is known of it true.
 */
export interface LogStreamStore extends LogStore {
  /** `Conflict` when the group has a stream of that name. Answers whether it is the only one of its group. */
  createStream(stream: NewLogStream): Promise<{ isFirst: boolean }>;
  findStream(group: string, name: string): Promise<LogStreamRecord | undefined>;
  /** Those of a group with a prefix of the name, sorted by name (by the bytes of its UTF-8), behind `after`. */
  streamsByName(
    group: string,
    page: {
      readonly prefix: string;
      readonly after: string | undefined;
      readonly descending: boolean;
      readonly limit: number;
    },
  ): Promise<LogStreamRecord[]>;
  /** Sorted by the time of the last event, which is 0 where there is none, and by name. */
  streamsByLastEvent(
    group: string,
    page: {
      readonly after: { readonly lastEventMs: number; readonly name: string } | undefined;
      readonly descending: boolean;
      readonly limit: number;
    },
  ): Promise<LogStreamRecord[]>;
  /**
   * Those that may have an entry from `startMs` on and before `endMs`, and those without any that were made then; sorted by
   * the first instant of which that may be so: the first event's or else the creation's, less the disorder.
   */
  streamsByFirstEvent(
    group: string,
    page: {
      readonly prefix: string;
      readonly startMs: number;
      readonly endMs: number;
      /** The last one of the part before. */
      readonly after: LogStreamRecord | undefined;
      readonly limit: number;
    },
  ): Promise<LogStreamRecord[]>;
  groupTotals(group: string): Promise<{ streams: number; storedBytes: number }>;
  /** Groups that have streams. */
  groupsWithStreams(): Promise<string[]>;
  /**
   * As `append`, for streams made by `createStream`. Answers the ids of those that there are not any more: nothing was
   * stored for them.
   */
  appendToStreams(
    batches: readonly { stream: string; entries: readonly NewLogEntry[] }[],
  ): Promise<readonly string[]>;
  /**
   * Drops some streams of a group with their entries, in a write that others do not wait for long. Whether there may be more.
   */
  dropSome(group: string): Promise<boolean>;
}

export interface Store {
  readonly keyValue: KeyValueStore;
  readonly leases: Leases;
  readonly queue: DurableQueue;
  readonly blobs: BlobStore;
  readonly logs: LogStreamStore;
  healthy(): boolean;
  close(): Promise<void>;
}

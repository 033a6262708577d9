import type { Clock } from "../../ports/clock.ts";
import type {
  BlobStore,
  DurableQueue,
  KeyValueStore,
  Leases,
  LogStreamStore,
  Store,
} from "../../ports/store.ts";
import { Blobs } from "./blobs.ts";
import { type DataDirectory, openDataDirectory } from "./data-directory.ts";
import { Health } from "./health.ts";
import { KeyValue } from "./key-value.ts";
import { ProcessLeases } from "./leases.ts";
import { LogStreams } from "./log-streams.ts";
import { Queue } from "./queue.ts";
import { Reader } from "./reader.ts";
import { Writer } from "./writer.ts";

/** How long a receiver may work on a job without a sign of life. */
const VISIBILITY_MS = 30_000;

export interface SqliteStoreOptions {
  /** Created when absent; one process at a time. */
  readonly dataDirectory: string;
  readonly clock: Clock;
  /** Of jobs in the queue; 30 s unless given. */
  readonly visibilityMs?: number;
}

/**
 * Opens the embedded store: SQLite and files in one directory, for one process. Every write is on disk when its
 * promise resolves. An open store keeps the process alive. Rejects with `OperatorError` when another process has the
 * directory, a newer Lambent wrote it, or it cannot be used.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const directory = await openDataDirectory(options.dataDirectory, options.clock);
  const health = new Health(options.clock);
  let writer: Writer | undefined;
  try {
    const opened = await Writer.open(directory.databaseFile, () => health.failed());
    writer = opened;
    health.start(() => opened.run("probe", { nowMs: options.clock.nowMs() }));
    const blobs = await Blobs.open(directory.blobsDirectory, () => health.failed());
    const reader = new Reader(directory.databaseFile);
    return new SqliteStore({ directory, writer: opened, reader, blobs, health }, options);
  } catch (error) {
    health.stop();
    await writer?.close();
    directory.release();
    throw error;
  }
}

interface OpenParts {
  readonly directory: DataDirectory;
  readonly writer: Writer;
  readonly reader: Reader;
  readonly blobs: Blobs;
  readonly health: Health;
}

class SqliteStore implements Store {
  readonly keyValue: KeyValueStore;
  readonly leases: Leases;
  readonly queue: DurableQueue;
  readonly blobs: BlobStore;
  readonly logs: LogStreamStore;
  readonly #parts: OpenParts;
  readonly #leases: ProcessLeases;
  readonly #queue: Queue;
  #closing: Promise<void> | undefined;

  constructor(parts: OpenParts, { clock, visibilityMs = VISIBILITY_MS }: SqliteStoreOptions) {
    this.#parts = parts;
    this.#leases = new ProcessLeases(parts.writer);
    this.#queue = new Queue(parts, clock, visibilityMs);
    this.keyValue = new KeyValue(parts.writer, parts.reader);
    this.leases = this.#leases;
    this.queue = this.#queue;
    this.blobs = parts.blobs;
    this.logs = new LogStreams(parts, clock);
  }

  healthy(): boolean {
    return this.#parts.health.isHealthy;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { directory, writer, reader, blobs, health } = this.#parts;
    health.stop();
    this.#leases.close();
    const writesDone = writer.close();
    this.#queue.close();
    await Promise.all([blobs.close(), writesDone]);
    reader.close();
    directory.release();
  }
}

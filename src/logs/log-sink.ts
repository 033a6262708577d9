import { isContinuationByte, LOG_EVENT_BYTES_MAX } from "../core/log-event-size.ts";
import type { Clock } from "../ports/clock.ts";
import type { LogSink, LogStreamReference, LogStreamWriter } from "../ports/log-sink.ts";
import { Conflict, type LogStreamStore, type NewLogEntry, Unavailable } from "../ports/store.ts";
import type { LogCatalogue } from "./log-catalogue.ts";
import { newStream } from "./log-groups.ts";
import type { LogIngestion } from "./log-ingestion.ts";
import type { StoredLogGroup } from "./log-records.ts";

const STREAM_FLUSH_CHARACTERS = 64 * 1024;
const DROPPED_SHARE = 0.5;
/** What an event takes in memory beside its text, in characters. */
const EVENT_CHARACTERS = 64;

const charactersOf = (message: string): number => message.length + EVENT_CHARACTERS;
const charactersOfAll = (entries: readonly NewLogEntry[]): number =>
  entries.reduce((sum, { message }) => sum + charactersOf(message), 0);

export interface LogSinkOptions {
  readonly catalogue: LogCatalogue;
  readonly logs: LogStreamStore;
  readonly clock: Clock;
  /** Told of events once they are stored. */
  readonly ingestion?: LogIngestion;
  /** How long an event waits at most before it is written; 200 unless given. */
  readonly flushIntervalMs?: number;
  /** Events that wait for the store are kept up to this size; 32 MiB unless given. */
  readonly maxBufferedBytes?: number;
  /** Written as the first event of every group that has no stream yet. */
  readonly firstLineOfGroup?: string;
}

/** A `LogSink` into a log store. */
export interface BufferedLogSink extends LogSink {
  /**
   * Resolves when everything written before is in the store. A store that is not available is tried once; the events
   * stay for the next attempt.
   */
  flush(): Promise<void>;
  /** Writes what is buffered and stops. */
  close(): Promise<void>;
}

/** Creates the sink. Writing pushes into memory; one append per interval takes all streams to the store. */
export function createLogSink(options: LogSinkOptions): BufferedLogSink {
  const sink = new Buffers(options);
  return {
    open: (stream) => new StreamBuffer(stream, sink),
    flush: () => sink.flush(),
    close: () => sink.close(),
  };
}

/** The waiting events of one stream. */
class StreamBuffer implements LogStreamWriter {
  readonly reference: LogStreamReference;
  readonly #buffers: Buffers;
  entries: NewLogEntry[] = [];
  characters = 0;
  dropped = 0;
  /** Listed among the streams that have something to write. */
  listed = false;
  /** Id in the store of the stream that was found or made. */
  stream: string | undefined;

  constructor(reference: LogStreamReference, buffers: Buffers) {
    this.reference = reference;
    this.#buffers = buffers;
  }

  write(timestampMs: number, message: string): void {
    this.entries.push({ timestampMs, message });
    const characters = charactersOf(message);
    this.characters += characters;
    this.#buffers.written(this, characters);
  }

  /** Hands over everything that waits. */
  take(nowMs: number): NewLogEntry[] {
    const { entries } = this;
    if (this.dropped > 0) entries.unshift(droppedLine(this.dropped, entries[0]?.timestampMs ?? nowMs));
    this.entries = [];
    this.characters = 0;
    this.dropped = 0;
    this.listed = false;
    return entries;
  }

  /** Gives up the oldest half; returns the size of what is gone. */
  dropOldest(): number {
    const count = Math.ceil(this.entries.length * DROPPED_SHARE);
    const gone = this.entries.splice(0, count);
    const characters = charactersOfAll(gone);
    this.characters -= characters;
    this.dropped += count;
    return characters;
  }
}

function droppedLine(count: number, timestampMs: number): NewLogEntry {
  return {
    timestampMs,
    message: `LOGS_DROPPED ${count} log events of this stream were dropped: they came faster than they could be stored.\n`,
  };
}

interface Batch {
  readonly buffer: StreamBuffer;
  readonly entries: NewLogEntry[];
}

class Buffers {
  readonly #options: LogSinkOptions;
  readonly #flushIntervalMs: number;
  readonly #maxBufferedBytes: number;
  #listed: StreamBuffer[] = [];
  #characters = 0;
  #inFlightCharacters = 0;
  #cancelTimer: (() => void) | undefined;
  #running: Promise<void> | undefined;
  /** Batches that the store did not acknowledge; they go first next time. */
  #unacknowledged: Batch[] = [];
  #closed = false;

  constructor(options: LogSinkOptions) {
    this.#options = options;
    this.#flushIntervalMs = options.flushIntervalMs ?? 200;
    this.#maxBufferedBytes = options.maxBufferedBytes ?? 32 * 1024 * 1024;
  }

  /** The hot path: called for every line of every function. */
  written(buffer: StreamBuffer, characters: number): void {
    this.#characters += characters;
    if (!buffer.listed) {
      buffer.listed = true;
      this.#listed.push(buffer);
    }
    if (this.#characters + this.#inFlightCharacters > this.#maxBufferedBytes) this.#makeRoom();
    if (
      buffer.characters >= STREAM_FLUSH_CHARACTERS &&
      this.#running === undefined &&
      this.#unacknowledged.length === 0
    ) {
      void this.#start();
    } else if (this.#cancelTimer === undefined && this.#running === undefined) {
      this.#schedule();
    }
  }

  async flush(): Promise<void> {
    // A run that is under way has taken its events before; what came since needs one of its own.
    await this.#running;
    if (this.#listed.length > 0 || this.#unacknowledged.length > 0) await (this.#running ?? this.#start());
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelTimer?.();
    await this.flush();
  }

  #schedule(): void {
    if (this.#closed) return;
    this.#cancelTimer = this.#options.clock.after(this.#flushIntervalMs, () => {
      this.#cancelTimer = undefined;
      if (this.#running === undefined) void this.#start();
    });
  }

  #start(): Promise<void> {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const run = this.#run().finally(() => {
      this.#running = undefined;
      if (this.#listed.length > 0 || this.#unacknowledged.length > 0) this.#schedule();
    });
    this.#running = run;
    return run;
  }

  /** Never rejects: what the store does not take stays, or is counted as dropped. */
  async #run(): Promise<void> {
    const batches = this.#takeAll();
    try {
      await this.#store(batches);
      this.#inFlightCharacters = 0;
    } catch (error) {
      if (error instanceof Unavailable) this.#keepForRetry(batches);
      else this.#giveUp(batches);
    }
  }

  #takeAll(): Batch[] {
    const nowMs = this.#options.clock.nowMs();
    const taken = this.#listed.map((buffer) => ({ buffer, entries: buffer.take(nowMs) }));
    const batches = [...this.#unacknowledged, ...taken];
    this.#inFlightCharacters += this.#characters;
    this.#characters = 0;
    this.#listed = [];
    this.#unacknowledged = [];
    return batches;
  }

  /** Streams that were deleted under their writers are made again, as often as that happens within a run. */
  async #store(batches: readonly Batch[]): Promise<void> {
    for (const { entries } of batches) cutMessages(entries);
    let left = batches.filter(({ entries }) => entries.length > 0);
    while (left.length > 0) {
      await Promise.all(left.map((batch) => this.#openStream(batch)));
      left = await this.#append(left);
    }
  }

  /** Finds or creates group and stream. Streams of new environments have new names: most are made without looking. */
  async #openStream({ buffer, entries }: Batch): Promise<void> {
    if (buffer.stream !== undefined) return;
    const { clock, firstLineOfGroup, logs } = this.#options;
    const { logStreamName } = buffer.reference;
    const group = await this.#openGroup(buffer.reference);
    try {
      const stream = newStream(group, logStreamName, clock.nowMs());
      const { isFirst } = await logs.createStream(stream);
      buffer.stream = stream.id;
      const timestampMs = entries[0]?.timestampMs ?? clock.nowMs();
      if (isFirst && firstLineOfGroup !== undefined)
        entries.unshift({ timestampMs, message: firstLineOfGroup });
    } catch (error) {
      if (!(error instanceof Conflict)) throw error;
      buffer.stream = (await logs.findStream(group.groupId, logStreamName))?.id;
      if (buffer.stream === undefined) throw new Unavailable(`Log stream ${logStreamName} is being deleted.`);
    }
  }

  async #openGroup(reference: LogStreamReference): Promise<StoredLogGroup> {
    const { catalogue } = this.#options;
    const group =
      catalogue.group(reference) ??
      (await catalogue.createGroup(reference, {})) ??
      catalogue.group(reference);
    if (group === undefined) throw new Unavailable(`Log group ${reference.logGroupName} is being deleted.`);
    return group;
  }

  /** Answers the batches whose streams are gone. */
  async #append(batches: readonly Batch[]): Promise<Batch[]> {
    const { clock, ingestion, logs } = this.#options;
    const appended = batches.map(({ buffer, entries }) => ({ stream: buffer.stream ?? "", entries }));
    const gone = new Set(await logs.appendToStreams(appended));
    const ingestedAtMs = clock.nowMs();
    return batches.filter(({ buffer, entries }) => {
      if (gone.has(buffer.stream ?? "")) {
        buffer.stream = undefined;
        return true;
      }
      ingestion?.publish({ stream: buffer.reference, events: entries, ingestedAtMs });
      return false;
    });
  }

  /** Tried again with the next run; while the store stays away, the oldest half makes room for what comes. */
  #keepForRetry(batches: Batch[]): void {
    this.#unacknowledged = batches;
    if (this.#inFlightCharacters < this.#maxBufferedBytes / 2) return;
    for (const { buffer, entries } of batches) {
      const gone = entries.splice(0, Math.ceil(entries.length * DROPPED_SHARE));
      buffer.dropped += gone.length;
      this.#inFlightCharacters -= charactersOfAll(gone);
    }
  }

  /** The store refused for good: the events are lost, and their streams say so with the next line. */
  #giveUp(batches: readonly Batch[]): void {
    this.#inFlightCharacters = 0;
    for (const { buffer, entries } of batches) buffer.dropped += entries.length;
  }

  /** Events wait for a slow store: the stream with the most of them loses its oldest half. */
  #makeRoom(): void {
    const largest = this.#listed.reduce<StreamBuffer | undefined>(
      (most, buffer) => (most === undefined || buffer.characters > most.characters ? buffer : most),
      undefined,
    );
    if (largest !== undefined) this.#characters -= largest.dropOldest();
  }
}

function cutMessages(entries: NewLogEntry[]): void {
  entries.forEach((entry, index) => {
    const cut = cutMessage(entry.message);
    if (cut !== entry.message) entries[index] = { ...entry, message: cut };
  });
}

/** AWS: an event with its overhead is at most 256 KB; Lambda cuts longer ones. */
function cutMessage(message: string): string {
  const bytesMax = LOG_EVENT_BYTES_MAX;
  // A UTF-16 unit is at most three bytes: most messages need no count.
  if (message.length * 3 <= bytesMax || Buffer.byteLength(message) <= bytesMax) return message;
  const bytes = Buffer.from(message);
  let end = bytesMax;
  while (end > 0 && isContinuationByte(bytes[end])) end--;
  return bytes.toString("utf8", 0, end);
}

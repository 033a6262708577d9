import {
  Conflict,
  type LogEntry,
  type LogStreamRecord,
  type LogStreamStore,
  type NewLogEntry,
  type NewLogStream,
} from "../../src/ports/store.ts";

type Batches = readonly { stream: string; entries: readonly NewLogEntry[] }[];

/** AWS's, of each event. */
const OVERHEAD_BYTES = 26;
const DISORDER_FLOOR_MS = 1_024;

/** A log store in memory that keeps the port's promises; `failNext` and `hold` make appends fail or wait. */
export class MemoryLogStore implements LogStreamStore {
  readonly streams = new Map<string, LogEntry[]>();
  /** Streams that can be found, by id. */
  readonly records = new Map<string, LogStreamRecord>();
  appends = 0;
  reads = 0;
  readonly #failures: Error[] = [];
  readonly #now: () => number;
  #gate: Promise<void> | undefined;
  #position = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** The next append throws. */
  failNext(error: Error): void {
    this.#failures.push(error);
  }

  /** Appends wait until the returned function is called. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate = promise;
    return () => {
      this.#gate = undefined;
      resolve();
    };
  }

  async append(batches: Batches): Promise<void> {
    this.appends++;
    await this.#gate;
    const failure = this.#failures.shift();
    if (failure !== undefined) throw failure;
    for (const { stream, entries } of batches) {
      const stored = this.streams.get(stream) ?? [];
      this.streams.set(stream, stored);
      for (const entry of entries) {
        const position = String(++this.#position).padStart(12, "0");
        stored.push({ ...entry, position, ingestedAtMs: this.#now() });
      }
    }
  }

  async appendToStreams(batches: Batches): Promise<readonly string[]> {
    const isThere = ({ stream }: { stream: string }): boolean => this.records.has(stream);
    const gone = batches.filter((batch) => !isThere(batch)).map(({ stream }) => stream);
    await this.append(batches.filter(isThere));
    for (const { stream, entries } of batches.filter(isThere))
      for (const entry of entries) this.#note(stream, entry);
    return gone;
  }

  async createStream(stream: NewLogStream): Promise<{ isFirst: boolean }> {
    if ((await this.findStream(stream.group, stream.name)) !== undefined) throw new Conflict(stream.name);
    const none = { firstEventMs: undefined, lastEventMs: undefined, lastIngestionMs: undefined };
    this.records.set(stream.id, { ...stream, ...none, storedBytes: 0, disorderMs: DISORDER_FLOOR_MS });
    return { isFirst: this.#inGroup(stream.group).length === 1 };
  }

  async findStream(group: string, name: string): Promise<LogStreamRecord | undefined> {
    return this.#inGroup(group).find((record) => record.name === name);
  }

  async streamsByName(
    group: string,
    { prefix, after, descending, limit }: Parameters<LogStreamStore["streamsByName"]>[1],
  ): Promise<LogStreamRecord[]> {
    const records = this.#inGroup(group).filter(({ name }) => name.startsWith(prefix));
    return page(records, ({ name }) => [name], {
      after: after === undefined ? undefined : [after],
      descending,
      limit,
    });
  }

  async streamsByLastEvent(
    group: string,
    { after, descending, limit }: Parameters<LogStreamStore["streamsByLastEvent"]>[1],
  ): Promise<LogStreamRecord[]> {
    return page(this.#inGroup(group), ({ lastEventMs, name }) => [lastEventMs ?? 0, name], {
      after: after && [after.lastEventMs, after.name],
      descending,
      limit,
    });
  }

  async streamsByFirstEvent(
    group: string,
    { prefix, startMs, endMs, after, limit }: Parameters<LogStreamStore["streamsByFirstEvent"]>[1],
  ): Promise<LogStreamRecord[]> {
    const placeOf = ({ firstEventMs, createdAtMs, disorderMs, name }: LogStreamRecord): Place => [
      (firstEventMs ?? createdAtMs) - disorderMs,
      name,
    ];
    const records = this.#inGroup(group).filter(
      (record) =>
        record.name.startsWith(prefix) &&
        Number(placeOf(record)[0]) < endMs &&
        (record.lastEventMs ?? record.createdAtMs) + record.disorderMs >= startMs,
    );
    return page(records, placeOf, { after: after && placeOf(after), descending: false, limit });
  }

  async groupTotals(group: string): Promise<{ streams: number; storedBytes: number }> {
    const records = this.#inGroup(group);
    return {
      streams: records.length,
      storedBytes: records.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
    };
  }

  async groupsWithStreams(): Promise<string[]> {
    return [...new Set([...this.records.values()].map(({ group }) => group))];
  }

  async read(stream: string, from: string | undefined, max: number): Promise<LogEntry[]> {
    this.reads++;
    const entries = this.streams.get(stream) ?? [];
    return entries.filter(({ position }) => from === undefined || position > from).slice(0, max);
  }

  async readBackwards(stream: string, before: string | undefined, max: number): Promise<LogEntry[]> {
    this.reads++;
    const entries = this.streams.get(stream) ?? [];
    return entries.filter(({ position }) => before === undefined || position < before).slice(-max);
  }

  async drop(stream: string): Promise<void> {
    this.streams.delete(stream);
    this.records.delete(stream);
  }

  async dropSome(group: string): Promise<boolean> {
    for (const { id } of this.#inGroup(group).slice(0, 2)) await this.drop(id);
    return this.#inGroup(group).length > 0;
  }

  async trim(stream: string, beforeMs: number): Promise<void> {
    const kept = (this.streams.get(stream) ?? []).filter(({ timestampMs }) => timestampMs >= beforeMs);
    this.streams.set(stream, kept);
    const record = this.records.get(stream);
    if (record?.firstEventMs !== undefined && record.firstEventMs < beforeMs)
      this.records.set(stream, { ...record, firstEventMs: beforeMs });
  }

  #inGroup(group: string): LogStreamRecord[] {
    return [...this.records.values()].filter((record) => record.group === group);
  }

  #note(stream: string, { timestampMs, message }: NewLogEntry): void {
    const record = this.records.get(stream);
    if (record === undefined) return;
    const { firstEventMs = timestampMs, lastEventMs = timestampMs, storedBytes, disorderMs } = record;
    this.records.set(stream, {
      ...record,
      firstEventMs: Math.min(firstEventMs, timestampMs),
      lastEventMs: Math.max(lastEventMs, timestampMs),
      lastIngestionMs: this.#now(),
      storedBytes: storedBytes + Buffer.byteLength(message) + OVERHEAD_BYTES,
      disorderMs: Math.max(disorderMs, lastEventMs - timestampMs),
    });
  }
}

type Place = readonly (string | number)[];

function compare(left: Place, right: Place): number {
  const at = left.findIndex((value, index) => value !== right[index]);
  if (at === -1) return 0;
  return (left[at] ?? 0) < (right[at] ?? 0) ? -1 : 1;
}

function page(
  records: readonly LogStreamRecord[],
  placeOf: (record: LogStreamRecord) => Place,
  { after, descending, limit }: { after: Place | undefined; descending: boolean; limit: number },
): LogStreamRecord[] {
  const direction = descending ? -1 : 1;
  return records
    .filter((record) => after === undefined || direction * compare(placeOf(record), after) > 0)
    .sort((left, right) => direction * compare(placeOf(left), placeOf(right)))
    .slice(0, limit);
}

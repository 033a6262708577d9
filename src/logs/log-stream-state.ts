import type { StoredLogStream, StreamStatistics } from "./log-records.ts";

/** What one append adds to a stream. */
export interface AppendedEvents {
  readonly firstMs: number;
  readonly lastMs: number;
  readonly bytes: number;
  readonly ingestedAtMs: number;
}

/** Disorder below this is taken for granted and costs no write. */
export const DISORDER_FLOOR_MS = 1024;

/** A stream in memory: its stored document and what happened since it was written. */
export class LogStreamState {
  #record: StoredLogStream;
  /** The stream was deleted; whoever still holds this state has to ask the catalogue again. */
  removed = false;
  /** The statistics were compared with the events since this process started; stored ones may be seconds old. */
  verified = false;
  /** Statistics changed since they were stored. */
  dirty = false;

  constructor(record: StoredLogStream) {
    this.#record = record;
  }

  get record(): StoredLogStream {
    return this.#record;
  }

  /** Takes over what the store reports, without losing newer statistics of this process. */
  refresh(stored: StoredLogStream): void {
    const own = this.#record;
    this.#record =
      this.dirty && own.streamId === stored.streamId ? { ...stored, ...newest(own, stored) } : stored;
  }

  noteEvents(events: AppendedEvents): void {
    const record = this.#record;
    this.#record = {
      ...record,
      firstEventMs: Math.min(record.firstEventMs ?? events.firstMs, events.firstMs),
      lastEventMs: Math.max(record.lastEventMs ?? events.lastMs, events.lastMs),
      lastIngestionMs: events.ingestedAtMs,
      storedBytes: record.storedBytes + events.bytes,
    };
    this.dirty = true;
  }

  /** The disorder that events with these times bring, rounded up so that it grows in few steps. */
  disorderWith(timestampsMs: readonly number[]): number {
    let newestMs = this.#record.lastEventMs ?? Number.NEGATIVE_INFINITY;
    let disorderMs = this.#record.disorderMs;
    for (const timestampMs of timestampsMs) {
      if (timestampMs > newestMs) newestMs = timestampMs;
      else if (newestMs - timestampMs > disorderMs)
        disorderMs = 2 ** Math.ceil(Math.log2(newestMs - timestampMs));
    }
    return disorderMs;
  }

  noteDisorder(disorderMs: number): void {
    this.#record = { ...this.#record, disorderMs };
    this.dirty = true;
  }

  /** Retention removed everything before the instant. */
  noteTrimmed(beforeMs: number): void {
    const { firstEventMs, lastEventMs, storedBytes } = this.#record;
    if (firstEventMs === undefined || lastEventMs === undefined || firstEventMs >= beforeMs) return;
    // Bytes are taken to be spread evenly over time: AWS, too, calls storedBytes an approximation.
    const kept = Math.max(0, lastEventMs - beforeMs) / Math.max(1, lastEventMs - firstEventMs);
    this.#record = { ...this.#record, firstEventMs: beforeMs, storedBytes: Math.round(storedBytes * kept) };
    this.dirty = true;
  }
}

function newest(own: StoredLogStream, stored: StoredLogStream): Partial<StreamStatistics> {
  const ownIsNewer = (own.lastIngestionMs ?? 0) >= (stored.lastIngestionMs ?? 0);
  const { firstEventMs, lastEventMs, lastIngestionMs, storedBytes } = ownIsNewer ? own : stored;
  const disorderMs = Math.max(own.disorderMs, stored.disorderMs);
  return { firstEventMs, lastEventMs, lastIngestionMs, storedBytes, disorderMs };
}

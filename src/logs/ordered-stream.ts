import type { LogEntry, LogStreamRecord } from "../ports/store.ts";
import type { StreamReader, TimeRange } from "./stream-reader.ts";

/** Entries held back to be put in order; a stream with more disorder than fits is read in append order beyond it. */
const HELD_ENTRIES_MAX = 50_000;

interface HeldEntry {
  readonly entry: LogEntry;
  /** Number in append order. */
  readonly sequence: number;
  /** Position of the entry before it in append order. */
  readonly previous: string | undefined;
}

/** The last event of the page before, when it belongs to this stream. */
export interface ResumePoint {
  readonly timestampMs: number;
  readonly position: string;
}

/** The events of one stream within a range, ordered by time and, within a millisecond, as they were appended. */
export class OrderedStream {
  readonly key: string;
  readonly stream: LogStreamRecord;
  readonly #reader: StreamReader;
  readonly #range: TimeRange;
  readonly #resume: ResumePoint | undefined;
  #held: HeldEntry[] = [];
  #newestMs = Number.NEGATIVE_INFINITY;
  #readThrough: string | undefined;
  #ended = false;
  scanned = 0;

  constructor(source: {
    reader: StreamReader;
    range: TimeRange;
    /** Where the reader starts. */
    after: string | undefined;
    resume: ResumePoint | undefined;
  }) {
    this.#reader = source.reader;
    this.stream = source.reader.stream;
    this.key = this.stream.id;
    this.#range = source.range;
    this.#resume = source.resume;
    this.#readThrough = source.after;
  }

  /** The next event, where what has been read tells it. */
  get certain(): LogEntry | undefined {
    return this.#ended || this.#firstIsCertain() ? this.#held[0]?.entry : undefined;
  }

  /** The next event without taking it. */
  async peek(): Promise<LogEntry | undefined> {
    while (!this.#ended && !this.#firstIsCertain()) await this.#hold();
    return this.#held[0]?.entry;
  }

  take(): void {
    this.#held.shift();
  }

  /** Everything up to here, in append order, has been taken: where a following page may start to read. */
  takenThrough(): string | undefined {
    if (this.#held.length === 0) return this.#readThrough;
    return this.#held.reduce((first, held) => (held.sequence < first.sequence ? held : first)).previous;
  }

  /** No entry that is still unread can come before the first one held. */
  #firstIsCertain(): boolean {
    const first = this.#held[0];
    if (first === undefined) return false;
    return (
      this.#newestMs - first.entry.timestampMs > this.stream.disorderMs ||
      this.#held.length >= HELD_ENTRIES_MAX
    );
  }

  async #hold(): Promise<void> {
    const entry = await this.#reader.next();
    if (entry === undefined) {
      this.#ended = true;
      return;
    }
    this.scanned++;
    const previous = this.#readThrough;
    this.#readThrough = entry.position;
    this.#newestMs = Math.max(this.#newestMs, entry.timestampMs);
    if (entry.timestampMs < this.#range.startMs || entry.timestampMs >= this.#range.endMs) return;
    if (entry.position === this.#resume?.position) {
      // The page before ended here: what stands before it within its millisecond was given out, too.
      this.#held = this.#held.filter(
        ({ entry: { timestampMs } }) => timestampMs !== this.#resume?.timestampMs,
      );
      return;
    }
    // Almost always the last place is the right one.
    let place = this.#held.length;
    while (place > 0 && (this.#held[place - 1]?.entry.timestampMs ?? 0) > entry.timestampMs) place--;
    this.#held.splice(place, 0, { entry, previous, sequence: this.scanned });
  }
}

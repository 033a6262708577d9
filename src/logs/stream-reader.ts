import type { LogEntry, LogStore, LogStreamRecord } from "../ports/store.ts";

/** Entries read from the store at a time. */
const PAGE_ENTRIES = 1000;

/** A range of time: from `startMs` on, before `endMs`. */
export interface TimeRange {
  readonly startMs: number;
  readonly endMs: number;
}

/** Whether a stream can have events in a range, judged by what is known of it. */
export function mayHaveEvents(stream: LogStreamRecord, range: TimeRange): boolean {
  const { firstEventMs, lastEventMs, disorderMs } = stream;
  if (firstEventMs === undefined || lastEventMs === undefined) return false;
  return lastEventMs + disorderMs >= range.startMs && firstEventMs - disorderMs < range.endMs;
}

/**
 * The position behind which all events of a range stand: found from the newest backwards, since readers mostly ask
 * for the recent. `undefined` is the beginning of the stream.
 */
export async function positionBefore(
  logs: LogStore,
  stream: LogStreamRecord,
  startMs: number,
): Promise<string | undefined> {
  const { firstEventMs, disorderMs, id } = stream;
  const safeMs = startMs - disorderMs;
  if (firstEventMs === undefined || firstEventMs >= safeMs) return undefined;
  let before: string | undefined;
  for (;;) {
    const entries = await logs.readBackwards(id, before, PAGE_ENTRIES);
    const older = entries.findLast(({ timestampMs }) => timestampMs < safeMs);
    if (older !== undefined) return older.position;
    if (entries.length < PAGE_ENTRIES) return undefined;
    before = entries[0]?.position;
  }
}

/** Entries of a stream in append order, a page at a time, as far as the range can reach. */
export class StreamReader {
  readonly stream: LogStreamRecord;
  readonly #logs: LogStore;
  readonly #range: TimeRange;
  #position: string | undefined;
  #page: readonly LogEntry[] = [];
  #index = 0;
  #exhausted = false;

  constructor(source: {
    logs: LogStore;
    stream: LogStreamRecord;
    range: TimeRange;
    after: string | undefined;
  }) {
    this.#logs = source.logs;
    this.stream = source.stream;
    this.#range = source.range;
    this.#position = source.after;
  }

  /** The next entry, in the range or not; `undefined` when none that follows can be in the range. */
  async next(): Promise<LogEntry | undefined> {
    if (this.#index >= this.#page.length && !(await this.#readPage())) return undefined;
    const entry = this.#page[this.#index++];
    if (entry === undefined || entry.timestampMs >= this.#range.endMs + this.stream.disorderMs) {
      this.#exhausted = true;
      this.#page = [];
      return undefined;
    }
    return entry;
  }

  async #readPage(): Promise<boolean> {
    if (this.#exhausted) return false;
    this.#page = await this.#logs.read(this.stream.id, this.#position, PAGE_ENTRIES);
    this.#index = 0;
    this.#position = this.#page.at(-1)?.position ?? this.#position;
    this.#exhausted = this.#page.length < PAGE_ENTRIES;
    return this.#page.length > 0;
  }
}

import { createHash } from "node:crypto";
import type { LogFilter } from "../core/log-filter-pattern.ts";
import type { LogEntry, LogStore, LogStreamRecord } from "../ports/store.ts";
import { PageRoom } from "./get-log-events.ts";
import { OrderedStream } from "./ordered-stream.ts";
import { decodePageToken, encodePageToken } from "./page-token.ts";
import { mayHaveEvents, positionBefore, StreamReader, type TimeRange } from "./stream-reader.ts";

export interface FilterRequest {
  readonly streams: StreamSource;
  readonly range: TimeRange;
  readonly filter: LogFilter;
  readonly limit: number | undefined;
  readonly nextToken: string | undefined;
}

/** Streams sorted by where their events may begin, a part at a time: those behind `after` that may have some in the range. */
export type StreamSource = (
  range: TimeRange,
  after: LogStreamRecord | undefined,
) => Promise<readonly LogStreamRecord[]>;

export interface FilteredEvent {
  readonly logStreamName: string;
  readonly entry: LogEntry;
  readonly eventId: string;
}

export interface FilteredPage {
  readonly events: readonly FilteredEvent[];
  readonly nextToken: string | undefined;
}

/** Events looked at, and streams read to their end, in one call; AWS, too, gives pages without events while it searches. */
const SCANNED_EVENTS_MAX = 50_000;
const SCANNED_STREAMS_MAX = 5_000;
/** Reading positions that a token carries; other streams find theirs by time. */
const HINTS_MAX = 16;

/** The last event that was looked at, and where to read on. */
interface ResumeToken {
  readonly t: number;
  readonly s: string;
  readonly p: string;
  readonly h: Readonly<Record<string, string>>;
}

/**
 * FilterLogEvents: the matching events of many streams, interleaved by time. Every event is given out exactly once
 * over all pages.
 */
export async function filterLogEvents(logs: LogStore, request: FilterRequest): Promise<FilteredPage> {
  const resume =
    request.nextToken === undefined ? undefined : decodePageToken(request.nextToken, isResumeToken);
  const merge = new StreamMerge(logs, request, resume);
  const room = new PageRoom(request.limit);
  const events: FilteredEvent[] = [];
  let last = resume;
  for (let head = await merge.peek(); head !== undefined; head = await merge.peek()) {
    const { stream, entry } = head;
    const matches = request.filter === undefined || request.filter(entry.message);
    const isFull = matches && !room.takes(entry.message);
    if (isFull || merge.taken >= SCANNED_EVENTS_MAX || merge.ended >= SCANNED_STREAMS_MAX) {
      return { events, nextToken: last && encodePageToken({ ...last, h: merge.hints() }) };
    }
    merge.take();
    last = { t: entry.timestampMs, s: stream.key, p: entry.position, h: {} };
    if (!matches) continue;
    events.push({ logStreamName: stream.stream.name, entry, eventId: eventId(stream.key, entry) });
  }
  return { events, nextToken: undefined };
}

/** 56 digits as AWS's: the time, then a digest of stream and position; the same in every answer. */
function eventId(streamId: string, entry: LogEntry): string {
  const digest = createHash("sha256").update(`${streamId} ${entry.position}`).digest("hex").slice(0, 32);
  return String(entry.timestampMs).padStart(17, "0") + BigInt(`0x${digest}`).toString().padStart(39, "0");
}

function isResumeToken(content: unknown): content is ResumeToken {
  if (typeof content !== "object" || content === null) return false;
  const { t, s, p, h } = content as Record<string, unknown>;
  return (
    typeof t === "number" &&
    typeof s === "string" &&
    typeof p === "string" &&
    typeof h === "object" &&
    h !== null
  );
}

/** Streams merged by time; one is opened only when the merge reaches its first event. */
class StreamMerge {
  readonly #logs: LogStore;
  readonly #range: TimeRange;
  readonly #resume: ResumeToken | undefined;
  readonly #source: StreamSource;
  /** The next ones to open, the first of them last, where it is cheap to take. */
  #waiting: LogStreamRecord[] = [];
  #lastRead: LogStreamRecord | undefined;
  #isSourceEmpty = false;
  #open: OrderedStream[] = [];
  #head: OrderedStream | undefined;
  taken = 0;
  /** Streams of which nothing is left. */
  ended = 0;

  constructor(logs: LogStore, request: FilterRequest, resume: ResumeToken | undefined) {
    this.#logs = logs;
    this.#resume = resume;
    this.#range = { ...request.range, startMs: Math.max(request.range.startMs, resume?.t ?? 0) };
    this.#source = request.streams;
  }

  /** The earliest event of all streams, without taking it. */
  async peek(): Promise<{ stream: OrderedStream; entry: LogEntry } | undefined> {
    for (;;) {
      const found = await this.#earliest();
      const next = await this.#nextWaiting();
      if (next === undefined || (found !== undefined && firstMs(next) > found.entry.timestampMs)) {
        this.#head = found?.stream;
        return found;
      }
      this.#waiting.pop();
      this.#open.push(await this.#openStream(next));
    }
  }

  take(): void {
    this.#head?.take();
    this.taken++;
  }

  hints(): Record<string, string> {
    const hints: Record<string, string> = {};
    for (const stream of this.#open.slice(0, HINTS_MAX)) {
      const position = stream.takenThrough();
      if (position !== undefined) hints[stream.key] = position;
    }
    return hints;
  }

  async #earliest(): Promise<{ stream: OrderedStream; entry: LogEntry } | undefined> {
    let earliest: { stream: OrderedStream; entry: LogEntry } | undefined;
    const ended = new Set<OrderedStream>();
    for (const stream of this.#open) {
      const entry = stream.certain ?? (await stream.peek());
      if (entry === undefined) ended.add(stream);
      else if (earliest === undefined || comesBefore(stream, entry, earliest)) earliest = { stream, entry };
    }
    this.ended += ended.size;
    if (ended.size > 0) this.#open = this.#open.filter((stream) => !ended.has(stream));
    return earliest;
  }

  async #nextWaiting(): Promise<LogStreamRecord | undefined> {
    while (this.#waiting.length === 0 && !this.#isSourceEmpty) {
      const part = await this.#source(this.#range, this.#lastRead);
      this.#lastRead = part.at(-1);
      this.#isSourceEmpty = this.#lastRead === undefined;
      this.#waiting = part.filter((stream) => mayHaveEvents(stream, this.#range)).reverse();
    }
    return this.#waiting.at(-1);
  }

  async #openStream(stream: LogStreamRecord): Promise<OrderedStream> {
    const resume = this.#resume;
    const { id } = stream;
    // Within the millisecond where the page before ended, streams were given out in the order of their ids.
    const isDone = resume !== undefined && id < resume.s && this.#range.startMs === resume.t;
    const range = isDone ? { ...this.#range, startMs: resume.t + 1 } : this.#range;
    const after = resume?.h[id] ?? (await positionBefore(this.#logs, stream, range.startMs));
    const reader = new StreamReader({ logs: this.#logs, stream, range, after });
    const own = resume?.s === id ? { timestampMs: resume.t, position: resume.p } : undefined;
    return new OrderedStream({ reader, range, after, resume: own });
  }
}

const firstMs = ({ firstEventMs, disorderMs }: LogStreamRecord): number => (firstEventMs ?? 0) - disorderMs;

/** All that there is of these streams, in the order of a source. */
export function sourceOf(streams: readonly LogStreamRecord[]): StreamSource {
  const sorted = streams.toSorted((left, right) => firstMs(left) - firstMs(right));
  return async (_range, after) => (after === undefined ? sorted : []);
}

function comesBefore(
  stream: OrderedStream,
  entry: LogEntry,
  other: { stream: OrderedStream; entry: LogEntry },
): boolean {
  if (entry.timestampMs !== other.entry.timestampMs) return entry.timestampMs < other.entry.timestampMs;
  return stream.key < other.stream.key;
}

import { LOG_EVENT_OVERHEAD_BYTES } from "../core/log-event-size.ts";
import type { LogEntry, LogStore, LogStreamRecord } from "../ports/store.ts";
import { invalidLogsParameter } from "./log-errors.ts";
import { positionBefore, StreamReader, type TimeRange } from "./stream-reader.ts";

export interface GetLogEventsRequest {
  readonly range: TimeRange;
  readonly limit: number | undefined;
  readonly startFromHead: boolean;
  readonly nextToken: string | undefined;
}

export interface StreamEventsPage {
  readonly events: readonly LogEntry[];
  readonly nextForwardToken: string;
  readonly nextBackwardToken: string;
}

export const PAGE_EVENTS_MAX = 10_000;
export const PAGE_BYTES_MAX = 1_048_576;
const BACKWARD_ENTRIES = 1000;

/** In a token: the beginning (nothing is before it) and the end (everything is before it) of a stream. */
const BEGINNING = "-";
const END = "+";

/**
 * GetLogEvents: a page of one stream, oldest event first. At the end of the stream in either direction the token that
 * was passed comes back, by which clients know that they are done.
 */
export async function getLogEvents(
  logs: LogStore,
  stream: LogStreamRecord,
  request: GetLogEventsRequest,
): Promise<StreamEventsPage> {
  const { nextToken } = request;
  const match = nextToken === undefined ? undefined : /^([fb])\/(.+)$/.exec(nextToken);
  if (match === null) throw invalidLogsParameter("The specified nextToken is invalid.");
  const position = match?.[2];
  const forward = match === undefined ? request.startFromHead : match[1] === "f";
  const events = forward
    ? await readForward(logs, stream, { ...request, position })
    : await readBackward(logs, stream, { ...request, position });
  const first = events[0]?.position;
  const last = events.at(-1)?.position;
  return {
    events,
    nextForwardToken: `f/${last ?? (forward ? (position ?? BEGINNING) : BEGINNING)}`,
    nextBackwardToken: `b/${first ?? (forward ? END : (position ?? BEGINNING))}`,
  };
}

type PositionedRequest = GetLogEventsRequest & { readonly position: string | undefined };

async function readForward(
  logs: LogStore,
  stream: LogStreamRecord,
  request: PositionedRequest,
): Promise<LogEntry[]> {
  const { range, position } = request;
  const after =
    position === undefined || position === BEGINNING
      ? await positionBefore(logs, stream, range.startMs)
      : position;
  const reader = new StreamReader({ logs, stream, range, after });
  const events: LogEntry[] = [];
  const room = new PageRoom(request.limit);
  for (let entry = await reader.next(); entry !== undefined; entry = await reader.next()) {
    if (!isIn(range, entry)) continue;
    if (!room.takes(entry.message)) break;
    events.push(entry);
  }
  return events;
}

async function readBackward(
  logs: LogStore,
  stream: LogStreamRecord,
  request: PositionedRequest,
): Promise<LogEntry[]> {
  const { range, position } = request;
  if (position === BEGINNING) return [];
  const events: LogEntry[] = [];
  const room = new PageRoom(request.limit);
  const safeMs = range.startMs - stream.disorderMs;
  let before = position === END ? undefined : position;
  for (;;) {
    const page = await logs.readBackwards(stream.id, before, BACKWARD_ENTRIES);
    for (const entry of page.toReversed()) {
      if (entry.timestampMs < safeMs) return events.reverse();
      if (!isIn(range, entry)) continue;
      if (!room.takes(entry.message)) return events.reverse();
      events.push(entry);
    }
    if (page.length < BACKWARD_ENTRIES) return events.reverse();
    before = page[0]?.position;
  }
}

const isIn = (range: TimeRange, { timestampMs }: LogEntry): boolean =>
  timestampMs >= range.startMs && timestampMs < range.endMs;

/** What still fits into a page: AWS's count of events, and 1 MB of them. */
export class PageRoom {
  #events: number;
  #bytes = PAGE_BYTES_MAX;
  #empty = true;

  constructor(limit: number | undefined) {
    this.#events = limit ?? PAGE_EVENTS_MAX;
  }

  /** A single event always fits. */
  takes(message: string): boolean {
    if (this.#events === 0) return false;
    const bytes = Buffer.byteLength(message) + LOG_EVENT_OVERHEAD_BYTES;
    if (bytes > this.#bytes && !this.#empty) return false;
    this.#events--;
    this.#bytes -= bytes;
    this.#empty = false;
    return true;
  }
}

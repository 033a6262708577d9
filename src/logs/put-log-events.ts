import { LOG_EVENT_OVERHEAD_BYTES } from "../core/log-event-size.ts";
import type { Clock } from "../ports/clock.ts";
import type { LogStreamStore } from "../ports/store.ts";
import { invalidLogsParameter, logStreamNotFound } from "./log-errors.ts";
import type { LogGroups } from "./log-groups.ts";
import type { LogIngestion } from "./log-ingestion.ts";
import type { GroupName } from "./log-records.ts";

export interface InputEvent {
  readonly timestampMs: number;
  readonly message: string;
}

/** Indexes of events that were not taken, as AWS counts them. */
export interface RejectedEvents {
  readonly tooNewStart: number | undefined;
  readonly tooOldEnd: number | undefined;
  readonly expiredEnd: number | undefined;
}

const HOUR_MS = 3_600_000;
const BATCH_BYTES_MAX = 1_048_576;
const BATCH_SPAN_MS_MAX = 24 * HOUR_MS;
const FUTURE_MS_MAX = 2 * HOUR_MS;
const PAST_MS_MAX = 14 * 24 * HOUR_MS;

/**
 * PutLogEvents: stores a batch durably. Throws AWS's InvalidParameterException for batches that are out of order, too
 * long or too large; events too old or too new are left out and told.
 */
export async function putLogEvents(
  deps: {
    groups: LogGroups;
    logs: LogStreamStore;
    clock: Clock;
    ingestion?: LogIngestion;
  },
  target: GroupName & { logStreamName: string },
  events: readonly InputEvent[],
): Promise<RejectedEvents> {
  const group = deps.groups.group(target);
  const stream = await deps.groups.stream(group, target.logStreamName);
  checkBatch(events);
  const nowMs = deps.clock.nowMs();
  const accepted = acceptedRange(events, nowMs, deps.groups.retainedFromMs(group));
  const entries = events.slice(accepted.start, accepted.end);
  if (entries.length > 0) {
    const gone = await deps.logs.appendToStreams([{ stream: stream.id, entries }]);
    if (gone.length > 0) throw logStreamNotFound();
    deps.ingestion?.publish({ stream: target, events: entries, ingestedAtMs: nowMs });
  }
  return accepted.rejected;
}

function checkBatch(events: readonly InputEvent[]): void {
  let bytes = 0;
  let previousMs = Number.NEGATIVE_INFINITY;
  for (const { timestampMs, message } of events) {
    if (timestampMs < previousMs) {
      throw invalidLogsParameter(
        "Log events in a single PutLogEvents request must be in chronological order.",
      );
    }
    previousMs = timestampMs;
    bytes += Buffer.byteLength(message) + LOG_EVENT_OVERHEAD_BYTES;
  }
  if (bytes > BATCH_BYTES_MAX) {
    throw invalidLogsParameter(`Upload too large: ${bytes} bytes exceeds limit of ${BATCH_BYTES_MAX}`);
  }
  const [first] = events;
  const last = events.at(-1);
  if (first !== undefined && last !== undefined && last.timestampMs - first.timestampMs > BATCH_SPAN_MS_MAX) {
    throw invalidLogsParameter(
      "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
    );
  }
}

/** The events are in order, so the ones that are taken stand together. */
function acceptedRange(
  events: readonly InputEvent[],
  nowMs: number,
  retainedFromMs: number,
): { start: number; end: number; rejected: RejectedEvents } {
  const countBefore = (instantMs: number): number =>
    events.filter(({ timestampMs }) => timestampMs < instantMs).length;
  const tooOld = countBefore(nowMs - PAST_MS_MAX);
  const expired = countBefore(retainedFromMs);
  const end = countBefore(nowMs + FUTURE_MS_MAX + 1);
  return {
    start: Math.max(tooOld, expired),
    end,
    rejected: {
      tooOldEnd: tooOld > 0 ? tooOld : undefined,
      expiredEnd: expired > 0 ? expired : undefined,
      tooNewStart: end < events.length ? end : undefined,
    },
  };
}

import { randomBytes } from "node:crypto";
import { compileLogFilter, InvalidFilterPattern, type LogFilter } from "../../../core/log-filter-pattern.ts";
import type { CloudWatchLogs } from "../../../logs/cloudwatch-logs.ts";
import { filterLogEvents, type StreamSource, sourceOf } from "../../../logs/filter-log-events.ts";
import { getLogEvents } from "../../../logs/get-log-events.ts";
import { invalidLogsParameter, logsNotSupported } from "../../../logs/log-errors.ts";
import type { StoredLogGroup } from "../../../logs/log-records.ts";
import { putLogEvents } from "../../../logs/put-log-events.ts";
import type { LogsHandlers } from "./group-handlers.ts";
import { referencedGroup } from "./group-reference.ts";

/** Streams that a search takes from the store at a time. */
const STREAMS_AT_A_TIME = 200;

/** 56 digits, as AWS's. */
const sequenceToken = (): string =>
  `49${BigInt(`0x${randomBytes(24).toString("hex")}`)
    .toString()
    .padStart(54, "0")
    .slice(-54)}`;

/** Log events: written, read, searched. */
export function eventHandlers(logs: CloudWatchLogs): LogsHandlers {
  const { groups, sink } = logs;
  return {
    PutLogEvents: async (input, context) => {
      if (input.entity !== undefined) throw logsNotSupported("entity");
      const target = { ...referencedGroup(input, context), logStreamName: input.logStreamName ?? "" };
      const events = (input.logEvents ?? []).map(({ timestamp, message }) => ({
        timestampMs: timestamp ?? 0,
        message: message ?? "",
      }));
      const { tooNewStart, tooOldEnd, expiredEnd } = await putLogEvents(logs, target, events);
      const rejected = {
        ...(tooNewStart !== undefined && { tooNewLogEventStartIndex: tooNewStart }),
        ...(tooOldEnd !== undefined && { tooOldLogEventEndIndex: tooOldEnd }),
        ...(expiredEnd !== undefined && { expiredLogEventEndIndex: expiredEnd }),
      };
      // AWS: sequence tokens are not needed any more, and whatever is passed is accepted; one is answered all the same.
      return {
        nextSequenceToken: sequenceToken(),
        ...(Object.keys(rejected).length > 0 && { rejectedLogEventsInfo: rejected }),
      };
    },
    GetLogEvents: async (input, context) => {
      await sink.flush();
      const group = groups.group(referencedGroup(input, context));
      const stream = await groups.stream(group, input.logStreamName ?? "");
      const page = await getLogEvents(logs.logs, stream, {
        range: {
          startMs: Math.max(input.startTime ?? 0, groups.retainedFromMs(group)),
          endMs: input.endTime ?? Number.MAX_SAFE_INTEGER,
        },
        limit: input.limit,
        startFromHead: input.startFromHead ?? false,
        nextToken: input.nextToken,
      });
      return {
        events: page.events.map(({ timestampMs, message, ingestedAtMs }) => ({
          timestamp: timestampMs,
          message,
          ingestionTime: ingestedAtMs,
        })),
        nextForwardToken: page.nextForwardToken,
        nextBackwardToken: page.nextBackwardToken,
      };
    },
    ...filterHandler(logs),
  };
}

function filterHandler(logs: CloudWatchLogs): LogsHandlers {
  const { groups, sink } = logs;
  return {
    FilterLogEvents: async (input, context) => {
      if (input.startFromHead === false) throw logsNotSupported("startFromHead=false");
      await sink.flush();
      const group = groups.group(referencedGroup(input, context));
      const filter = compileFilter(input.filterPattern);
      const streams = await searchedStreams(logs, group, input);
      const { events, nextToken } = await filterLogEvents(logs.logs, {
        streams,
        filter,
        range: {
          startMs: Math.max(input.startTime ?? 0, groups.retainedFromMs(group)),
          endMs: (input.endTime ?? Number.MAX_SAFE_INTEGER - 1) + 1,
        },
        limit: input.limit,
        nextToken: input.nextToken,
      });
      return {
        events: events.map(({ logStreamName, entry, eventId }) => ({
          logStreamName,
          timestamp: entry.timestampMs,
          message: entry.message,
          ingestionTime: entry.ingestedAtMs,
          eventId,
        })),
        // AWS: "this field is no longer returned" with content since June 2020; the list is there and empty.
        searchedLogStreams: [],
        ...(nextToken !== undefined && { nextToken }),
      };
    },
  };
}

async function searchedStreams(
  { groups, logs }: CloudWatchLogs,
  group: StoredLogGroup,
  input: { logStreamNames?: string[] | undefined; logStreamNamePrefix?: string | undefined },
): Promise<StreamSource> {
  const { logStreamNames: names, logStreamNamePrefix: prefix = "" } = input;
  if (names === undefined)
    return ({ startMs, endMs }, after) =>
      logs.streamsByFirstEvent(group.groupId, { prefix, startMs, endMs, after, limit: STREAMS_AT_A_TIME });
  if (input.logStreamNamePrefix !== undefined)
    throw invalidLogsParameter("LogStreamNames and LogStreamNamePrefix are mutually exclusive parameters.");
  return sourceOf(await Promise.all(names.map((name) => groups.stream(group, name))));
}

/** Throws AWS's error for a pattern that is none. */
export function compileFilter(pattern: string | undefined): LogFilter {
  try {
    return compileLogFilter(pattern ?? "");
  } catch (error) {
    if (error instanceof InvalidFilterPattern) throw invalidLogsParameter("Invalid filter pattern");
    throw error;
  }
}

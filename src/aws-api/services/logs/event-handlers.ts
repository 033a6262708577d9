import { randomBytes } from "node:crypto";
import { compileLogFilter, InvalidFilterPattern, type LogFilter } from "../../../core/log-filter-pattern.ts";
import type { CloudWatchLogs } from "../../../logs/cloudwatch-logs.ts";
import { filterLogEvents } from "../../../logs/filter-log-events.ts";
import { getLogEvents } from "../../../logs/get-log-events.ts";
import { invalidLogsParameter, logsNotSupported } from "../../../logs/log-errors.ts";
import type { LogGroups } from "../../../logs/log-groups.ts";
import type { StoredLogGroup } from "../../../logs/log-records.ts";
import type { LogStreamState } from "../../../logs/log-stream-state.ts";
import { putLogEvents } from "../../../logs/put-log-events.ts";
import type { LogsHandlers } from "./group-handlers.ts";
import { referencedGroup } from "./group-reference.ts";

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
      const state = groups.stream(group, input.logStreamName ?? "");
      await groups.verify([state]);
      const page = await getLogEvents(logs.logs, state, {
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
      const streams = searchedStreams(groups, group, input);
      await groups.verify(streams);
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

function searchedStreams(
  groups: LogGroups,
  group: StoredLogGroup,
  input: { logStreamNames?: string[] | undefined; logStreamNamePrefix?: string | undefined },
): LogStreamState[] {
  const { logStreamNames: names, logStreamNamePrefix: prefix } = input;
  if (names !== undefined && prefix !== undefined) {
    throw invalidLogsParameter("LogStreamNames and LogStreamNamePrefix are mutually exclusive parameters.");
  }
  if (names !== undefined) return names.map((name) => groups.stream(group, name));
  return groups.streams(group).filter(({ record }) => record.logStreamName.startsWith(prefix ?? ""));
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

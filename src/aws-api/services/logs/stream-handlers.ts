import type * as logsModule from "@aws-sdk/client-cloudwatch-logs";
import { logStreamArn } from "../../../core/log-arn.ts";
import type { CloudWatchLogs } from "../../../logs/cloudwatch-logs.ts";
import { invalidLogsParameter } from "../../../logs/log-errors.ts";
import type { StoredLogGroup } from "../../../logs/log-records.ts";
import { decodePageToken, encodePageToken } from "../../../logs/page-token.ts";
import type { LogStreamRecord } from "../../../ports/store.ts";
import type { Input } from "../../protocol/handlers.ts";
import type { LogsHandlers } from "./group-handlers.ts";
import { referencedGroup } from "./group-reference.ts";

const STREAMS_DEFAULT = 50;

/** The last stream of a page: lists are ordered by time of the last event or by name; names make the order total. */
interface SortPlace {
  readonly time: number;
  readonly name: string;
}

/** Log streams: made, found, deleted. */
export function streamHandlers({ groups, sink, logs }: CloudWatchLogs): LogsHandlers {
  return {
    CreateLogStream: async (input, context) => {
      await groups.createStream(groups.group(referencedGroup(input, context)), input.logStreamName ?? "");
      return {};
    },
    DeleteLogStream: async (input, context) => {
      const group = groups.group(referencedGroup(input, context));
      await groups.deleteStream(await groups.stream(group, input.logStreamName ?? ""));
      return {};
    },
    DescribeLogStreams: async (input, context) => {
      await sink.flush();
      const group = groups.group(referencedGroup(input, context));
      const byTime = input.orderBy === "LastEventTime";
      if (byTime && input.logStreamNamePrefix !== undefined) {
        throw invalidLogsParameter("Cannot order by LastEventTime with a logStreamNamePrefix.");
      }
      const limit = input.limit ?? STREAMS_DEFAULT;
      const place = input.nextToken === undefined ? undefined : decodePageToken(input.nextToken, isPlace);
      // One more than is answered tells whether another page follows.
      const found = await streamsAfter(logs, group, { ...input, byTime, place, limit: limit + 1 });
      const items = found.slice(0, limit);
      const last = found.length > limit ? items.at(-1) : undefined;
      return {
        logStreams: items.map((stream) => streamShape(group, stream)),
        ...(last !== undefined && {
          nextToken: encodePageToken({ time: byTime ? (last.lastEventMs ?? 0) : 0, name: last.name }),
        }),
      };
    },
  };
}

function streamsAfter(
  logs: CloudWatchLogs["logs"],
  { groupId }: StoredLogGroup,
  list: Input<typeof logsModule, "DescribeLogStreams"> & {
    readonly byTime: boolean;
    readonly place: SortPlace | undefined;
    readonly limit: number;
  },
): Promise<LogStreamRecord[]> {
  const { place, limit } = list;
  const descending = list.descending === true;
  if (!list.byTime) {
    const prefix = list.logStreamNamePrefix ?? "";
    return logs.streamsByName(groupId, { prefix, after: place?.name, descending, limit });
  }
  const after = place && { lastEventMs: place.time, name: place.name };
  return logs.streamsByLastEvent(groupId, { after, descending, limit });
}

function isPlace(content: unknown): content is SortPlace {
  if (typeof content !== "object" || content === null) return false;
  const { time, name } = content as Record<string, unknown>;
  return typeof time === "number" && typeof name === "string";
}

function streamShape(group: StoredLogGroup, stream: LogStreamRecord): logsModule.LogStream {
  return {
    logStreamName: stream.name,
    creationTime: stream.createdAtMs,
    ...(stream.firstEventMs !== undefined && { firstEventTimestamp: stream.firstEventMs }),
    ...(stream.lastEventMs !== undefined && { lastEventTimestamp: stream.lastEventMs }),
    ...(stream.lastIngestionMs !== undefined && { lastIngestionTime: stream.lastIngestionMs }),
    arn: logStreamArn(group, stream.name),
    // AWS: deprecated for streams, "always zero" since June 2019.
    storedBytes: 0,
  };
}

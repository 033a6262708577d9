import type * as logsModule from "@aws-sdk/client-cloudwatch-logs";
import { logStreamArn } from "../../../core/log-arn.ts";
import type { CloudWatchLogs } from "../../../logs/cloudwatch-logs.ts";
import { invalidLogsParameter } from "../../../logs/log-errors.ts";
import type { StoredLogGroup, StoredLogStream } from "../../../logs/log-records.ts";
import { decodePageToken, encodePageToken } from "../../../logs/page-token.ts";
import type { LogsHandlers } from "./group-handlers.ts";
import { pageAfter, referencedGroup } from "./group-reference.ts";

const STREAMS_DEFAULT = 50;

/** The order of streams in a list: by time of the last event or by name; names make it total. */
interface SortPlace {
  readonly time: number;
  readonly name: string;
}

/** Log streams: made, found, deleted. */
export function streamHandlers({ groups, sink }: CloudWatchLogs): LogsHandlers {
  return {
    CreateLogStream: async (input, context) => {
      await groups.createStream(groups.group(referencedGroup(input, context)), input.logStreamName ?? "");
      return {};
    },
    DeleteLogStream: async (input, context) => {
      const group = groups.group(referencedGroup(input, context));
      await groups.deleteStream(groups.stream(group, input.logStreamName ?? ""));
      return {};
    },
    DescribeLogStreams: async (input, context) => {
      await sink.flush();
      const group = groups.group(referencedGroup(input, context));
      const byTime = input.orderBy === "LastEventTime";
      if (byTime && input.logStreamNamePrefix !== undefined) {
        throw invalidLogsParameter("Cannot order by LastEventTime with a logStreamNamePrefix.");
      }
      await groups.verify(groups.streams(group));
      const direction = input.descending === true ? -1 : 1;
      const place = ({ logStreamName, lastEventMs }: StoredLogStream): SortPlace => ({
        time: byTime ? (lastEventMs ?? 0) : 0,
        name: logStreamName,
      });
      const wanted = groups
        .streams(group)
        .map(({ record }) => record)
        .filter(({ logStreamName }) => logStreamName.startsWith(input.logStreamNamePrefix ?? ""))
        .sort((left, right) => direction * compare(place(left), place(right)));
      const lastPlace = input.nextToken === undefined ? undefined : decodePageToken(input.nextToken, isPlace);
      const { items, last } = pageAfter(wanted, {
        limit: input.limit ?? STREAMS_DEFAULT,
        isAfter:
          lastPlace === undefined ? undefined : (stream) => direction * compare(place(stream), lastPlace) > 0,
      });
      return {
        logStreams: items.map((stream) => streamShape(group, stream)),
        ...(last !== undefined && { nextToken: encodePageToken(place(last)) }),
      };
    },
  };
}

function compare(left: SortPlace, right: SortPlace): number {
  if (left.time !== right.time) return left.time - right.time;
  return left.name < right.name ? -1 : Number(left.name > right.name);
}

function isPlace(content: unknown): content is SortPlace {
  if (typeof content !== "object" || content === null) return false;
  const { time, name } = content as Record<string, unknown>;
  return typeof time === "number" && typeof name === "string";
}

function streamShape(group: StoredLogGroup, stream: StoredLogStream): logsModule.LogStream {
  return {
    logStreamName: stream.logStreamName,
    creationTime: stream.createdAtMs,
    ...(stream.firstEventMs !== undefined && { firstEventTimestamp: stream.firstEventMs }),
    ...(stream.lastEventMs !== undefined && { lastEventTimestamp: stream.lastEventMs }),
    ...(stream.lastIngestionMs !== undefined && { lastIngestionTime: stream.lastIngestionMs }),
    arn: logStreamArn(group, stream.logStreamName),
    // AWS: deprecated for streams, "always zero" since June 2019.
    storedBytes: 0,
  };
}

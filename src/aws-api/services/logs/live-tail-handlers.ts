import type * as logsModule from "@aws-sdk/client-cloudwatch-logs";
import type { CloudWatchLogs } from "../../../logs/cloudwatch-logs.ts";
import type { LiveTailUpdate } from "../../../logs/live-tail.ts";
import { invalidLogsParameter } from "../../../logs/log-errors.ts";
import type { Input, RequestContext } from "../../protocol/handlers.ts";
import { compileFilter } from "./event-handlers.ts";
import type { LogsHandlers } from "./group-handlers.ts";
import { identifiedGroup } from "./group-reference.ts";

type LiveTailInput = Input<typeof logsModule, "StartLiveTail">;

/** Log events as they come in. */
export function liveTailHandlers({ groups, liveTail }: CloudWatchLogs): LogsHandlers {
  return {
    StartLiveTail: (input, context) => {
      const names = watchedGroups(input, context);
      for (const name of names) groups.group(name);
      const session = liveTail.start(
        context,
        {
          groups: names,
          streamNames: input.logStreamNames ?? [],
          streamNamePrefixes: input.logStreamNamePrefixes ?? [],
          filter: compileFilter(input.logEventFilterPattern),
        },
        context.signal,
      );
      return { responseStream: responseStream(input, context.requestId, session) };
    },
  };
}

function watchedGroups(input: LiveTailInput, context: RequestContext) {
  const { account, region } = context;
  const identifiers = input.logGroupIdentifiers ?? [];
  const { logStreamNames: names = [], logStreamNamePrefixes: prefixes = [] } = input;
  if (names.length > 0 && prefixes.length > 0)
    throw invalidLogsParameter("LogStreamNames and LogStreamNamePrefixes are mutually exclusive parameters.");
  if (identifiers.length > 1 && names.length + prefixes.length > 0)
    throw invalidLogsParameter(
      "LogStreamNames and LogStreamNamePrefixes can be used with one log group only.",
    );
  return identifiers.map((identifier) => {
    // AWS: "Specify each log group by its ARN."
    const [, ofRegion, ofAccount] = /^arn:aws[a-z-]*:logs:([^:]+):(\d{12}):log-group:/.exec(identifier) ?? [];
    if (ofRegion !== region || ofAccount !== account)
      throw invalidLogsParameter(`${identifier} is not the ARN of a log group of this account and region.`);
    return identifiedGroup(identifier, context);
  });
}

async function* responseStream(
  input: LiveTailInput,
  requestId: string,
  { sessionId, updates }: { sessionId: string; updates: AsyncIterable<LiveTailUpdate> },
): AsyncGenerator<logsModule.StartLiveTailResponseStream> {
  yield {
    sessionStart: {
      requestId,
      sessionId,
      logGroupIdentifiers: input.logGroupIdentifiers,
      logStreamNames: input.logStreamNames ?? [],
      logStreamNamePrefixes: input.logStreamNamePrefixes ?? [],
      logEventFilterPattern: input.logEventFilterPattern ?? "",
    },
  };
  for await (const { events, isSampled } of updates)
    yield {
      sessionUpdate: {
        sessionMetadata: { sampled: isSampled },
        sessionResults: events.map(({ group, logStreamName, message, timestampMs, ingestedAtMs }) => ({
          logStreamName,
          logGroupIdentifier: `${group.account}:${group.logGroupName}`,
          message,
          timestamp: timestampMs,
          ingestionTime: ingestedAtMs,
        })),
      },
    };
}

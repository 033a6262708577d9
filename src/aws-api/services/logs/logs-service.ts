import * as logsModule from "@aws-sdk/client-cloudwatch-logs";
import type { CloudWatchLogs } from "../../../logs/cloudwatch-logs.ts";
import { defineService, type ServiceDefinition } from "../../protocol/handlers.ts";
import { eventHandlers } from "./event-handlers.ts";
import { groupHandlers } from "./group-handlers.ts";
import { liveTailHandlers } from "./live-tail-handlers.ts";
import { metricFilterHandlers } from "./metric-filter-handlers.ts";
import { resourcePolicyHandlers } from "./resource-policy-handlers.ts";
import { streamHandlers } from "./stream-handlers.ts";
import { subscriptionFilterHandlers } from "./subscription-filter-handlers.ts";
import { tagHandlers } from "./tag-handlers.ts";

/** Amazon CloudWatch Logs: groups, streams and their events. */
export function logsService(deps: { logs: CloudWatchLogs }): ServiceDefinition {
  return defineService({
    signingName: "logs",
    client: new logsModule.CloudWatchLogsClient({ region: "us-east-1" }),
    module: logsModule,
    handlers: logsHandlers(deps.logs),
  });
}

/** The behaviour of the service, apart from its wiring. */
export function logsHandlers(logs: CloudWatchLogs) {
  return {
    ...groupHandlers(logs),
    ...streamHandlers(logs),
    ...eventHandlers(logs),
    ...liveTailHandlers(logs),
    ...subscriptionFilterHandlers(logs),
    ...metricFilterHandlers(logs),
    ...resourcePolicyHandlers(logs),
    ...tagHandlers(logs),
  };
}

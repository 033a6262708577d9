import * as cloudwatchModule from "@aws-sdk/client-cloudwatch";
import type { CloudWatchMetrics } from "../../../metrics/cloudwatch-metrics.ts";
import { defineService, type ServiceDefinition } from "../../protocol/handlers.ts";
import { metricDataHandlers } from "./metric-data-handlers.ts";
import { readMetricHandlers } from "./read-metric-handlers.ts";

/** Amazon CloudWatch: metrics. */
export function cloudWatchService(deps: { metrics: CloudWatchMetrics }): ServiceDefinition {
  return defineService({
    signingName: "monitoring",
    client: new cloudwatchModule.CloudWatchClient({ region: "us-east-1" }),
    module: cloudwatchModule,
    handlers: { ...metricDataHandlers(deps.metrics), ...readMetricHandlers(deps.metrics) },
  });
}

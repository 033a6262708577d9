import type * as cloudwatchModule from "@aws-sdk/client-cloudwatch";
import type { CloudWatchMetrics } from "../../../metrics/cloudwatch-metrics.ts";
import { metricsNotSupported } from "../../../metrics/metric-errors.ts";
import { type MetricInput, putMetricData } from "../../../metrics/put-metric-data.ts";
import type { Handlers, RequestContext } from "../../protocol/handlers.ts";
import { dimensionsOf } from "./metric-shapes.ts";

export type CloudWatchHandlers = Handlers<typeof cloudwatchModule>;

/** What writes metrics. */
export function metricDataHandlers(metrics: CloudWatchMetrics): CloudWatchHandlers {
  return {
    PutMetricData: async (input, { account, region }: RequestContext) => {
      if ((input.EntityMetricData ?? []).length > 0) throw metricsNotSupported("EntityMetricData");
      const target = { account, region, namespace: input.Namespace ?? "" };
      await putMetricData(metrics, target, (input.MetricData ?? []).map(metricInput));
      return {};
    },
  };
}

function metricInput(datum: cloudwatchModule.MetricDatum): MetricInput {
  const { StatisticValues: set } = datum;
  return {
    metricName: datum.MetricName ?? "",
    dimensions: dimensionsOf(datum.Dimensions),
    timestampMs: datum.Timestamp?.getTime(),
    value: datum.Value,
    values: datum.Values,
    counts: datum.Counts,
    statisticValues: set && {
      count: set.SampleCount ?? 0,
      sum: set.Sum ?? 0,
      min: set.Minimum ?? 0,
      max: set.Maximum ?? 0,
    },
    unit: datum.Unit,
    storageResolution: datum.StorageResolution,
  };
}

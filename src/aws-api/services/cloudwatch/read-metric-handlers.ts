import type * as cloudwatchModule from "@aws-sdk/client-cloudwatch";
import type { CloudWatchMetrics } from "../../../metrics/cloudwatch-metrics.ts";
import { getMetricData, type MetricQuery } from "../../../metrics/get-metric-data.ts";
import { type Datapoint, getMetricStatistics } from "../../../metrics/get-metric-statistics.ts";
import { listMetrics } from "../../../metrics/list-metrics.ts";
import { metricsNotSupported } from "../../../metrics/metric-errors.ts";
import type { RequestContext } from "../../protocol/handlers.ts";
import type { CloudWatchHandlers } from "./metric-data-handlers.ts";
import { dimensionsOf, metricShape } from "./metric-shapes.ts";

/** What reads metrics. */
export function readMetricHandlers(metrics: CloudWatchMetrics): CloudWatchHandlers {
  return {
    GetMetricData: async (input, context) => {
      if (input.LabelOptions !== undefined) throw metricsNotSupported("LabelOptions");
      await metrics.collect();
      const { results, nextToken } = await getMetricData(metrics, {
        queries: (input.MetricDataQueries ?? []).map((query) => metricQuery(query, context)),
        startMs: input.StartTime?.getTime() ?? 0,
        endMs: input.EndTime?.getTime() ?? 0,
        scanBy: input.ScanBy ?? "TimestampDescending",
        maxDatapoints: input.MaxDatapoints,
        nextToken: input.NextToken,
      });
      return {
        MetricDataResults: results.map(({ id, label, points, isComplete }) => ({
          Id: id,
          Label: label,
          Timestamps: points.map(([timestampMs]) => new Date(timestampMs)),
          Values: points.map(([, value]) => value),
          StatusCode: isComplete ? ("Complete" as const) : ("PartialData" as const),
        })),
        Messages: [],
        ...(nextToken !== undefined && { NextToken: nextToken }),
      };
    },
    GetMetricStatistics: async (input, { account, region }) => {
      await metrics.collect();
      const datapoints = await getMetricStatistics(metrics, {
        metric: {
          account,
          region,
          namespace: input.Namespace ?? "",
          metricName: input.MetricName ?? "",
          dimensions: dimensionsOf(input.Dimensions),
        },
        startMs: input.StartTime?.getTime() ?? 0,
        endMs: input.EndTime?.getTime() ?? 0,
        periodSeconds: input.Period ?? 0,
        statistics: input.Statistics ?? [],
        extendedStatistics: input.ExtendedStatistics ?? [],
        unit: input.Unit,
      });
      return { Label: input.MetricName ?? "", Datapoints: datapoints.map(datapointShape) };
    },
    ListMetrics: async (input, { account, region }) => {
      if (input.IncludeLinkedAccounts === true) throw metricsNotSupported("IncludeLinkedAccounts");
      if (input.OwningAccount !== undefined) throw metricsNotSupported("OwningAccount");
      await metrics.collect();
      const { metrics: found, nextToken } = listMetrics(
        metrics,
        { account, region },
        {
          namespace: input.Namespace,
          metricName: input.MetricName,
          dimensions: (input.Dimensions ?? []).map(({ Name, Value }) => ({ name: Name ?? "", value: Value })),
          onlyRecent: input.RecentlyActive !== undefined,
          nextToken: input.NextToken,
        },
      );
      return { Metrics: found.map(metricShape), ...(nextToken !== undefined && { NextToken: nextToken }) };
    },
  };
}

function metricQuery(
  query: cloudwatchModule.MetricDataQuery,
  { account, region }: RequestContext,
): MetricQuery {
  if (query.AccountId !== undefined && query.AccountId !== account)
    throw metricsNotSupported("AccountId of another account");
  const { MetricStat: stat } = query;
  return {
    id: query.Id ?? "",
    label: query.Label,
    returnData: query.ReturnData ?? true,
    periodSeconds: query.Period,
    expression: query.Expression,
    metricStat: stat && {
      metric: {
        account,
        region,
        namespace: stat.Metric?.Namespace ?? "",
        metricName: stat.Metric?.MetricName ?? "",
        dimensions: dimensionsOf(stat.Metric?.Dimensions),
      },
      periodSeconds: stat.Period ?? 0,
      statistic: stat.Stat ?? "",
      unit: stat.Unit,
    },
  };
}

function datapointShape({
  timestampMs,
  unit,
  statistics,
  extendedStatistics,
}: Datapoint): cloudwatchModule.Datapoint {
  return {
    Timestamp: new Date(timestampMs),
    Unit: unit as cloudwatchModule.StandardUnit,
    ...statistics,
    ...(Object.keys(extendedStatistics).length > 0 && { ExtendedStatistics: { ...extendedStatistics } }),
  };
}

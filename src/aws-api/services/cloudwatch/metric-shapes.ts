import type * as cloudwatchModule from "@aws-sdk/client-cloudwatch";
import type { MetricDimension, MetricName } from "../../../metrics/metric-identity.ts";

export function dimensionsOf(dimensions: cloudwatchModule.Dimension[] | undefined): MetricDimension[] {
  return (dimensions ?? []).map(({ Name, Value }) => ({ name: Name ?? "", value: Value ?? "" }));
}

export function metricShape({ namespace, metricName, dimensions }: MetricName): cloudwatchModule.Metric {
  return {
    Namespace: namespace,
    MetricName: metricName,
    Dimensions: dimensions.map(({ name, value }) => ({ Name: name, Value: value })),
  };
}

import { MetricAggregate } from "../core/metric-aggregate.ts";
import type { Clock } from "../ports/clock.ts";
import type { CountedUrl, UrlMetrics } from "../ports/url-metrics.ts";
import type { SeriesName } from "./metric-identity.ts";
import type { MetricStore } from "./metric-store.ts";

const METRICS = [
  { metricName: "UrlRequestCount", unit: "Count" },
  { metricName: "Url4xxCount", unit: "Count" },
  { metricName: "Url5xxCount", unit: "Count" },
  { metricName: "UrlRequestLatency", unit: "Milliseconds" },
] as const;

/**
 * The metrics of function URLs in AWS/Lambda, for the function and for the URL alone. See "CloudWatch metrics for
 * function URLs".
 */
export function createUrlMetrics({ store, clock }: { store: MetricStore; clock: Clock }): UrlMetrics {
  const series = new WeakMap<CountedUrl, readonly (readonly SeriesName[])[]>();
  return {
    request(url, { status, latencyMs }) {
      let names = series.get(url);
      if (names === undefined) {
        names = METRICS.map((metric) => seriesOf(url, metric));
        series.set(url, names);
      }
      const class4xx = status >= 400 && status < 500 ? 1 : 0;
      const values = [1, class4xx, status >= 500 ? 1 : 0, latencyMs];
      const nowMs = clock.nowMs();
      for (const [index, scopes] of names.entries()) {
        const value = new MetricAggregate();
        value.add(values[index] ?? 0);
        for (const name of scopes) store.add(name, nowMs, value);
      }
    },
  };
}

function seriesOf(
  { account, region, functionName, qualifier }: CountedUrl,
  metric: { readonly metricName: string; readonly unit: string },
): SeriesName[] {
  const ofFunction = { name: "FunctionName", value: functionName };
  const ofUrl = { name: "Resource", value: `${functionName}:${qualifier}` };
  return [[ofFunction], [ofFunction, ofUrl]].map((dimensions) => ({
    account,
    region,
    namespace: "AWS/Lambda",
    ...metric,
    dimensions,
  }));
}

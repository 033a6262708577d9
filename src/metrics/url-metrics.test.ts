import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../test/support/manual-clock.ts";
import { MemoryLogStore } from "../../test/support/memory-log-store.ts";
import { MemoryKeyValueStore } from "../../test/support/memory-store.ts";
import { openCloudWatchMetrics } from "./cloudwatch-metrics.ts";
import { getMetricStatistics } from "./get-metric-statistics.ts";
import { MINUTE_MS } from "./metric-series.ts";

const OWNER = { account: "000000000000", region: "us-east-1" };

test("requests to function URLs count under the function and under the URL, by the minute", async () => {
  const clock = new ManualClock();
  clock.advance(MINUTE_MS - (clock.nowMs() % MINUTE_MS));
  const startMs = clock.nowMs();
  const logs = new MemoryLogStore(() => clock.nowMs());
  const metrics = await openCloudWatchMetrics({ clock, logs, keyValue: new MemoryKeyValueStore() });
  const read = async (metricName: string, dimensions: Record<string, string>, statistics: string[]) => {
    metrics.collect();
    const points = await getMetricStatistics(metrics, {
      metric: {
        ...OWNER,
        namespace: "AWS/Lambda",
        metricName,
        dimensions: Object.entries(dimensions).map(([name, value]) => ({ name, value })),
      },
      startMs,
      endMs: startMs + 3 * MINUTE_MS,
      periodSeconds: 60,
      statistics,
      extendedStatistics: [],
      unit: undefined,
    });
    return points.map(({ statistics: found }) => statistics.map((name) => found[name]));
  };
  const own = { ...OWNER, functionName: "hello", qualifier: "$LATEST" };
  const live = { ...OWNER, functionName: "hello", qualifier: "live" };
  metrics.urls.request(own, { status: 200, latencyMs: 10 });
  metrics.urls.request(own, { status: 403, latencyMs: 2 });
  clock.advance(6_000);
  metrics.urls.request(live, { status: 502, latencyMs: 30 });
  clock.advance(MINUTE_MS);
  metrics.urls.request(live, { status: 200, latencyMs: 20 });

  const FunctionName = "hello";
  assert.deepEqual(await read("UrlRequestCount", { FunctionName }, ["Sum"]), [[3], [1]]);
  assert.deepEqual(await read("Url4xxCount", { FunctionName }, ["Sum", "SampleCount"]), [
    [1, 3],
    [0, 1],
  ]);
  const resource = (qualifier: string) => ({ FunctionName, Resource: `hello:${qualifier}` });
  assert.deepEqual(await read("Url5xxCount", resource("$LATEST"), ["Sum"]), [[0]]);
  assert.deepEqual(await read("Url5xxCount", resource("live"), ["Sum"]), [[1], [0]]);
  assert.deepEqual(await read("UrlRequestLatency", resource("live"), ["Average", "Maximum"]), [
    [30, 30],
    [20, 20],
  ]);
  await metrics.close();
});

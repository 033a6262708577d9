import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../test/support/manual-clock.ts";
import { MemoryLogStore } from "../../test/support/memory-log-store.ts";
import { MemoryKeyValueStore } from "../../test/support/memory-store.ts";
import { functionVersion, settle } from "../../test/support/scripted-environments.ts";
import { openCloudWatchMetrics } from "./cloudwatch-metrics.ts";
import { getMetricStatistics } from "./get-metric-statistics.ts";
import { MINUTE_MS } from "./metric-series.ts";

const ARN = "arn:aws:lambda:us-east-1:000000000000:function:hello";

async function ground() {
  const clock = new ManualClock();
  clock.advance(MINUTE_MS - (clock.nowMs() % MINUTE_MS));
  const startMs = clock.nowMs();
  const logs = new MemoryLogStore(() => clock.nowMs());
  const metrics = await openCloudWatchMetrics({ clock, logs, keyValue: new MemoryKeyValueStore() });
  const load = {
    inFlight: 0,
    provisioned: 0,
    functionInFlight: 0,
    accountInFlight: 0,
    unreservedInFlight: 0,
  };
  const { account, region } = functionVersion();
  const read = async (metricName: string, dimensions: Record<string, string>, statistics: string[]) => {
    const points = await getMetricStatistics(metrics, {
      metric: {
        account,
        region,
        namespace: "AWS/Lambda",
        metricName,
        dimensions: Object.entries(dimensions).map(([name, value]) => ({ name, value })),
      },
      startMs,
      endMs: clock.nowMs() + MINUTE_MS,
      periodSeconds: 60,
      statistics,
      extendedStatistics: [],
      unit: undefined,
    });
    return points.map((point) => [
      (point.timestampMs - startMs) / MINUTE_MS,
      ...statistics.map((name) => point.statistics[name]),
    ]);
  };
  return { clock, metrics, load, read };
}

test("invocations count under function, name and account, errors and throttles as rates", async () => {
  const { clock, metrics, load, read } = await ground();
  const tally = metrics.invocations.tally(functionVersion(), ARN, load);
  for (const failed of [false, true, false]) {
    tally.began();
    clock.advance(10);
    tally.ended(clock.monotonicMs() - 10, 10, failed);
  }
  tally.refused();
  clock.advance(5_000);
  await settle();
  for (const dimensions of [{}, { FunctionName: "hello" }, { FunctionName: "hello", Resource: "hello" }]) {
    assert.deepEqual(await read("Invocations", dimensions, ["Sum", "SampleCount"]), [[0, 3, 3]]);
    assert.deepEqual(await read("Errors", dimensions, ["Sum", "SampleCount"]), [[0, 1, 3]]);
    assert.deepEqual(await read("Throttles", dimensions, ["Sum", "SampleCount"]), [[0, 1, 4]]);
    assert.deepEqual(await read("Duration", dimensions, ["Average", "Maximum"]), [[0, 10, 10]]);
  }
  const byVersion = { FunctionName: "hello", Resource: "hello", ExecutedVersion: "$LATEST" };
  assert.deepEqual(await read("Invocations", byVersion, ["Sum"]), []);
});

test("an alias counts the versions behind it apart", async () => {
  const { clock, metrics, load, read } = await ground();
  for (const version of ["1", "2"]) {
    const tally = metrics.invocations.tally({ ...functionVersion(), version }, `${ARN}:live`, load);
    tally.began();
    tally.ended(clock.monotonicMs(), 1, false);
  }
  clock.advance(5_000);
  const resource = { FunctionName: "hello", Resource: "hello:live" };
  assert.deepEqual(await read("Invocations", resource, ["Sum"]), [[0, 2]]);
  for (const ExecutedVersion of ["1", "2"])
    assert.deepEqual(await read("Invocations", { ...resource, ExecutedVersion }, ["Sum"]), [[0, 1]]);
});

test("an invocation counts in the minute in which it began, and as concurrent while it runs", async () => {
  const { clock, metrics, load, read } = await ground();
  const tally = metrics.invocations.tally(functionVersion(), ARN, load);
  clock.advance(50_000);
  const startedMs = clock.monotonicMs();
  Object.assign(load, { inFlight: 1, functionInFlight: 1, accountInFlight: 3, unreservedInFlight: 2 });
  tally.began();
  clock.advance(130_000);
  tally.ended(startedMs, 130_000, true);
  Object.assign(load, { inFlight: 0, functionInFlight: 0, accountInFlight: 2, unreservedInFlight: 1 });
  clock.advance(5_000);
  const byFunction = { FunctionName: "hello" };
  assert.deepEqual(await read("Invocations", byFunction, ["Sum"]), [[0, 1]]);
  assert.deepEqual(await read("Errors", byFunction, ["Sum"]), [[0, 1]]);
  assert.deepEqual(await read("Duration", byFunction, ["Sum"]), [[0, 130_000]]);
  const running = [0, 1, 2, 3];
  assert.deepEqual(
    await read("ConcurrentExecutions", byFunction, ["Maximum"]),
    running.map((minute) => [minute, 1]),
  );
  assert.deepEqual(
    await read("ConcurrentExecutions", {}, ["Maximum"]),
    running.map((minute) => [minute, 3]),
  );
  assert.deepEqual(
    await read("UnreservedConcurrentExecutions", {}, ["Maximum"]),
    running.map((minute) => [minute, 2]),
  );
});

test("provisioned concurrency: what ran on it, what spilled over, how much of it was used", async () => {
  const { clock, metrics, load, read } = await ground();
  const tally = metrics.invocations.tally({ ...functionVersion(), version: "7" }, `${ARN}:7`, load);
  load.provisioned = 2;
  for (const inFlight of [1, 2, 3]) {
    load.inFlight = inFlight;
    tally.began();
  }
  for (let index = 0; index < 3; index++) tally.ended(clock.monotonicMs(), 1, false);
  clock.advance(5_000);
  const resource = { FunctionName: "hello", Resource: "hello:7" };
  assert.deepEqual(await read("ProvisionedConcurrencyInvocations", resource, ["Sum"]), [[0, 2]]);
  assert.deepEqual(await read("ProvisionedConcurrencySpilloverInvocations", resource, ["Sum"]), [[0, 1]]);
  assert.deepEqual(await read("ProvisionedConcurrentExecutions", resource, ["Maximum"]), [[0, 2]]);
  assert.deepEqual(await read("ProvisionedConcurrencyUtilization", resource, ["Minimum", "Maximum"]), [
    [0, 0.5, 1],
  ]);
});

test("what was throttled while it waited is no invocation, what the platform failed is nothing", async () => {
  const { clock, metrics, load, read } = await ground();
  const tally = metrics.invocations.tally(functionVersion(), ARN, load);
  for (const throttled of [true, false]) {
    tally.began();
    tally.dropped(throttled);
  }
  await metrics.close();
  clock.advance(1);
  assert.deepEqual(await read("Invocations", { FunctionName: "hello" }, ["Sum"]), []);
  assert.deepEqual(await read("Throttles", { FunctionName: "hello" }, ["Sum"]), [[0, 1]]);
});

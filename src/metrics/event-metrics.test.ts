import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../test/support/manual-clock.ts";
import { MemoryLogStore } from "../../test/support/memory-log-store.ts";
import { MemoryKeyValueStore } from "../../test/support/memory-store.ts";
import { openCloudWatchMetrics } from "./cloudwatch-metrics.ts";

test("events count for the account, the function and the name it was called by", async () => {
  const clock = new ManualClock();
  const metrics = await openCloudWatchMetrics({
    logs: new MemoryLogStore(() => clock.nowMs()),
    keyValue: new MemoryKeyValueStore(),
    clock,
  });
  const owner = { account: "123456789012", region: "eu-west-1" };
  const arn = `arn:aws:lambda:${owner.region}:${owner.account}:function:f`;
  metrics.events.add(arn, "AsyncEventsReceived", 1);
  metrics.events.add(`${arn}:live`, "AsyncEventsReceived", 1);
  metrics.events.add(`${arn}:live`, "AsyncEventAge", 40);
  metrics.events.add(`${arn}:live`, "AsyncEventAge", 20);
  metrics.collect();
  const read = async (metricName: string, dimensions: Record<string, string>): Promise<number[]> => {
    const [series] = metrics.store.seriesOfMetric({
      ...owner,
      namespace: "AWS/Lambda",
      metricName,
      dimensions: Object.entries(dimensions).map(([name, value]) => ({ name, value })),
    });
    assert.ok(series, metricName);
    const range = { startMs: clock.nowMs() - 60_000, endMs: clock.nowMs() + 60_000 };
    const [value] = (await metrics.store.read(series, range, false)).values();
    return [value?.count ?? 0, value?.sum ?? 0];
  };
  assert.deepEqual(await read("AsyncEventsReceived", {}), [2, 2]);
  assert.deepEqual(await read("AsyncEventsReceived", { FunctionName: "f" }), [2, 2]);
  assert.deepEqual(await read("AsyncEventsReceived", { FunctionName: "f", Resource: "f:live" }), [1, 1]);
  assert.deepEqual(await read("AsyncEventAge", { FunctionName: "f", Resource: "f:live" }), [2, 60]);
  const uuid = "8d2a5f4e-0000-4000-8000-000000000000";
  metrics.events.add(
    `arn:aws:lambda:${owner.region}:${owner.account}:event-source-mapping:${uuid}`,
    "PolledEventCount",
    7,
  );
  metrics.collect();
  assert.deepEqual(await read("PolledEventCount", { EventSourceMappingUUID: uuid }), [1, 7]);
  await metrics.close();
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { ManualClock } from "../../test/support/manual-clock.ts";
import { MemoryLogStore } from "../../test/support/memory-log-store.ts";
import { MemoryKeyValueStore } from "../../test/support/memory-store.ts";
import { openCloudWatchLogs } from "./cloudwatch-logs.ts";
import { putLogEvents } from "./put-log-events.ts";

const GROUP = { account: "000000000000", region: "us-east-1", logGroupName: "g" };
const FUNCTION_ARN = "arn:aws:lambda:us-east-1:000000000000:function:f";

async function ground() {
  const clock = new ManualClock();
  const lost: object[] = [];
  const options = { clock, keyValue: new MemoryKeyValueStore(), lost: (what: object) => lost.push(what) };
  const logs = await openCloudWatchLogs({ ...options, logs: new MemoryLogStore(() => clock.nowMs()) });
  const group = await logs.groups.create(GROUP, {});
  await logs.groups.createStream(group, "s");
  const delivered: { message: string }[][] = [];
  const destination = {
    allowed: true,
    failures: 0,
    sources: new Set<string>(),
    allows(_arn: string, { sourceArn }: { sourceArn: string }) {
      this.sources.add(sourceArn);
      return this.allowed;
    },
    compress: async (text: string): Promise<Uint8Array> => Buffer.from(text),
    async deliver(_arn: string, payload: Uint8Array) {
      if (this.failures-- > 0) throw new Error("throttled");
      const { awslogs } = JSON.parse(Buffer.from(payload).toString());
      delivered.push(JSON.parse(Buffer.from(awslogs.data, "base64").toString()).logEvents);
    },
  };
  logs.connect(destination);
  const filter = {
    filterName: "all",
    filterPattern: "",
    destinationArn: FUNCTION_ARN,
    roleArn: undefined,
    distribution: undefined,
  };
  const put = (...messages: string[]) =>
    putLogEvents(
      logs,
      { ...GROUP, logStreamName: "s" },
      messages.map((message) => ({ timestampMs: clock.nowMs(), message })),
    );
  const settle = async (): Promise<void> => {
    for (let count = 0; count < 30; count++) await turn();
  };
  const messages = () => delivered.map((events) => events.map(({ message }) => message));
  return { clock, logs, lost, destination, filter, put, settle, messages };
}

test("delivers what matches, in the order in which it came", async () => {
  const { logs, filter, put, settle, messages, destination } = await ground();
  await logs.subscriptionFilters.put(GROUP, { ...filter, filterPattern: "x" });
  await put("x1", "y");
  await settle();
  await put("x2");
  await settle();
  assert.deepEqual(messages(), [["x1"], ["x2"]]);
  assert.deepEqual([...destination.sources], ["arn:aws:logs:us-east-1:000000000000:log-group:g:*"]);
});

test("tries again, and gives up after the last attempt", async () => {
  const { clock, logs, filter, put, settle, messages, destination, lost } = await ground();
  await logs.subscriptionFilters.put(GROUP, filter);
  destination.failures = 2;
  await put("late");
  for (const delayMs of [0, 1_000, 5_000]) {
    clock.advance(delayMs);
    await settle();
  }
  assert.deepEqual(messages(), [["late"]]);
  destination.failures = 4;
  await put("never");
  for (const delayMs of [0, 1_000, 5_000, 30_000]) {
    await settle();
    clock.advance(delayMs);
  }
  await settle();
  assert.deepEqual(messages(), [["late"]]);
  assert.deepEqual(lost, [{ logGroupName: "g", filterName: "all", events: 1 }]);
});

test("delivers nothing without the function's permission", async () => {
  const { logs, filter, put, settle, messages, destination, lost } = await ground();
  await logs.subscriptionFilters.put(GROUP, filter);
  destination.allowed = false;
  await put("secret");
  await settle();
  assert.deepEqual(messages(), []);
  assert.equal(lost.length, 1);
  await assert.rejects(logs.subscriptionFilters.put(GROUP, filter), /Could not execute the lambda function/);
});

test("what waits is bounded; what is too much is told as lost", async () => {
  const { logs, filter, put, settle, destination, lost, messages } = await ground();
  await logs.subscriptionFilters.put(GROUP, filter);
  const { promise, resolve } = Promise.withResolvers<Uint8Array>();
  destination.compress = () => promise;
  const large = "x".repeat(250_000);
  for (let index = 0; index < 20; index++) await put(large, large, large, large);
  assert.ok(lost.length > 0);
  const lostBefore = lost.length;
  destination.compress = async (text: string) => Buffer.from(text);
  resolve(Buffer.from('{"logEvents":[]}'));
  await settle();
  assert.ok(messages().length >= 14 && messages().length <= 17, `${messages().length} deliveries`);
  await put("again");
  await settle();
  assert.equal(lost.length, lostBefore);
  assert.deepEqual(messages().at(-1), ["again"]);
});

test("refuses destinations that are no functions, by name", async () => {
  const { logs, filter } = await ground();
  const put = (change: object) => logs.subscriptionFilters.put(GROUP, { ...filter, ...change });
  await assert.rejects(
    put({ destinationArn: "arn:aws:kinesis:us-east-1:000000000000:stream/s" }),
    /A destinationArn that is no function's is not supported/,
  );
  await assert.rejects(put({ roleArn: "arn:aws:iam::000000000000:role/r" }), /cannot be used with roleArn/);
  await assert.rejects(put({ filterPattern: "{ $." }), /Invalid filter pattern/);
});

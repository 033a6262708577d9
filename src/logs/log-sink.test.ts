import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { ManualClock } from "../../test/support/manual-clock.ts";
import { MemoryLogStore } from "../../test/support/memory-log-store.ts";
import { MemoryKeyValueStore } from "../../test/support/memory-store.ts";
import { Unavailable } from "../ports/store.ts";
import { type CloudWatchLogsOptions, openCloudWatchLogs } from "./cloudwatch-logs.ts";

const GROUP = { account: "123456789012", region: "us-east-1", logGroupName: "/aws/lambda/f" };

async function open(options: Partial<CloudWatchLogsOptions> = {}) {
  const clock = new ManualClock();
  const store = new MemoryLogStore(() => clock.nowMs());
  const keyValue = new MemoryKeyValueStore();
  const logs = await openCloudWatchLogs({ logs: store, keyValue, clock, ...options });
  const stream = (name: string) => [...store.records.values()].find((record) => record.name === name);
  const messages = (name: string) =>
    store.streams.get(stream(name)?.id ?? "")?.map(({ message }) => message) ?? [];
  return { clock, store, keyValue, logs, sink: logs.sink, stream, messages };
}

test("events of all streams go to the store in one append per interval", async () => {
  const { sink, clock, store, logs, messages, stream } = await open();
  const a = sink.open({ ...GROUP, logStreamName: "a" });
  const b = sink.open({ ...GROUP, logStreamName: "b" });
  for (let index = 0; index < 100; index++) {
    a.write(clock.nowMs(), `a${index}`);
    b.write(clock.nowMs(), `b${index}`);
  }
  assert.equal(store.appends, 0);
  clock.advance(200);
  await sink.flush();
  assert.equal(store.appends, 1);
  assert.equal(messages("a").length, 100);
  assert.equal(messages("b")[99], "b99");
  const record = stream("a");
  assert.equal(record?.lastEventMs, clock.nowMs() - 200);
  assert.equal(record?.storedBytes, 290 - 100 + 100 + 26 * 100);
  await logs.close();
});

test("a stream with 64 KB waiting does not wait for the interval", async () => {
  const { sink, store, clock } = await open();
  const writer = sink.open({ ...GROUP, logStreamName: "a" });
  writer.write(clock.nowMs(), "x".repeat(70_000));
  await turn();
  await turn();
  assert.equal(store.appends, 1);
});

test("the first event of a new group is the given line, once", async () => {
  const { sink, clock, messages, logs } = await open({ firstLineOfGroup: "this does not isolate\n" });
  sink.open({ ...GROUP, logStreamName: "a" }).write(clock.nowMs(), "one");
  await sink.flush();
  sink.open({ ...GROUP, logStreamName: "b" }).write(clock.nowMs(), "two");
  await sink.flush();
  assert.deepEqual(messages("a"), ["this does not isolate\n", "one"]);
  assert.deepEqual(messages("b"), ["two"]);
  await logs.groups.delete(GROUP);
  await logs.groups.create(GROUP, {});
  sink.open({ ...GROUP, logStreamName: "a" }).write(clock.nowMs(), "three");
  await sink.flush();
  assert.deepEqual(messages("a"), ["this does not isolate\n", "three"]);
});

test("a group that is deleted under a writer is made again", async () => {
  const { sink, clock, messages, logs } = await open();
  const writer = sink.open({ ...GROUP, logStreamName: "a" });
  writer.write(clock.nowMs(), "one");
  await sink.flush();
  await logs.groups.delete(GROUP);
  writer.write(clock.nowMs(), "two");
  await sink.flush();
  assert.deepEqual(messages("a"), ["two"]);
});

test("a store that is away for a while loses nothing", async () => {
  const { sink, clock, store, messages } = await open();
  const writer = sink.open({ ...GROUP, logStreamName: "a" });
  writer.write(clock.nowMs(), "one");
  store.failNext(new Unavailable("away"));
  await sink.flush();
  assert.deepEqual(messages("a"), []);
  writer.write(clock.nowMs(), "two");
  clock.advance(200);
  await sink.flush();
  assert.deepEqual(messages("a"), ["one", "two"]);
});

test("a store slower than the writers costs the oldest events, and a line says how many", async () => {
  const { sink, clock, store, messages } = await open({ maxBufferedBytes: 10_000 });
  const writer = sink.open({ ...GROUP, logStreamName: "a" });
  writer.write(clock.nowMs(), "first");
  const release = store.hold();
  clock.advance(200);
  await turn();
  for (let index = 0; index < 1000; index++)
    writer.write(clock.nowMs(), `line ${String(index).padStart(4, "0")} ${"x".repeat(90)}`);
  release();
  await sink.flush();
  const stored = messages("a");
  assert.equal(stored[0], "first");
  const dropped = Number(/LOGS_DROPPED (\d+) log events/.exec(stored[1] ?? "")?.[1]);
  assert.ok(stored.length < 110, `bounded: ${stored.length}`);
  assert.equal(dropped + stored.length - 2, 1000);
  assert.match(stored.at(-1) ?? "", /^line 0999/);
});

test("events longer than 256 KB are cut at a character", async () => {
  const { sink, clock, messages } = await open();
  sink.open({ ...GROUP, logStreamName: "a" }).write(clock.nowMs(), "ä".repeat(200_000));
  await sink.flush();
  const [message = ""] = messages("a");
  assert.equal(Buffer.byteLength(message), 262_144 - 26);
  assert.match(message, /^ä+$/);
});

test("a stream that is deleted under a writer is made again, and nothing written meanwhile is lost", async () => {
  const { sink, clock, store, messages, stream } = await open();
  const kept = sink.open({ ...GROUP, logStreamName: "kept" });
  const deleted = sink.open({ ...GROUP, logStreamName: "deleted" });
  kept.write(clock.nowMs(), "one");
  deleted.write(clock.nowMs(), "one");
  await sink.flush();
  const first = stream("deleted")?.id ?? "";
  await store.drop(first);
  kept.write(clock.nowMs(), "two");
  deleted.write(clock.nowMs(), "two");
  await sink.flush();
  assert.deepEqual([messages("kept"), messages("deleted")], [["one", "two"], ["two"]]);
  assert.notEqual(stream("deleted")?.id, first);
});

test("a stream that is there is written on", async () => {
  const { sink, clock, messages, store } = await open();
  sink.open({ ...GROUP, logStreamName: "a" }).write(clock.nowMs(), "one");
  await sink.flush();
  sink.open({ ...GROUP, logStreamName: "a" }).write(clock.nowMs(), "two");
  await sink.flush();
  assert.deepEqual(messages("a"), ["one", "two"]);
  assert.equal(store.records.size, 1);
});

test("streams of many new environments are made at once, not one after the other", async () => {
  const { sink, clock, store } = await open({ firstLineOfGroup: "this does not isolate\n" });
  let running = 0;
  let most = 0;
  const create = store.createStream.bind(store);
  store.createStream = async (stream) => {
    most = Math.max(most, ++running);
    await turn();
    running--;
    return create(stream);
  };
  for (let index = 0; index < 50; index++)
    sink.open({ ...GROUP, logStreamName: `${index}` }).write(clock.nowMs(), "line");
  await sink.flush();
  assert.equal(most, 50);
  const messages = [...store.streams.values()].flat().map(({ message }) => message);
  assert.equal(messages.filter((message) => message === "line").length, 50);
  assert.equal(messages.length, 51);
});

test("closing writes what is buffered, and the times of the last events with it", async () => {
  const { sink, clock, logs, keyValue, store } = await open();
  sink.open({ ...GROUP, logStreamName: "a" }).write(clock.nowMs(), "last");
  await logs.close();
  const again = await openCloudWatchLogs({ logs: store, keyValue, clock });
  const group = again.groups.group(GROUP);
  assert.equal((await again.groups.stream(group, "a")).lastEventMs, clock.nowMs());
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../test/support/manual-clock.ts";
import { LiveTail, type LiveTailRequest } from "./live-tail.ts";
import { LogIngestion } from "./log-ingestion.ts";

const OWNER = { account: "000000000000", region: "us-east-1" };
const GROUP = { ...OWNER, logGroupName: "g" };

function ground() {
  const clock = new ManualClock();
  const ingestion = new LogIngestion();
  const tail = new LiveTail({ ingestion, clock });
  const start = (request: Partial<LiveTailRequest> = {}) => {
    const abort = new AbortController();
    const all = { groups: [GROUP], streamNames: [], streamNamePrefixes: [], filter: undefined, ...request };
    return { abort, ...tail.start(OWNER, all, abort.signal) };
  };
  const publish = (logStreamName: string, messages: readonly string[], logGroupName = "g") =>
    ingestion.publish({
      stream: { ...OWNER, logGroupName, logStreamName },
      events: messages.map((message) => ({ timestampMs: 1, message })),
      ingestedAtMs: 2,
    });
  /** The update of the next second. */
  const next = async ({ updates }: ReturnType<typeof start>) => {
    const update = updates.next();
    clock.advance(1_000);
    const { value } = await update;
    return {
      messages: value?.events.map(({ message }: { message: string }) => message),
      sampled: value?.isSampled,
    };
  };
  return { clock, start, publish, next };
}

test("shows what the request asks for, once", async () => {
  const { start, publish, next } = ground();
  const all = start();
  const some = start({ streamNamePrefixes: ["a"], filter: (message) => message.includes("x") });
  const one = start({ streamNames: ["b"] });
  publish("a1", ["x1", "y1"]);
  publish("b", ["x2"]);
  publish("a1", ["x3"], "other");
  assert.deepEqual(await next(all), { messages: ["x1", "y1", "x2"], sampled: false });
  assert.deepEqual(await next(some), { messages: ["x1"], sampled: false });
  assert.deepEqual(await next(one), { messages: ["x2"], sampled: false });
  assert.deepEqual(await next(all), { messages: [], sampled: false });
});

test("shows 500 events a second and says that there were more", async () => {
  const { start, publish, next } = ground();
  const session = start();
  publish(
    "s",
    Array.from({ length: 501 }, (_, index) => `${index}`),
  );
  const { messages, sampled } = await next(session);
  assert.deepEqual([messages?.length, sampled], [500, true]);
  publish("s", ["next"]);
  assert.deepEqual(await next(session), { messages: ["next"], sampled: false });
});

test("ends with the client and after three hours, and makes room for the next session", async () => {
  const { clock, start, next } = ground();
  const sessions = Array.from({ length: 15 }, () => start());
  assert.throws(() => start(), { name: "LimitExceededException" });
  const [first, second] = sessions;
  assert.ok(first && second);
  const ending = first.updates.next();
  first.abort.abort();
  assert.equal((await ending).done, true);
  start();
  assert.throws(() => start(), { name: "LimitExceededException" });
  // One that nobody has begun to read.
  second.abort.abort();
  const last = start();
  await next(last);
  clock.advance(3 * 3_600_000);
  await assert.rejects(last.updates.next(), { name: "SessionTimeoutException" });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { ManualClock } from "../../test/support/manual-clock.ts";
import { TelemetryStream } from "./telemetry-stream.ts";
import { type TelemetryBuffering, TelemetrySubscriber } from "./telemetry-subscriber.ts";

const BUFFERING: TelemetryBuffering = { maxItems: 1_000, maxBytes: 262_144, timeoutMs: 100 };

/** A subscriber whose deliveries the test ends one by one. */
function subscribed(buffering: Partial<TelemetryBuffering> = {}) {
  const clock = new ManualClock();
  const sent: string[][] = [];
  const ends: { resolve: () => void; reject: (error: Error) => void }[] = [];
  let isClosed = false;
  const subscriber = new TelemetrySubscriber({
    types: new Set(["platform", "function"]),
    buffering: { ...BUFFERING, ...buffering },
    clock,
    delivery: {
      send: (events) => {
        sent.push([...events]);
        return new Promise((resolve, reject) => ends.push({ resolve, reject }));
      },
      close: () => {
        isClosed = true;
      },
    },
    format: ({ type, record }) => [{ type, record }],
  });
  const stream = new TelemetryStream(clock);
  const say = (word: string): void => stream.output("function", clock.nowMs(), word);
  return { clock, sent, ends, stream, subscriber, say, isClosed: () => isClosed };
}

const line = (record: string): string => JSON.stringify({ type: "function", record });

test("a batch goes out when its time has come, with what was told before the subscription", () => {
  const { clock, sent, stream, subscriber, say } = subscribed();
  say("early");
  stream.subscribe("observer", subscriber);
  say("late");
  stream.output("extension", clock.nowMs(), "not asked for");
  clock.advance(99);
  assert.deepEqual(sent, []);
  clock.advance(1);
  assert.deepEqual(sent, [[line("early"), line("late")]]);
});

test("what is kept for those who subscribe late is bounded, by events and by bytes", async () => {
  const large = subscribed({ maxItems: 10_000, maxBytes: 1_048_576 });
  for (let count = 0; count < 100; count++) large.say("a".repeat(250_000));
  large.say("small");
  large.stream.subscribe("observer", large.subscriber);
  large.clock.advance(100);
  for (let end = large.ends.shift(); end !== undefined; end = large.ends.shift()) {
    end.resolve();
    await turn();
  }
  assert.deepEqual(
    large.sent.flat().map((event) => event.length > 100),
    [...Array.from({ length: 16 }, () => true), false],
  );
  const many = subscribed({ maxItems: 10_000, maxBytes: 1_048_576 });
  for (let count = 0; count < 12_000; count++) many.say(String(count));
  many.stream.subscribe("observer", many.subscriber);
  many.clock.advance(100);
  assert.equal(many.sent.flat().length, 10_000);
});

test("a full batch goes out at once, by items and by bytes", async () => {
  for (const buffering of [{ maxItems: 2 }, { maxBytes: 50 }]) {
    const { sent, stream, subscriber, say } = subscribed(buffering);
    stream.subscribe("observer", subscriber);
    say("one");
    assert.equal(sent.length, 0);
    say("two");
    assert.deepEqual(sent, [[line("one"), line("two")]]);
  }
});

test("one batch is under way at a time; what a slow subscriber misses is counted and told", async () => {
  const { clock, sent, ends, stream, subscriber, say } = subscribed({ maxItems: 1 });
  stream.subscribe("observer", subscriber);
  for (const word of ["1", "2", "3", "4", "5", "6", "7"]) say(word);
  assert.equal(sent.length, 1);
  for (let i = 0; i < 5; i++) {
    ends[i]?.resolve();
    await turn();
  }
  assert.deepEqual(sent[1], [
    JSON.stringify({
      type: "platform.logsDropped",
      record: {
        reason:
          "Some logs were dropped because the downstream consumer is slower than the logs production rate",
        droppedRecords: 2,
        droppedBytes: 2 * line("6").length,
      },
    }),
    line("2"),
  ]);
  assert.deepEqual(sent.slice(2), [[line("3")], [line("4")], [line("5")]]);
  say("8");
  clock.advance(100);
  assert.deepEqual(sent[5], [line("8")]);
});

test("what could not be delivered is dropped with its reason", async () => {
  const { sent, ends, stream, subscriber, say } = subscribed({ maxItems: 1 });
  stream.subscribe("observer", subscriber);
  say("lost");
  ends[0]?.reject(new Error("connection refused"));
  await turn();
  say("next");
  assert.match(
    sent[1]?.[0] ?? "",
    /"reason":"could not send events: connection refused","droppedRecords":1,/,
  );
  assert.equal(sent[1]?.[1], line("next"));
});

test("towards the end everything is sent at once, and nothing is dropped for being quick", async () => {
  const { sent, ends, stream, subscriber, say } = subscribed();
  stream.subscribe("observer", subscriber);
  say("waiting");
  stream.hasten();
  for (let i = 0; i < 20; i++) say(String(i));
  assert.deepEqual(sent, [[line("waiting")]]);
  ends[0]?.resolve();
  await turn();
  assert.equal(sent[1]?.length, 20);
});

test("a second subscription replaces the first, and a closed stream takes none and keeps nothing", () => {
  const first = subscribed();
  const second = subscribed();
  first.stream.subscribe("observer", first.subscriber);
  first.stream.subscribe("observer", second.subscriber);
  assert.equal(first.isClosed(), true);
  first.stream.closeSubscription();
  assert.deepEqual([first.stream.isOpen, first.stream.isObserved], [false, true]);
  first.stream.close();
  assert.deepEqual([first.stream.isObserved, second.isClosed()], [false, true]);
  const unwatched = new TelemetryStream(new ManualClock());
  unwatched.closeSubscription();
  assert.equal(unwatched.isObserved, false);
});

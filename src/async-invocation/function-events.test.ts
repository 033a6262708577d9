import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { ManualClock } from "../../test/support/manual-clock.ts";
import { MemoryQueue } from "../../test/support/memory-queue.ts";
import type { AsyncInvocationRequest } from "../core/invocation.ts";
import { AsyncInvocations } from "./async-invocations.ts";
import type { Verdict } from "./event-execution.ts";
import type { QueuedEvent } from "./queued-event.ts";

const OWNER = { account: "123456789012", region: "eu-west-1" } as const;
const done = (durationMs = 1): Verdict => ({ type: "finished", durationMs });

async function quiet(): Promise<void> {
  for (let turns = 0; turns < 30; turns++) await turn();
}

interface Running {
  readonly event: QueuedEvent;
  end(verdict: Verdict): void;
}

/** Queues with executions that last until the test ends them. */
function open(
  options: { maxConcurrency?: number; reserved?: number; queue?: MemoryQueue; clock?: ManualClock } = {},
) {
  const clock = options.clock ?? new ManualClock();
  const queue = options.queue ?? new MemoryQueue(clock);
  const running: Running[] = [];
  const failures: unknown[] = [];
  const attempted: string[] = [];
  let highest = 0;
  const invocations = new AsyncInvocations({
    queue,
    clock,
    functions: {
      functionId: ({ functionName }) => `id-of-${functionName}`,
      concurrency: { reserved: () => options.reserved } as never,
    },
    execution: {
      attempt: (event) =>
        new Promise((resolve) => {
          attempted.push(event.requestId);
          const one = {
            event,
            end(verdict: Verdict) {
              running.splice(running.indexOf(one), 1);
              resolve(verdict);
            },
          };
          running.push(one);
          highest = Math.max(highest, running.length);
        }),
    },
    metrics: { add: () => undefined },
    maxConcurrency: options.maxConcurrency ?? 64,
    failed: (error) => failures.push(error),
  });
  const accept = (functionName: string, count: number, bytes = 2): Promise<unknown> =>
    Promise.all(
      Array.from({ length: count }, (_, index) => {
        const request: AsyncInvocationRequest = {
          ...OWNER,
          functionName,
          qualifier: undefined,
          requestId: `${functionName}-${index}`,
          payload: Buffer.alloc(bytes, "1"),
          traceHeader: undefined,
        };
        return invocations.accept(request);
      }),
    );
  const runningOf = (functionName: string): Running[] =>
    running.filter(({ event }) => event.functionName === functionName);
  return {
    clock,
    queue,
    invocations,
    running,
    runningOf,
    accept,
    failures,
    attempted,
    highest: () => highest,
  };
}

describe("the events of functions", () => {
  test("a backlog of one function holds no other up, and neither runs beyond its concurrency", async () => {
    const events = open({ maxConcurrency: 20 });
    await events.invocations.start();
    await events.accept("busy", 1_000);
    await quiet();
    assert.equal(events.runningOf("busy").length, 16);
    await events.accept("other", 1);
    await quiet();
    assert.equal(events.runningOf("other").length, 1);
    // Nothing of "busy" has ended: it takes its time, and may run more at once.
    for (let second = 0; second < 5; second++) {
      events.clock.advance(1_000);
      await quiet();
    }
    assert.equal(events.runningOf("busy").length, 20);
  });

  test("reserved concurrency is the limit where there is any", async () => {
    const events = open({ reserved: 3 });
    await events.invocations.start();
    await events.accept("f", 50);
    for (let second = 0; second < 5; second++) {
      await quiet();
      events.clock.advance(1_000);
    }
    assert.equal(events.running.length, 3);
  });

  test("few of a large backlog are taken from the store; fewer where they are large", async () => {
    const events = open();
    await events.accept("f", 5_000);
    await events.accept("large", 100, 1024 * 1024);
    await events.invocations.start();
    await quiet();
    for (let ended = 0; ended < 2_000; ended++) {
      events.runningOf("f")[0]?.end(done());
      events.runningOf("large")[0]?.end(done());
      if (ended % 10 === 0) await quiet();
    }
    assert.ok(events.queue.outMax < 400, `${events.queue.outMax} at once`);
    assert.ok(events.highest() <= 32, `${events.highest()} ran at once`);
  });

  test("run once each, in their order, and nothing is left of them", async () => {
    const events = open();
    await events.invocations.start();
    await events.accept("f", 500);
    while (events.attempted.length < 500 || events.running.length > 0) {
      await quiet();
      for (const one of events.running.slice()) one.end(done());
    }
    await quiet();
    assert.deepEqual(
      events.attempted,
      Array.from({ length: 500 }, (_, index) => `f-${index}`),
    );
    assert.deepEqual(await events.queue.queues("async-events/"), []);
    assert.deepEqual(events.failures, []);
  });

  test("stay ours while a function takes a quarter of an hour", async () => {
    const events = open();
    await events.invocations.start();
    await events.accept("f", 1);
    await quiet();
    for (let second = 0; second < 900; second += 5) {
      events.clock.advance(5_000);
      await turn();
    }
    await quiet();
    assert.deepEqual(events.attempted, ["f-0"]);
    events.running[0]?.end(done());
    await quiet();
    assert.deepEqual(await events.queue.queues("async-events/"), []);
  });

  test("what an earlier process has left is picked up, what it accepted without running as well", async () => {
    const clock = new ManualClock();
    const queue = new MemoryQueue(clock);
    const first = open({ clock, queue });
    await first.invocations.start();
    await first.accept("f", 40);
    await quiet();
    first.invocations.stop();
    await first.accept("g", 1);
    // Killed: nobody has settled anything.
    queue.releaseAll();
    const second = open({ clock, queue });
    await second.invocations.start();
    while (second.attempted.length < 41) {
      await quiet();
      for (const one of second.running.slice()) one.end(done());
    }
    assert.equal(new Set(second.attempted).size, 41);
  });

  test("a function that refuses is tried with one event, less and less often, until it takes them again", async () => {
    const events = open();
    await events.invocations.start();
    await events.accept("f", 1_000);
    await quiet();
    const refused = (event: QueuedEvent): Verdict => ({
      type: "retry",
      delayMs: 1_000,
      event: { ...event, backOffs: event.backOffs + 1 },
      isRefused: true,
      durationMs: undefined,
    });
    for (const one of events.running.slice()) one.end(refused(one.event));
    await quiet();
    assert.equal(events.running.length, 0);
    const before = events.attempted.length;
    for (let second = 0; second < 60; second++) {
      events.clock.advance(1_000);
      await quiet();
      for (const one of events.running.slice()) one.end(refused(one.event));
      await quiet();
    }
    const tried = events.attempted.length - before;
    assert.ok(tried >= 5 && tried <= 12, `${tried} tried in a minute`);
    events.clock.advance(10_000);
    await quiet();
    events.running[0]?.end(done());
    await quiet();
    for (let second = 0; second < 5; second++) {
      events.clock.advance(1_000);
      await quiet();
    }
    assert.equal(events.running.length, 16);
  });

  test("when it stops, nothing more begins, and what runs is settled", async () => {
    const events = open();
    await events.invocations.start();
    await events.accept("f", 100);
    await quiet();
    events.invocations.stop();
    const settled = events.invocations.settled();
    const before = events.attempted.length;
    for (const one of events.running.slice()) one.end(done());
    await settled;
    assert.equal(events.attempted.length, before);
    const left = await events.queue.stats("async-events/123456789012/eu-west-1/f");
    assert.equal(left.waiting + left.inFlightOrDelayed, 100 - before);
  });

  test("an idle queue is let go of", async () => {
    const events = open();
    await events.invocations.start();
    await events.accept("f", 1);
    await quiet();
    events.running[0]?.end(done());
    await quiet();
    events.clock.advance(30_000);
    await quiet();
    // No timer is left: time may pass without anybody looking.
    const asked: string[] = [];
    const receive = events.queue.receive.bind(events.queue);
    events.queue.receive = (name, ...rest) => {
      asked.push(name);
      return receive(name, ...rest);
    };
    events.clock.advance(3_600_000);
    await quiet();
    assert.deepEqual(asked, []);
    await events.accept("f", 1);
    await quiet();
    assert.equal(events.running.length, 1);
  });
});

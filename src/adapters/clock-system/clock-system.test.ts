import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { systemClock } from "./clock-system.ts";

test("fires once after the delay, however long the delay is", (t) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  t.after(() => mock.timers.reset());
  const thirtyDaysMs = 30 * 24 * 3_600_000;
  let fired = 0;
  systemClock.after(thirtyDaysMs, () => {
    fired++;
  });
  mock.timers.tick(2 ** 31 - 1);
  assert.equal(fired, 0);
  mock.timers.tick(thirtyDaysMs - (2 ** 31 - 1));
  assert.equal(fired, 1);
});

test("a cancelled callback does not run", (t) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  t.after(() => mock.timers.reset());
  const cancel = systemClock.after(10, () => assert.fail("ran although cancelled"));
  cancel();
  mock.timers.tick(100);
});

/** Longer than the timers of the test below. */
function holdUp(): void {
  for (const untilMs = performance.now() + 20; performance.now() < untilMs; );
}

test("a deadline comes after what is to be read when a timer is due", async () => {
  const order: string[] = [];
  const { port1, port2 } = new MessageChannel();
  port1.addEventListener("message", () => order.push("read"));
  port1.start();
  // From here on it is timers first, then what is to be read.
  await turn();
  port2.postMessage("in time");
  await new Promise<void>((resolve) => {
    systemClock.deadline(1, () => {
      order.push("deadline");
      resolve();
    });
    systemClock.after(1, () => order.push("timer"));
    setTimeout(() => order.push("later timer"), 1);
    holdUp();
  });
  port1.close();
  assert.deepEqual(order, ["timer", "later timer", "read", "deadline"]);
});

test("a cancelled deadline does not come, even when it is due", async () => {
  const cancel = systemClock.deadline(1, () => assert.fail("came although cancelled"));
  const { promise, resolve } = Promise.withResolvers<void>();
  setTimeout(() => {
    cancel();
    setImmediate(resolve);
  }, 1);
  holdUp();
  await promise;
});

test("monotonic time has a finer grain than a millisecond", () => {
  const samples = Array.from({ length: 50 }, () => systemClock.monotonicMs());
  assert.ok(samples.some((sample) => sample !== Math.trunc(sample)));
});

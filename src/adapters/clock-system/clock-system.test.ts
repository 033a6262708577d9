import assert from "node:assert/strict";
import { mock, test } from "node:test";
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

test("monotonic time has a finer grain than a millisecond", () => {
  const samples = Array.from({ length: 50 }, () => systemClock.monotonicMs());
  assert.ok(samples.some((sample) => sample !== Math.trunc(sample)));
});

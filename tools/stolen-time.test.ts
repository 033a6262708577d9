import assert from "node:assert/strict";
import { test } from "node:test";
import { StolenTime } from "./stolen-time.ts";

/** user nice system idle iowait irq softirq steal guest guest_nice */
const stat = (idle: number, stolen: number): string =>
  `cpu  10 0 5 ${idle} 0 0 0 ${stolen} 3 0\ncpu0 1 1 1\n`;

test("a machine is held up where half of its processors' time is taken for seconds", () => {
  const stolen = new StolenTime(stat(0, 0), 0);
  stolen.look(stat(300, 100), 2_000);
  stolen.look(stat(400, 400), 4_000);
  stolen.look(stat(500, 700), 6_000);
  stolen.look(stat(900, 700), 8_000);
  assert.ok(stolen.hasHeldUp(0, 8_000));
  assert.ok(stolen.hasHeldUp(2_000, 6_000));
  assert.ok(!stolen.hasHeldUp(0, 5_000), "three seconds of it");
  assert.ok(!stolen.hasHeldUp(6_000, 60_000));
});

test("a machine of its own is never", () => {
  const stolen = new StolenTime(stat(0, 0), 0);
  for (let second = 1; second < 60; second++) stolen.look(stat(100 * second, 0), 1_000 * second);
  assert.ok(!stolen.hasHeldUp(0, 60_000));
});

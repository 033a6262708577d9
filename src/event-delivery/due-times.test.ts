import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../test/support/manual-clock.ts";
import type { Clock } from "../ports/clock.ts";
import { DueTimes } from "./due-times.ts";

test("what is due is told in order, replaced and removed times are not", () => {
  const clock = new ManualClock();
  const told: string[] = [];
  const due = new DueTimes(clock, (id, atMs) => told.push(`${id}@${atMs - startMs}`));
  const startMs = clock.nowMs();
  due.set("late", startMs + 3_000);
  due.set("early", startMs + 1_000);
  due.set("moved", startMs + 500);
  due.set("moved", startMs + 2_000);
  due.set("removed", startMs + 100);
  due.set("removed", undefined);
  clock.advance(100);
  assert.deepEqual(told, []);
  due.start();
  clock.advance(2_500);
  assert.deepEqual(told, ["early@1000", "moved@2000"]);
  due.stop();
  clock.advance(10_000);
  due.start();
  clock.advance(0);
  assert.deepEqual(told, ["early@1000", "moved@2000", "late@3000"]);
});

test("ten thousand that wait have one timer, and random times come in order", () => {
  const clock = new ManualClock();
  let timers = 0;
  const counting: Clock = {
    nowMs: () => clock.nowMs(),
    monotonicMs: () => clock.monotonicMs(),
    after: (delayMs, callback) => {
      timers++;
      const cancel = clock.after(delayMs, () => {
        timers--;
        callback();
      });
      return () => {
        timers--;
        cancel();
      };
    },
    deadline: () => assert.fail("nothing ends here"),
  };
  const told: number[] = [];
  const due = new DueTimes(counting, (_id, atMs) => told.push(atMs));
  due.start();
  for (let index = 0; index < 10_000; index++)
    due.set(`schedule-${index % 9_000}`, clock.nowMs() + 1 + ((index * 7_919) % 100_003));
  assert.equal(timers, 1);
  assert.equal(due.size, 9_000);
  clock.advance(100_003);
  assert.equal(told.length, 9_000);
  assert.deepEqual(
    told,
    told.toSorted((left, right) => left - right),
  );
  assert.equal(timers, 0);
});

test("a time that is days away is waited for in pieces", () => {
  const clock = new ManualClock();
  const told: string[] = [];
  const due = new DueTimes(clock, (id) => told.push(id));
  due.start();
  due.set("far", clock.nowMs() + 40 * 86_400_000);
  clock.advance(40 * 86_400_000 - 1);
  assert.deepEqual(told, []);
  clock.advance(1);
  assert.deepEqual(told, ["far"]);
});

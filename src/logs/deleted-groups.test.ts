import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { ManualClock } from "../../test/support/manual-clock.ts";
import { DeletedGroups } from "./deleted-groups.ts";

const STEP_MS = 30;

/** Groups that take that many steps of 30 ms; -1: the store fails. */
function deletedGroups(steps: Record<string, number>) {
  const clock = new ManualClock();
  const asked: string[] = [];
  const logs = {
    async dropSome(group: string): Promise<boolean> {
      asked.push(group);
      clock.advance(STEP_MS);
      const left = (steps[group] ?? 1) - 1;
      if (left < -1) throw new Error("the disk is full");
      steps[group] = left;
      return left > 0;
    },
  };
  return { clock, asked, deleted: new DeletedGroups({ logs, clock }) };
}

test("groups are emptied one after the other, with as much time between as it takes", async () => {
  const { clock, asked, deleted } = deletedGroups({ a: 3, b: 1 });
  const done: string[] = [];
  for (const group of ["a", "b", "a"]) void deleted.empty(group).then(() => done.push(group));
  await turn();
  for (const expected of [["a"], ["a", "a"], ["a", "a", "a", "b"]]) {
    assert.deepEqual(asked, expected);
    clock.advance(STEP_MS - 1);
    await turn();
    assert.deepEqual(asked, expected);
    clock.advance(1);
    await turn();
  }
  assert.deepEqual(done.toSorted(), ["a", "a", "b"]);
});

test("a store that fails keeps nothing from being emptied later", async () => {
  const steps = { a: -1, b: 1 };
  const { asked, deleted } = deletedGroups(steps);
  await Promise.all([deleted.empty("a"), deleted.empty("b")]);
  steps.a = 1;
  await deleted.empty("a");
  assert.deepEqual(asked, ["a", "b", "a"]);
});

test("stopping ends a pause and leaves the rest", async () => {
  const { clock, asked, deleted } = deletedGroups({ a: 3, b: 1 });
  const emptied = [deleted.empty("a"), deleted.empty("b")];
  await turn();
  await deleted.stop();
  await Promise.all(emptied);
  clock.advance(1_000);
  await deleted.empty("c");
  assert.deepEqual(asked, ["a"]);
});

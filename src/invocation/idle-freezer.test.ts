import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../test/support/manual-clock.ts";
import { IdleFreezer } from "./idle-freezer.ts";

/** One environment, idle from the beginning. */
function idleEnvironment(clock: ManualClock) {
  const sinceMs = clock.monotonicMs();
  const holder = {
    frozenAtMs: undefined as number | undefined,
    freezeIdle: (beforeMs: number): boolean => {
      if (sinceMs > beforeMs) return false;
      holder.frozenAtMs ??= clock.monotonicMs() - sinceMs;
      return true;
    },
  };
  return holder;
}

test("an idle environment is frozen after some milliseconds", () => {
  const clock = new ManualClock();
  const environment = idleEnvironment(clock);
  new IdleFreezer(clock).idled(environment);
  clock.advance(9);
  assert.equal(environment.frozenAtMs, undefined);
  clock.advance(1);
  assert.equal(environment.frozenAtMs, 10);
});

test("freezing waits for environments that start, but not for long", () => {
  const clock = new ManualClock();
  let isStarting = true;
  const freezer = new IdleFreezer(clock, () => isStarting);
  const first = idleEnvironment(clock);
  freezer.idled(first);
  for (let ms = 0; ms < 100; ms += 10) clock.advance(10);
  assert.equal(first.frozenAtMs, undefined);
  isStarting = false;
  clock.advance(10);
  assert.equal(first.frozenAtMs, 110);

  isStarting = true;
  const second = idleEnvironment(clock);
  freezer.idled(second);
  for (let ms = 0; ms < 1_000; ms += 10) clock.advance(10);
  assert.equal(second.frozenAtMs, 260);
  freezer.close();
});

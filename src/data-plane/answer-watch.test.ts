import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { ManualClock } from "../../test/support/manual-clock.ts";
import { watchAnswers } from "./answer-watch.ts";

let clock: ManualClock;
let asked: { resolve: (value: unknown) => void; reject: (error: Error) => void }[];
let silences: number;
let stop: () => void;
beforeEach(() => {
  clock = new ManualClock();
  asked = [];
  silences = 0;
  stop = watchAnswers({
    clock,
    ask: () => new Promise((resolve, reject) => void asked.push({ resolve, reject })),
    silent: () => {
      silences++;
    },
  });
});

test("who answers is asked on, and one question at a time", async () => {
  for (let round = 1; round <= 20; round++) {
    clock.advance(4_000);
    assert.equal(asked.length, round, "not again before it is answered");
    if (round % 2 === 0) asked.at(-1)?.resolve(undefined);
    else asked.at(-1)?.reject(new Error("in its own words"));
    await Promise.resolve();
    await Promise.resolve();
  }
  assert.equal(silences, 0);
});

test("who does not answer for ten seconds is silent, once", () => {
  clock.advance(2_000 + 9_999);
  assert.equal(silences, 0);
  clock.advance(1);
  assert.equal(silences, 1);
  clock.advance(100_000);
  assert.equal(silences, 1);
  assert.equal(asked.length, 1);
});

test("a late answer is one", async () => {
  clock.advance(2_000 + 9_000);
  asked[0]?.resolve(undefined);
  await Promise.resolve();
  await Promise.resolve();
  clock.advance(9_000);
  assert.equal(silences, 0);
  assert.equal(asked.length, 2);
});

test("nothing is asked or told when it is ended", () => {
  clock.advance(3_000);
  stop();
  clock.advance(100_000);
  assert.equal(asked.length, 1);
  assert.equal(silences, 0);
});

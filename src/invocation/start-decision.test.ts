import assert from "node:assert/strict";
import { test } from "node:test";
import { StartDecision } from "./start-decision.ts";

function seasoned(invocationMs: number, startMs: number): StartDecision {
  const decision = new StartDecision();
  for (let i = 0; i < 50; i++) {
    decision.invocationTook(invocationMs);
    decision.startTook(startMs);
  }
  return decision;
}

test("without a busy environment, or before anything was seen, one more is started", () => {
  assert.equal(seasoned(5, 100).isWorthStarting({ waiting: 1, busy: 0, longestWaitMs: 0 }), true);
  assert.equal(new StartDecision().isWorthStarting({ waiting: 1, busy: 3, longestWaitMs: 0 }), true);
});

test("a short function is waited for, a long one is not", () => {
  assert.equal(seasoned(5, 100).isWorthStarting({ waiting: 10, busy: 1, longestWaitMs: 0 }), false);
  assert.equal(seasoned(400, 100).isWorthStarting({ waiting: 1, busy: 1, longestWaitMs: 0 }), true);
});

test("a long queue makes even a short function worth another environment", () => {
  const decision = seasoned(5, 100);
  assert.equal(decision.isWorthStarting({ waiting: 100, busy: 1, longestWaitMs: 0 }), true);
  assert.equal(decision.isWorthStarting({ waiting: 100, busy: 16, longestWaitMs: 0 }), false);
});

test("a prediction that proved wrong ends the waiting", () => {
  const decision = seasoned(5, 100);
  assert.equal(decision.isWorthStarting({ waiting: 1, busy: 1, longestWaitMs: decision.patienceMs }), true);
});

test("nobody waits: nothing is started", () => {
  assert.equal(new StartDecision().isWorthStarting({ waiting: 0, busy: 0, longestWaitMs: 0 }), false);
});

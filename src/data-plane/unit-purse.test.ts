import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { Admission } from "../invocation/admission.ts";
import type { Units } from "./calls.ts";
import { type Borrower, UnitLedger } from "./unit-ledger.ts";
import { UnitPurse } from "./unit-purse.ts";

const OWNER = { account: "000000000000", region: "us-east-1" };
const OTHER_LIMITS = "FunctionInvocationRateLimitExceeded";

/** Processes that borrow from one account, with real admission behind them. */
function account(concurrency: number, processes: number) {
  const admission = new Admission(concurrency);
  const nowMs = 1;
  const ledger = new UnitLedger({
    lend: (owner, wanted) => admission.lend(owner, wanted, nowMs),
    takeBack: (owner, units) => admission.takeBack(owner, units),
  });
  const made = Array.from({ length: processes }, () => {
    const borrower: Borrower = { recall: () => Promise.resolve(purse.empty()) };
    const purse = new UnitPurse(OWNER, (owner, wanted) => ledger.borrow(borrower, owner, wanted));
    return { purse, borrower };
  });
  const own = admission.acquire({ ...OWNER, functionName: "hello" });
  return { admission, ledger, own, processes: made, purses: made.map(({ purse }) => purse) };
}

const taken = async (purse: UnitPurse | undefined): Promise<string> => (await purse?.take()) ?? "runs";

test("all processes together admit exactly the account's concurrency", async () => {
  const { purses } = account(10, 3);
  const wishes = Array.from({ length: 30 }, (_, index) => taken(purses[index % 3]));
  const outcomes = await Promise.all(wishes);
  assert.equal(outcomes.filter((outcome) => outcome === "runs").length, 10);
  assert.equal(outcomes.filter((outcome) => outcome === "ConcurrentInvocationLimitExceeded").length, 20);
});

test("what one process has in hand and does not use serves another one", async () => {
  const { purses } = account(10, 2);
  assert.equal(await taken(purses[0]), "runs");
  purses[0]?.leave();
  const outcomes = await Promise.all(Array.from({ length: 11 }, () => taken(purses[1])));
  assert.deepEqual(
    outcomes.slice(0, 10),
    Array.from({ length: 10 }, () => "runs"),
  );
  assert.equal(outcomes[10], "ConcurrentInvocationLimitExceeded");
});

test("a unit in hand is taken at once, without a question", async () => {
  const { purses } = account(1_000, 1);
  await taken(purses[0]);
  purses[0]?.leave();
  assert.equal(purses[0]?.take(), undefined);
});

test("a unit that comes free goes to whoever waits for the answer", async () => {
  const never = Promise.withResolvers<Units>();
  const answers = [Promise.resolve({ units: 1, invocations: 50 }), never.promise];
  const purse = new UnitPurse(OWNER, () => answers.shift() ?? never.promise);
  assert.equal(await taken(purse), "runs");
  const waiting = taken(purse);
  await turn();
  purse.leave();
  assert.equal(await waiting, "runs");
});

test("the main process's own invocations find what was lent and is not used", async () => {
  const { admission, ledger, own, purses } = account(4, 1);
  await taken(purses[0]);
  purses[0]?.leave();
  assert.equal(own.enter(1), "ConcurrentInvocationLimitExceeded");
  await ledger.recallAll(OWNER);
  for (let index = 0; index < 4; index++) assert.equal(own.enter(1), undefined);
  assert.equal(own.enter(1), "ConcurrentInvocationLimitExceeded");
  for (let index = 0; index < 4; index++) own.leave();
  assert.deepEqual(admission.lend(OWNER, { units: 9, invocations: 0 }, 1), { units: 4, invocations: 0 });
});

test("what an ended process had is the account's again", async () => {
  const { ledger, own, processes } = account(2, 1);
  await Promise.all([taken(processes[0]?.purse), taken(processes[0]?.purse)]);
  assert.equal(own.enter(1), "ConcurrentInvocationLimitExceeded");
  if (processes[0] !== undefined) ledger.ended(processes[0].borrower);
  assert.equal(own.enter(1), undefined);
  assert.equal(own.enter(1), undefined);
  assert.equal(own.enter(1), "ConcurrentInvocationLimitExceeded");
  assert.equal(ledger.recallAll(OWNER), undefined, "nothing is lent any more");
});

test("ten requests a second for each unit of concurrency, over all processes", async () => {
  const { purses } = account(2, 2);
  let runs = 0;
  for (let index = 0; index < 40; index++) {
    const purse = purses[index % 2];
    const outcome = await taken(purse);
    if (outcome === "runs") {
      runs++;
      purse?.leave();
    } else assert.equal(outcome, OTHER_LIMITS);
  }
  assert.equal(runs, 20);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../test/support/manual-clock.ts";
import type { Records } from "./calls.ts";
import { Outbox } from "./outbox.ts";
import { Replay } from "./replay.ts";

const OWNER = { account: "000000000000", region: "us-east-1" };
const VERSION = { ...OWNER, functionName: "hello", version: "3" };
const ARN = "arn:aws:lambda:us-east-1:000000000000:function:hello:live";
const NO_LOAD = {
  inFlight: 0,
  provisioned: 0,
  functionInFlight: 0,
  accountInFlight: 0,
  unreservedInFlight: 0,
};
/** Of the process's monotonic clock against the machine's. */
const OFFSET_MS = 1_000;

/** An outbox whose records are replayed as the main process does, after a way through JSON. */
function connected({ backlogBytes = 0 } = {}) {
  const clock = new ManualClock();
  const said: string[] = [];
  const say = (...words: readonly unknown[]): void => {
    said.push(words.join(" "));
  };
  const replay = new Replay({
    logs: { open: (stream) => ({ write: (at, message) => say("log", stream.logStreamName, at, message) }) },
    functionMetrics: {
      tally: (version, invokedFunctionArn) => ({
        invokedFunctionArn,
        began: () => say("began", version.functionName, version.version, invokedFunctionArn),
        ended: (startedMs, durationMs, failed) => say("ended", startedMs, durationMs, failed),
        dropped: (throttled) => say("dropped", throttled),
        refused: () => say("refused"),
      }),
    },
    metrics: {
      invocation: ({ functionName, durationMs, outcome }) =>
        say("invocation", functionName, durationMs, outcome),
      coldStart: ({ runtime, durationMs }) => say("cold start", runtime, durationMs),
      apiRequest: ({ service, operation, status }) => say("request", service, operation, status),
      environments: () => undefined,
    },
    answered: () => say("answered"),
    elsewhere: () => ({ load: NO_LOAD, change: (by) => say("running", by), release: () => say("released") }),
    monotonicMs: (machineMs) => machineMs - OFFSET_MS,
  });
  let sent = 0;
  const outbox = new Outbox({
    clock,
    send: (records) => {
      sent++;
      replay.take(JSON.parse(JSON.stringify(records)) as Records);
    },
    backlogBytes: () => backlogBytes,
    environmentCounts: () => new Map([["nodejs24.x", 2]]),
    machineMs: (monotonicMs) => monotonicMs + OFFSET_MS,
  });
  return { clock, outbox, replay, said, sent: () => sent };
}

test("what happens in a process is written and counted in the main one, in its order, together", () => {
  const { clock, outbox, replay, said, sent } = connected();
  const writer = outbox.logs.open({ ...OWNER, logGroupName: "/aws/lambda/hello", logStreamName: "s" });
  const tally = outbox.functionMetrics.tally(VERSION, ARN, NO_LOAD);
  tally.began();
  writer.write(1, "START\n");
  writer.write(2, "END\n");
  tally.ended(7, 1.5, true);
  tally.refused();
  outbox.metrics.invocation({ functionName: "hello", durationMs: 2, outcome: "error" });
  outbox.metrics.apiRequest({ service: "lambda", operation: "Invoke", status: 200, durationMs: 2 });
  assert.equal(sent(), 0);
  clock.advance(20);
  assert.equal(sent(), 1);
  assert.deepEqual(said, [
    "log s 1 START\n",
    "log s 2 END\n",
    "running 1",
    `began hello 3 ${ARN}`,
    "running -1",
    "answered",
    "ended 7 1.5 true",
    "refused",
    "invocation hello 2 error",
    "request lambda Invoke 200",
  ]);
  assert.deepEqual(replay.environments, { "nodejs24.x": 2 });
});

test("what ran in a process that is gone runs no more", () => {
  const { outbox, replay, said } = connected();
  const tally = outbox.functionMetrics.tally(VERSION, ARN, NO_LOAD);
  tally.began();
  tally.began();
  tally.dropped(true);
  outbox.flush();
  said.length = 0;
  replay.ended();
  assert.deepEqual(said, ["running -1", "dropped false", "released"]);
  assert.deepEqual(replay.environments, {});
});

test("log events that nobody takes are dropped, and their stream says so", () => {
  const { outbox, said } = connected({ backlogBytes: 100 * 1024 * 1024 });
  const writer = outbox.logs.open({ ...OWNER, logGroupName: "g", logStreamName: "s" });
  for (let index = 0; index < 3; index++) writer.write(1, "lost\n");
  outbox.flush();
  assert.equal(said.length, 1);
  assert.match(said[0] ?? "", /^log s \d+ LOGS_DROPPED 3 log events/);
});

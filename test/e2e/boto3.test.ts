import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { hasBoto3, runBoto3 } from "../support/boto3.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

const ROUND = fileURLToPath(new URL("./boto3-round.py", import.meta.url));

describe("a newcomer with boto3", () => {
  let lambent: RunningLambent;
  before(async () => {
    lambent = await startLambent();
  });
  after(async () => {
    await lambent?.stop();
  });

  test("deploys, invokes, updates, publishes, reads logs and deletes", async (t) => {
    if (!(await hasBoto3(t))) return;
    const said = await runBoto3(ROUND, { endpoint: lambent.endpoint });
    const { log, ...seen } = JSON.parse(said) as Record<string, unknown>;
    assert.match(String(log), /^START RequestId: .*\nsaw \{'n': 1\}\nEND RequestId: /);
    assert.deepEqual(seen, {
      first: "one",
      version: "1",
      second: "two",
      stream: ['"two"', { InvokeComplete: {} }],
      events: 2,
      missing: "Function not found: arn:aws:lambda:us-east-1:000000000000:function:missing:$LATEST",
      identity: "arn:aws:iam::000000000000:root",
      left: [],
    });
  });
});

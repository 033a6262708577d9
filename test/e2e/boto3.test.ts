import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { skipUnless } from "../support/skip.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

const run = promisify(execFile);
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
    const python = process.env["LAMBENT_TEST_PYTHON"] ?? "python3";
    const hasBoto3 = await run(python, ["-c", "import boto3"]).then(
      () => true,
      () => false,
    );
    if (!skipUnless(t, hasBoto3, "boto3 is not installed", "pip install boto3")) return;
    const { stdout } = await run(python, [ROUND], {
      env: {
        ...process.env,
        AWS_ENDPOINT_URL: lambent.endpoint,
        AWS_ACCESS_KEY_ID: "any",
        AWS_SECRET_ACCESS_KEY: "any",
        AWS_DEFAULT_REGION: "us-east-1",
      },
    });
    const { log, ...seen } = JSON.parse(stdout) as Record<string, unknown>;
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

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { lambdaService } from "../../src/aws-api/services/lambda/lambda-service.ts";
import { skipUnless } from "../support/skip.ts";
import { startLambent } from "../support/start-lambent.ts";

const run = promisify(execFile);
const SCRIPT = fileURLToPath(new URL("./boto3-operations.py", import.meta.url));
/** Stands for dependencies that only handlers use, when they are called. */
const unused: never = new Proxy(() => unused, { get: () => unused }) as never;
/** Only the newest versions of boto3 know these. */
const RECENT = ["DeleteResourcePolicy", "GetResourcePolicy", "PutResourcePolicy"];

test("boto3 calls every operation of the Lambda API", { timeout: 120_000 }, async (t) => {
  const python = process.env["LAMBENT_TEST_PYTHON"] ?? "python3";
  const hasBoto3 = await run(python, ["-c", "import boto3"]).then(
    () => true,
    () => false,
  );
  if (!skipUnless(t, hasBoto3, "boto3 is not installed", "pip install boto3")) return;
  const lambent = await startLambent();
  t.after(() => lambent.stop());
  const health = (await (await fetch(`${lambent.endpoint}/health`)).json()) as { runtimes: string[] };
  const runtime = health.runtimes.find((name) => /^(nodejs2|python)/.test(name));
  const operations = Object.keys(lambdaService(unused).handlers);
  assert.ok(operations.length > 50);
  const { stdout } = await run(python, [SCRIPT], {
    env: {
      ...process.env,
      AWS_ENDPOINT_URL: lambent.endpoint,
      AWS_ACCESS_KEY_ID: "any",
      AWS_SECRET_ACCESS_KEY: "any",
      AWS_DEFAULT_REGION: "us-east-1",
      RUNTIME: runtime,
      OPERATIONS: JSON.stringify(operations),
    },
    timeout: 100_000,
  });
  const { missed, unknown } = JSON.parse(stdout) as { missed: string[]; unknown: string[] };
  assert.deepEqual(missed, [], "each operation is called");
  for (const name of unknown) assert.ok(RECENT.includes(name), `boto3 does not know ${name}`);
});

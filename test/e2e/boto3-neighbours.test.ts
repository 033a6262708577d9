import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { iamService } from "../../src/aws-api/services/iam/iam-service.ts";
import { logsService } from "../../src/aws-api/services/logs/logs-service.ts";
import { stsService } from "../../src/aws-api/services/sts/sts-service.ts";
import { skipUnless } from "../support/skip.ts";
import { startLambent } from "../support/start-lambent.ts";

const run = promisify(execFile);
const SCRIPT = fileURLToPath(new URL("./boto3-neighbours.py", import.meta.url));
/** Stands for dependencies that only handlers use, when they are called. */
const unused: never = new Proxy(() => unused, { get: () => unused }) as never;
/** boto3 puts its host under another name, whatever the endpoint; the JavaScript SDK's tests and the CLI's show it. */
const ELSEWHERE = ["logs:StartLiveTail"];

test("boto3 calls every operation of IAM, STS and CloudWatch Logs", { timeout: 120_000 }, async (t) => {
  const python = process.env["LAMBENT_TEST_PYTHON"] ?? "python3";
  const hasBoto3 = await run(python, ["-c", "import boto3"]).then(
    () => true,
    () => false,
  );
  if (!skipUnless(t, hasBoto3, "boto3 is not installed", "pip install boto3")) return;
  const lambent = await startLambent();
  t.after(() => lambent.stop());
  const operations = [iamService(unused), stsService(unused), logsService(unused)].flatMap(
    ({ signingName, handlers }) => Object.keys(handlers).map((name) => `${signingName}:${name}`),
  );
  const { stdout } = await run(python, [SCRIPT], {
    env: {
      ...process.env,
      AWS_ENDPOINT_URL: lambent.endpoint,
      AWS_ACCESS_KEY_ID: "any",
      AWS_SECRET_ACCESS_KEY: "any",
      AWS_DEFAULT_REGION: "us-east-1",
      OPERATIONS: JSON.stringify(operations),
    },
    timeout: 100_000,
  });
  assert.deepEqual(JSON.parse(stdout), ELSEWHERE);
});

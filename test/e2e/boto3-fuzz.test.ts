import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { ServiceDefinition } from "../../src/aws-api/protocol/handlers.ts";
import { cloudWatchService } from "../../src/aws-api/services/cloudwatch/cloudwatch-service.ts";
import { eventBridgeService } from "../../src/aws-api/services/eventbridge/eventbridge-service.ts";
import { iamService } from "../../src/aws-api/services/iam/iam-service.ts";
import { lambdaService } from "../../src/aws-api/services/lambda/lambda-service.ts";
import { logsService } from "../../src/aws-api/services/logs/logs-service.ts";
import { s3Service } from "../../src/aws-api/services/s3/s3-service.ts";
import { schedulerService } from "../../src/aws-api/services/scheduler/scheduler-service.ts";
import { snsService } from "../../src/aws-api/services/sns/sns-service.ts";
import { sqsService } from "../../src/aws-api/services/sqs/sqs-service.ts";
import { stsService } from "../../src/aws-api/services/sts/sts-service.ts";
import { skipUnless } from "../support/skip.ts";
import { startLambent } from "../support/start-lambent.ts";

const run = promisify(execFile);
const SCRIPT = fileURLToPath(new URL("./boto3-fuzz.py", import.meta.url));
/** LAMBENT_TEST_SEED repeats a run. */
const seed = Number(process.env["LAMBENT_TEST_SEED"] ?? Date.now() % 2 ** 31);
/** Stands for dependencies that only handlers use, when they are called. */
const unused: never = new Proxy(() => unused, { get: () => unused }) as never;
const SERVICES: readonly ServiceDefinition[] = [
  lambdaService(unused),
  iamService(unused),
  stsService(unused),
  logsService(unused),
  cloudWatchService(unused),
  sqsService(unused),
  snsService(unused),
  eventBridgeService(unused),
  schedulerService(unused),
  s3Service(unused),
];

interface Findings {
  readonly problems: readonly string[];
  readonly calls: Readonly<Record<"valid" | "succeeded" | "forbidden" | "answered", number>>;
  /** Operations of Lambda, and how often each succeeded. */
  readonly succeeded: Readonly<Record<string, number>>;
}

test(`random input through boto3 to every handler (LAMBENT_TEST_SEED=${seed})`, {
  timeout: 120_000,
}, async (t) => {
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
  const served = Object.fromEntries(
    SERVICES.map(({ signingName, handlers }) => [signingName, Object.keys(handlers)]),
  );
  const { stdout } = await run(python, [SCRIPT, lambent.endpoint, String(seed), JSON.stringify(served)], {
    env: { ...process.env, RUNTIME: runtime?.split(" ")[0] },
    maxBuffer: 64 * 1024 * 1024,
    timeout: 100_000,
  });
  const { problems, calls, succeeded } = JSON.parse(stdout) as Findings;
  assert.deepEqual(problems, [], "no answer of 500, none without one of AWS's errors, none missing");
  assert.ok(calls.valid > 150 && calls.succeeded > 0.8 * calls.valid, JSON.stringify(calls));
  assert.ok(Object.keys(succeeded).length > 55, `only ${Object.keys(succeeded).join(", ")} ever succeeded`);
  // The rest are values that boto3 itself has no way to send.
  assert.ok(calls.forbidden > 250 && calls.answered > 0.7 * calls.forbidden, JSON.stringify(calls));
});

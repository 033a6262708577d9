import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
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
import { hasBoto3, runBoto3 } from "../support/boto3.ts";
import { handledOperations, unusedDependencies } from "../support/handled-operations.ts";
import { startLambent } from "../support/start-lambent.ts";

const SCRIPT = fileURLToPath(new URL("./boto3-fuzz.py", import.meta.url));
/** LAMBENT_TEST_SEED repeats a run. */
const seed = Number(process.env["LAMBENT_TEST_SEED"] ?? Date.now() % 2 ** 31);
const SERVICES: readonly ServiceDefinition[] = [
  lambdaService(unusedDependencies),
  iamService(unusedDependencies),
  stsService(unusedDependencies),
  logsService(unusedDependencies),
  cloudWatchService(unusedDependencies),
  sqsService(unusedDependencies),
  snsService(unusedDependencies),
  eventBridgeService(unusedDependencies),
  schedulerService(unusedDependencies),
  s3Service(unusedDependencies),
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
  if (!(await hasBoto3(t))) return;
  const lambent = await startLambent();
  t.after(() => lambent.stop());
  const health = (await (await fetch(`${lambent.endpoint}/health`)).json()) as { runtimes: string[] };
  const runtime = health.runtimes.find((name) => /^(nodejs2|python)/.test(name));
  const served = Object.fromEntries(
    SERVICES.map((service) => [service.signingName, handledOperations(service)]),
  );
  const said = await runBoto3(SCRIPT, {
    endpoint: lambent.endpoint,
    parameters: [lambent.endpoint, String(seed), JSON.stringify(served)],
    variables: { RUNTIME: runtime?.split(" ")[0] },
  });
  const { problems, calls, succeeded } = JSON.parse(said) as Findings;
  assert.deepEqual(problems, [], "no answer of 500, none without one of AWS's errors, none missing");
  assert.ok(calls.valid > 150 && calls.succeeded > 0.8 * calls.valid, JSON.stringify(calls));
  assert.ok(Object.keys(succeeded).length > 55, `only ${Object.keys(succeeded).join(", ")} ever succeeded`);
  // The rest are values that boto3 itself has no way to send.
  assert.ok(calls.forbidden > 250 && calls.answered > 0.7 * calls.forbidden, JSON.stringify(calls));
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { iamService } from "../../src/aws-api/services/iam/iam-service.ts";
import { logsService } from "../../src/aws-api/services/logs/logs-service.ts";
import { stsService } from "../../src/aws-api/services/sts/sts-service.ts";
import { hasBoto3, runBoto3 } from "../support/boto3.ts";
import { handledOperations, unusedDependencies } from "../support/handled-operations.ts";
import { startLambent } from "../support/start-lambent.ts";

const SCRIPT = fileURLToPath(new URL("./boto3-neighbours.py", import.meta.url));
/** boto3 puts its host under another name, whatever the endpoint; the JavaScript SDK's tests and the CLI's show it. */
const ELSEWHERE = ["logs:StartLiveTail"];

test("boto3 calls every operation of IAM, STS and CloudWatch Logs", { timeout: 120_000 }, async (t) => {
  if (!(await hasBoto3(t))) return;
  const lambent = await startLambent();
  t.after(() => lambent.stop());
  const services = [iamService, stsService, logsService].map((service) => service(unusedDependencies));
  const operations = services.flatMap((service) =>
    handledOperations(service).map((name) => `${service.signingName}:${name}`),
  );
  const said = await runBoto3(SCRIPT, {
    endpoint: lambent.endpoint,
    variables: { OPERATIONS: JSON.stringify(operations) },
  });
  assert.deepEqual(JSON.parse(said), ELSEWHERE);
});

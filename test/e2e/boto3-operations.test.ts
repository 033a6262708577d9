import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { lambdaService } from "../../src/aws-api/services/lambda/lambda-service.ts";
import { hasBoto3, runBoto3 } from "../support/boto3.ts";
import { handledOperations, unusedDependencies } from "../support/handled-operations.ts";
import { startLambent } from "../support/start-lambent.ts";

const SCRIPT = fileURLToPath(new URL("./boto3-operations.py", import.meta.url));
/** Only the newest versions of boto3 know these. */
const RECENT = ["DeleteResourcePolicy", "GetResourcePolicy", "PutResourcePolicy"];

test("boto3 calls every operation of the Lambda API", { timeout: 120_000 }, async (t) => {
  if (!(await hasBoto3(t))) return;
  const lambent = await startLambent();
  t.after(() => lambent.stop());
  const health = (await (await fetch(`${lambent.endpoint}/health`)).json()) as { runtimes: string[] };
  const runtime = health.runtimes.find((name) => /^(nodejs2|python)/.test(name));
  const operations = handledOperations(lambdaService(unusedDependencies));
  assert.ok(operations.length > 50);
  const said = await runBoto3(SCRIPT, {
    endpoint: lambent.endpoint,
    variables: { RUNTIME: runtime, OPERATIONS: JSON.stringify(operations) },
  });
  const { missed, unknown } = JSON.parse(said) as { missed: string[]; unknown: string[] };
  assert.deepEqual(missed, [], "each operation is called");
  for (const name of unknown) assert.ok(RECENT.includes(name), `boto3 does not know ${name}`);
});

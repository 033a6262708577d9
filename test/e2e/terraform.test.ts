import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { CloudWatchLogsClient, DescribeLogGroupsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { IAMClient, ListPoliciesCommand, ListRolesCommand } from "@aws-sdk/client-iam";
import {
  LambdaClient,
  ListCodeSigningConfigsCommand,
  ListFunctionsCommand,
  ListLayersCommand,
} from "@aws-sdk/client-lambda";
import { CreateQueueCommand, SQSClient } from "@aws-sdk/client-sqs";
import { rootKeys } from "../support/root-keys.ts";
import { skipUnless } from "../support/skip.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";
import { hasTerraform, openTerraform, TERRAFORM_ADVICE, type Terraform } from "../support/terraform.ts";
import { zipOf } from "../support/zip.ts";

const CONFIGURATION = fileURLToPath(new URL("./fixtures/terraform/main.tf", import.meta.url));
const LIMIT = { timeout: 280_000 };
/** Runtimes that version 5 of the provider knows; it refuses newer ones by itself. */
const RUNTIMES =
  /^(nodejs22\.x|nodejs20\.x|nodejs18\.x|python3\.13|python3\.12|python3\.11|python3\.10|python3\.9)$/;

interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

interface Round {
  readonly terraform: Terraform;
  /** Variables of the configuration as flags, changed ones last. */
  readonly variables: (changed?: Readonly<Record<string, string>>) => string[];
}

const availableRuntime = async (endpoint: string): Promise<string> => {
  const health = (await (await fetch(`${endpoint}/health`)).json()) as { readonly runtimes: string[] };
  const runtime = health.runtimes.find((identifier) => RUNTIMES.test(identifier));
  assert.ok(runtime, `a runtime that the provider knows is among ${health.runtimes.join(", ")}`);
  return runtime;
};

/** The same function for Node.js and Python, whichever the machine has. */
const packageThatAnswers = (member: string): Promise<Buffer> =>
  zipOf({
    "index.mjs": `export const handler = async (event) => ({ ${member}: event.n });`,
    "index.py": `def handler(event, context):\n    return {"${member}": event["n"]}\n`,
  });

async function begin(lambent: RunningLambent, keys: Keys): Promise<Round> {
  const sqs = new SQSClient({ endpoint: lambent.endpoint, region: "us-east-1", credentials: keys });
  await sqs.send(new CreateQueueCommand({ QueueName: "tf-queue" }));
  const terraform = await openTerraform(CONFIGURATION, {
    AWS_ENDPOINT_URL: lambent.endpoint,
    AWS_ACCESS_KEY_ID: keys.accessKeyId,
    AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
    AWS_REGION: "us-east-1",
  });
  const put = (name: string, bytes: Buffer): Promise<void> =>
    writeFile(join(terraform.directory, name), bytes);
  await put("one.zip", await packageThatAnswers("one"));
  await put("two.zip", await packageThatAnswers("two"));
  await put("layer.zip", await zipOf({ "nodejs/greeting.mjs": 'export const greeting = "hello";' }));
  const fixed = {
    runtime: await availableRuntime(lambent.endpoint),
    layer_package: "layer.zip",
    package: "one.zip",
  };
  return {
    terraform,
    variables: (changed = {}) =>
      Object.entries({ ...fixed, ...changed }).flatMap(([name, value]) => ["-var", `${name}=${value}`]),
  };
}

/** What a configuration has made, by the names it gave; empty after `destroy`. */
async function leftBy(endpoint: string, credentials: Keys): Promise<unknown> {
  const configuration = { endpoint, region: "us-east-1", credentials, maxAttempts: 1 };
  const lambda = new LambdaClient(configuration);
  const iam = new IAMClient(configuration);
  const { Functions } = await lambda.send(new ListFunctionsCommand({}));
  const { Layers } = await lambda.send(new ListLayersCommand({}));
  const { CodeSigningConfigs } = await lambda.send(new ListCodeSigningConfigsCommand({}));
  const { Roles } = await iam.send(new ListRolesCommand({}));
  const { Policies } = await iam.send(new ListPoliciesCommand({ Scope: "Local" }));
  const { logGroups } = await new CloudWatchLogsClient(configuration).send(new DescribeLogGroupsCommand({}));
  return [
    ...(Functions ?? []).map(({ FunctionName }) => FunctionName),
    ...(Layers ?? []).map(({ LayerName }) => LayerName),
    ...(CodeSigningConfigs ?? []).map(({ CodeSigningConfigId }) => CodeSigningConfigId),
    ...(Roles ?? []).map(({ RoleName }) => RoleName),
    ...(Policies ?? []).map(({ PolicyName }) => PolicyName),
    ...(logGroups ?? []).map(({ logGroupName }) => logGroupName),
  ];
}

/** AWS: the group that a function's first line of log has made belongs to nobody's configuration. */
const LOGS_OF_THE_PLAIN_FUNCTION = "/aws/lambda/tf-plain";

const IMPORTED = {
  "aws_iam_role.function": "tf-function",
  "aws_cloudwatch_log_group.function": "/aws/lambda/tf-function",
  "aws_lambda_alias.live": "tf-function/live",
  "aws_lambda_permission.bucket": "tf-function:live/bucket",
  "aws_lambda_function_url.open": "tf-function/live",
  "aws_lambda_function_event_invoke_config.retries": "tf-function:live",
  "aws_lambda_provisioned_concurrency_config.live": "tf-function,1",
  "aws_lambda_function.plain": "tf-plain",
};

async function here(t: TestContext): Promise<boolean> {
  return skipUnless(
    t,
    await hasTerraform(),
    "Terraform or version 5 of its AWS provider is missing",
    TERRAFORM_ADVICE,
  );
}

describe("a newcomer with Terraform", () => {
  test("apply, no changes, a change in place, import, destroy", LIMIT, async (t) => {
    if (!(await here(t))) return;
    const lambent = await startLambent();
    t.after(() => lambent.stop());
    const keys = { accessKeyId: "any", secretAccessKey: "any" };
    const { terraform, variables } = await begin(lambent, keys);
    t.after(() => terraform.remove());

    await terraform.run("apply", "-auto-approve", ...variables());
    assert.deepEqual(await terraform.outputs(), {
      account: "000000000000",
      answer: { one: 1 },
      live_arn: "arn:aws:lambda:us-east-1:000000000000:function:tf-function:live",
      live_version: "1",
    });
    assert.deepEqual(await terraform.plannedChanges(...variables()), []);

    const changed = variables({ package: "two.zip", colour: "blue", memory_mb: "300" });
    assert.deepEqual((await terraform.plannedChanges(...changed)).toSorted(), [
      "update aws_lambda_alias.live",
      "update aws_lambda_function.function",
      "update aws_lambda_function.plain",
    ]);
    await terraform.run("apply", "-auto-approve", ...changed);
    assert.deepEqual(await terraform.plannedChanges(...changed), [], "after a change");

    for (const [address, id] of Object.entries(IMPORTED)) {
      await terraform.run("state", "rm", address);
      await terraform.run("import", ...changed, address, id);
    }
    // What a function was made from is not known to AWS, so the provider plans to send it again, and nothing else.
    const planned = await terraform.plannedChanges(...changed);
    assert.deepEqual(planned, ["update aws_lambda_function.plain"], "after importing");
    await terraform.run("apply", "-auto-approve", ...changed);
    assert.deepEqual(await terraform.plannedChanges(...changed), []);

    await terraform.run("destroy", "-auto-approve", ...changed);
    assert.deepEqual(await leftBy(lambent.endpoint, keys), [LOGS_OF_THE_PLAIN_FUNCTION]);
  });

  test("the same with enforced access: apply, no changes, destroy", LIMIT, async (t) => {
    if (!(await here(t))) return;
    const lambent = await startLambent({ arguments: ["--authentication", "enforced"] });
    t.after(() => lambent.stop());
    const keys = await rootKeys(lambent);
    const { terraform, variables } = await begin(lambent, keys);
    t.after(() => terraform.remove());
    await terraform.run("apply", "-auto-approve", ...variables());
    assert.deepEqual(await terraform.plannedChanges(...variables()), []);
    await terraform.run("destroy", "-auto-approve", ...variables());
    const left = await leftBy(lambent.endpoint, keys);
    assert.ok(
      Array.isArray(left) && left.every((name) => name === LOGS_OF_THE_PLAIN_FUNCTION),
      JSON.stringify(left),
    );
  });
});

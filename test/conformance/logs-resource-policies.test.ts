import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CloudWatchLogsClient,
  DeleteResourcePolicyCommand,
  DescribeResourcePoliciesCommand,
  InvalidParameterException,
  LimitExceededException,
  PutResourcePolicyCommand,
  ResourceNotFoundException,
} from "@aws-sdk/client-cloudwatch-logs";
import { startLambent } from "../support/start-lambent.ts";

const policyDocument = JSON.stringify({
  Version: "2012-10-17",
  Statement: {
    Effect: "Allow",
    Principal: { Service: "events.amazonaws.com" },
    Action: "logs:PutLogEvents",
    Resource: "*",
  },
});

test("policies on log groups: ten of an account in a region, replaced by name, found in pages, deleted", async (t) => {
  const lambent = await startLambent();
  const logs = new CloudWatchLogsClient({
    endpoint: lambent.endpoint,
    region: "eu-west-1",
    credentials: { accessKeyId: "any", secretAccessKey: "any" },
    maxAttempts: 1,
  });
  t.after(async () => {
    logs.destroy();
    await lambent.stop();
  });
  const put = (policyName: string, document = policyDocument) =>
    logs.send(new PutResourcePolicyCommand({ policyName, policyDocument: document }));
  const { resourcePolicy } = await put("p0");
  assert.equal(resourcePolicy?.policyName, "p0");
  assert.equal(resourcePolicy?.policyDocument, policyDocument);
  assert.ok(Math.abs((resourcePolicy?.lastUpdatedTime ?? 0) - Date.now()) < 60_000);
  for (let index = 1; index < 10; index++) await put(`p${index}`);
  await put("p3");
  await assert.rejects(put("p10"), LimitExceededException);
  await assert.rejects(put("p3", "{}"), InvalidParameterException);
  await assert.rejects(put(""), InvalidParameterException);
  await assert.rejects(logs.send(new DeleteResourcePolicyCommand({})), InvalidParameterException);
  const page = async (nextToken?: string) => {
    const answer = await logs.send(new DescribeResourcePoliciesCommand({ limit: 6, nextToken }));
    return { names: answer.resourcePolicies?.map(({ policyName }) => policyName), next: answer.nextToken };
  };
  const first = await page();
  assert.deepEqual(first.names, ["p0", "p1", "p2", "p3", "p4", "p5"]);
  assert.deepEqual(await page(first.next), { names: ["p6", "p7", "p8", "p9"], next: undefined });
  const remove = new DeleteResourcePolicyCommand({ policyName: "p0" });
  await logs.send(remove);
  const long = "n".repeat(20_000);
  assert.equal((await put(long)).resourcePolicy?.policyName, long);
  await logs.send(new DeleteResourcePolicyCommand({ policyName: long }));
  await assert.rejects(
    logs.send(remove),
    (error) =>
      error instanceof ResourceNotFoundException && error.message === "Policy with name [p0] does not exist.",
  );
});

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { CloudWatchLogsClient, FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { CreateRoleCommand, IAMClient, PutRolePolicyCommand } from "@aws-sdk/client-iam";
import {
  InvokeCommand,
  type LambdaClient,
  PutFunctionEventInvokeConfigCommand,
} from "@aws-sdk/client-lambda";
import { clientConfiguration, deploy, lambdaClient } from "../support/deploy.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

const arnOf = (name: string): string => `arn:aws:lambda:us-east-1:000000000000:function:${name}`;
/** Sends its event on to itself, with the trace header that AWS's SDKs send. */
const LOOPING = `exports.handler = async ({ hop }) => {
  console.log("HOP " + hop);
  const answer = await fetch(process.env.AWS_ENDPOINT_URL + "/2015-03-31/functions/looping/invocations", {
    method: "POST",
    headers: {
      authorization: "AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0",
      "x-amz-invocation-type": "Event",
      "x-amzn-trace-id": process.env._X_AMZN_TRACE_ID,
    },
    body: JSON.stringify({ hop: hop + 1 }),
  });
  if (answer.status !== 202) throw new Error("status " + answer.status);
};`;
const RECORDING = `exports.handler = async (event) => console.log("RECORD " + JSON.stringify(event));`;

describe("events for functions that really run", () => {
  let lambent: RunningLambent;
  let lambda: LambdaClient;
  let logs: CloudWatchLogsClient;
  before(async () => {
    lambent = await startLambent();
    lambda = lambdaClient(lambent.endpoint);
    logs = new CloudWatchLogsClient(clientConfiguration(lambent.endpoint));
    await deploy(lambda, "recording", { "index.js": RECORDING });
  });
  after(async () => {
    logs?.destroy();
    await lambent?.stop();
  });

  const send = (FunctionName: string, event: unknown) =>
    lambda.send(new InvokeCommand({ FunctionName, InvocationType: "Event", Payload: JSON.stringify(event) }));

  /** What a function has logged behind the mark, as soon as there are so many lines. */
  async function logged(name: string, mark: string, count: number): Promise<string[]> {
    const deadline = Date.now() + 20_000;
    for (;;) {
      const { events = [] } = await logs
        .send(new FilterLogEventsCommand({ logGroupName: `/aws/lambda/${name}`, filterPattern: mark }))
        .catch(() => ({ events: [] }));
      const lines = events.map(({ message = "" }) =>
        message.slice(message.indexOf(mark) + mark.length + 1).trim(),
      );
      if (lines.length >= count) return lines;
      assert.ok(Date.now() < deadline, `${lines.length} of ${count} lines of ${name}`);
      await sleep(100);
    }
  }

  test("a failure goes to the function that is its destination", async () => {
    await deploy(lambda, "failing", {
      "index.js": 'exports.handler = async () => { throw new Error("bad"); };',
    });
    await lambda.send(
      new PutFunctionEventInvokeConfigCommand({
        FunctionName: "failing",
        MaximumRetryAttempts: 0,
        DestinationConfig: { OnFailure: { Destination: arnOf("recording") } },
      }),
    );
    const { $metadata } = await send("failing", { n: 1 });
    assert.equal($metadata.httpStatusCode, 202);
    const [line = ""] = await logged("recording", "RECORD", 1);
    const { requestContext, requestPayload, responsePayload } = JSON.parse(line) as Record<string, object>;
    assert.deepEqual(requestContext, {
      requestId: $metadata.requestId,
      functionArn: `${arnOf("failing")}:$LATEST`,
      condition: "RetriesExhausted",
      approximateInvokeCount: 1,
    });
    assert.deepEqual(requestPayload, { n: 1 });
    assert.partialDeepStrictEqual(responsePayload, { errorType: "Error", errorMessage: "bad" });
  });

  test("a function that sends its event to itself is stopped after 16 rounds", async () => {
    const iam = new IAMClient(clientConfiguration(lambent.endpoint));
    const RoleName = "looping";
    const { Role } = await iam.send(
      new CreateRoleCommand({
        RoleName,
        AssumeRolePolicyDocument: JSON.stringify({
          Version: "2012-10-17",
          Statement: [
            { Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" },
          ],
        }),
      }),
    );
    await iam.send(
      new PutRolePolicyCommand({
        RoleName,
        PolicyName: "invoke",
        PolicyDocument: JSON.stringify({
          Version: "2012-10-17",
          Statement: [{ Effect: "Allow", Action: "lambda:InvokeFunction", Resource: "*" }],
        }),
      }),
    );
    iam.destroy();
    await deploy(lambda, "looping", { "index.js": LOOPING }, { Role: Role?.Arn, MemorySize: 1_769 });
    await send("looping", { hop: 1 });
    await logged("looping", "HOP", 16);
    await sleep(500);
    assert.equal((await logged("looping", "HOP", 16)).length, 16);
  });
});

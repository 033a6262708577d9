import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { CloudWatchLogsClient, FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import {
  DeleteFunctionConcurrencyCommand,
  GetProvisionedConcurrencyConfigCommand,
  type LambdaClient,
  PublishVersionCommand,
  PutFunctionConcurrencyCommand,
  PutProvisionedConcurrencyConfigCommand,
  TooManyRequestsException,
} from "@aws-sdk/client-lambda";
import { clientConfiguration, deploy, invoke, lambdaClient } from "../support/deploy.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

const HANDLER = `
exports.handler = async (event) => {
  if (event.sleepMs) await new Promise((resolve) => setTimeout(resolve, event.sleepMs));
  return process.env.AWS_LAMBDA_INITIALIZATION_TYPE;
};`;
const BROKEN = "throw new Error('cannot be loaded');";
const READY_WITHIN_MS = 30_000;

let dataDirectory: string;
let lambent: RunningLambent;
let lambda: LambdaClient;
before(async () => {
  dataDirectory = await mkdtemp(join(tmpdir(), "lambent-concurrency-"));
  lambent = await startLambent({ dataDirectory });
  lambda = lambdaClient(lambent.endpoint);
  await deploy(lambda, "node", { "index.js": HANDLER });
});
after(async () => {
  await lambent?.stop();
  await rm(dataDirectory, { recursive: true, force: true });
});

const reserve = (ReservedConcurrentExecutions: number) =>
  lambda.send(new PutFunctionConcurrencyCommand({ FunctionName: "node", ReservedConcurrentExecutions }));

const provision = (FunctionName: string, ProvisionedConcurrentExecutions: number) =>
  lambda.send(
    new PutProvisionedConcurrencyConfigCommand({
      FunctionName,
      Qualifier: "1",
      ProvisionedConcurrentExecutions,
    }),
  );

/** Waits until provisioned concurrency is READY or has FAILED. */
async function settled(FunctionName: string) {
  const deadline = Date.now() + READY_WITHIN_MS;
  for (;;) {
    const state = await lambda.send(
      new GetProvisionedConcurrencyConfigCommand({ FunctionName, Qualifier: "1" }),
    );
    if (state.Status !== "IN_PROGRESS") return state;
    assert.ok(Date.now() < deadline, JSON.stringify(state));
    await sleep(50);
  }
}

function isThrottled(error: unknown): true {
  assert.ok(error instanceof TooManyRequestsException, String(error));
  assert.deepEqual(
    [error.$metadata.httpStatusCode, error.Reason, error.Type, error.message],
    [429, "ReservedFunctionConcurrentInvocationLimitExceeded", "User", "Rate Exceeded."],
  );
  assert.equal(error.retryAfterSeconds, "1", "the Retry-After header");
  return true;
}

describe("reserved concurrency", () => {
  test("of 0 turns a function off, until it is taken away", async () => {
    await reserve(0);
    await assert.rejects(invoke(lambda, "node"), isThrottled);
    await lambda.send(new DeleteFunctionConcurrencyCommand({ FunctionName: "node" }));
    assert.equal((await invoke(lambda, "node")).body, "on-demand");
  });

  test("of 1 lets one of several invocations run at a time", async () => {
    await reserve(1);
    const answers = await Promise.allSettled(
      Array.from({ length: 4 }, () => invoke(lambda, "node", { sleepMs: 1_000 })),
    );
    const refused = answers.filter((answer) => answer.status === "rejected");
    assert.equal(refused.length, 3);
    for (const { reason } of refused) isThrottled(reason);
    assert.equal((await invoke(lambda, "node")).functionError, undefined);
    await lambda.send(new DeleteFunctionConcurrencyCommand({ FunctionName: "node" }));
  });
});

describe("provisioned concurrency", () => {
  const initialised = async (): Promise<void> => {
    const { AvailableProvisionedConcurrentExecutions, Status } = await settled("node");
    assert.deepEqual([AvailableProvisionedConcurrentExecutions, Status], [2, "READY"]);
    const answers = await Promise.all(
      Array.from({ length: 2 }, () => invoke(lambda, "node", { sleepMs: 300 }, "1")),
    );
    for (const { body, log } of answers) {
      assert.equal(body, "provisioned-concurrency");
      assert.match(log, /REPORT/);
      assert.doesNotMatch(log, /Init Duration/);
    }
  };

  test("has initialised environments ready: no cold start, and the rest spills over", async () => {
    await lambda.send(new PublishVersionCommand({ FunctionName: "node" }));
    const put = await provision("node", 2);
    assert.deepEqual([put.$metadata.httpStatusCode, put.Status], [202, "IN_PROGRESS"]);
    await initialised();
    const bodies = await Promise.all(
      Array.from({ length: 3 }, () => invoke(lambda, "node", { sleepMs: 1_000 }, "1")),
    );
    assert.deepEqual(bodies.map(({ body }) => String(body)).toSorted(), [
      "on-demand",
      "provisioned-concurrency",
      "provisioned-concurrency",
    ]);
    const logs = new CloudWatchLogsClient(clientConfiguration(lambent.endpoint));
    const { events = [] } = await logs.send(
      new FilterLogEventsCommand({ logGroupName: "/aws/lambda/node", filterPattern: "INIT_REPORT" }),
    );
    assert.equal(events.length, 2);
    assert.match(
      events[0]?.message ?? "",
      /^INIT_REPORT Init Duration: [\d.]+ ms\tPhase: init\tStatus: success/,
    );
  });

  test("equal to what is reserved throttles $LATEST and not the version", async () => {
    await reserve(2);
    await assert.rejects(invoke(lambda, "node"), isThrottled);
    assert.equal((await invoke(lambda, "node", {}, "1")).body, "provisioned-concurrency");
    await lambda.send(new DeleteFunctionConcurrencyCommand({ FunctionName: "node" }));
  });

  test("has FAILED when the function cannot be initialised", async () => {
    await deploy(lambda, "broken", { "index.js": BROKEN });
    await lambda.send(new PublishVersionCommand({ FunctionName: "broken" }));
    await provision("broken", 1);
    const { Status, StatusReason } = await settled("broken");
    assert.deepEqual([Status, StatusReason], ["FAILED", "FUNCTION_ERROR_INIT_FAILURE"]);
  });

  test("is there again after a restart", async () => {
    assert.equal(await lambent.stop(), 0);
    lambent = await startLambent({ dataDirectory });
    lambda = lambdaClient(lambent.endpoint);
    await initialised();
  });
});

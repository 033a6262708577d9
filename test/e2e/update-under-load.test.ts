import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import {
  CreateAliasCommand,
  InvokeCommand,
  type LambdaClient,
  PublishVersionCommand,
  UpdateAliasCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionUpdatedV2,
} from "@aws-sdk/client-lambda";
import { deploy, lambdaClient, zipOf } from "../support/deploy.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

const CALLERS = 4;
const UPDATES = 6;
const source = (build: number): Record<string, string> => ({
  "index.js": `exports.handler = async () => { await new Promise((resolve) => setTimeout(resolve, 20)); return ${build}; };`,
});

let lambent: RunningLambent;
let lambda: LambdaClient;
before(async () => {
  lambent = await startLambent();
  lambda = lambdaClient(lambent.endpoint);
});
after(() => lambent?.stop());

const updated = (FunctionName: string) =>
  waitUntilFunctionUpdatedV2({ client: lambda, maxWaitTime: 20, minDelay: 0.05, maxDelay: 0.1 } as never, {
    FunctionName,
  });

async function changeCode(FunctionName: string, build: number): Promise<void> {
  await lambda.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile: await zipOf(source(build)) }));
  await updated(FunctionName);
}

async function publish(FunctionName: string): Promise<string> {
  const { Version = "" } = await lambda.send(new PublishVersionCommand({ FunctionName }));
  return Version;
}

/** Invokes without a pause until it is stopped; gives what was answered, and what failed. */
function load(FunctionName: string, Qualifier?: string) {
  const answers: number[] = [];
  const failures: string[] = [];
  let stopped = false;
  const call = async (): Promise<void> => {
    while (!stopped) {
      try {
        const { Payload, FunctionError } = await lambda.send(new InvokeCommand({ FunctionName, Qualifier }));
        const text = Buffer.from(Payload ?? []).toString();
        if (FunctionError === undefined) answers.push(Number(text));
        else failures.push(text);
      } catch (error) {
        failures.push(String(error));
      }
    }
  };
  const callers = Array.from({ length: CALLERS }, call);
  return {
    /** Resolves when one more answer of this build has come. */
    async answersOnceMore(build: number): Promise<void> {
      for (const from = answers.length; !answers.slice(from).includes(build); ) await delay(10);
    },
    async stop() {
      stopped = true;
      await Promise.all(callers);
      return { answers, failures };
    },
  };
}

describe("under load no invocation fails", () => {
  test("while code and configuration are changed again and again", async () => {
    await deploy(lambda, "latest", source(0));
    const running = load("latest");
    for (let build = 1; build <= UPDATES; build++) {
      await changeCode("latest", build);
      await lambda.send(
        new UpdateFunctionConfigurationCommand({ FunctionName: "latest", Description: `build ${build}` }),
      );
      await updated("latest");
      const { Payload } = await lambda.send(new InvokeCommand({ FunctionName: "latest" }));
      assert.equal(Buffer.from(Payload ?? []).toString(), String(build), "what was updated is what runs");
    }
    const { answers, failures } = await running.stop();
    assert.deepEqual(failures, []);
    assert.ok(answers.length > UPDATES * 4, `${answers.length} invocations`);
    assert.ok(new Set(answers).size > 3, "old and new code have both been running");
  });

  test("while an alias moves by weights, and a pinned version stays what it is", async () => {
    await deploy(lambda, "moving", source(1));
    const first = await publish("moving");
    await changeCode("moving", 2);
    const second = await publish("moving");
    await lambda.send(
      new CreateAliasCommand({ FunctionName: "moving", Name: "live", FunctionVersion: first }),
    );
    const pinned = load("moving", first);
    const running = load("moving", "live");
    const move = (FunctionVersion: string, weights: Record<string, number>) =>
      lambda.send(
        new UpdateAliasCommand({
          FunctionName: "moving",
          Name: "live",
          FunctionVersion,
          RoutingConfig: { AdditionalVersionWeights: weights },
        }),
      );
    for (let round = 0; round < 3; round++) {
      await move(first, { [second]: 0.5 });
      await changeCode("moving", 3 + round);
      await move(second, {});
      await running.answersOnceMore(2);
      await changeCode("moving", 2);
      await move(first, {});
    }
    const [aliased, pinnedTo] = await Promise.all([running.stop(), pinned.stop()]);
    assert.deepEqual([aliased.failures, pinnedTo.failures], [[], []]);
    assert.deepEqual(new Set(aliased.answers), new Set([1, 2]));
    assert.deepEqual(new Set(pinnedTo.answers), new Set([1]));
  });
});

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { CloudWatchLogsClient, FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { AttachRolePolicyCommand, CreateRoleCommand, IAMClient } from "@aws-sdk/client-iam";
import {
  CreateAliasCommand,
  DeleteFunctionCommand,
  InvokeCommand,
  PublishVersionCommand,
  ResourceNotFoundException,
  UpdateAliasCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionUpdatedV2,
} from "@aws-sdk/client-lambda";
import { build } from "esbuild";
import { clientConfiguration, deploy, invoke, lambdaClient, zipOf } from "../support/deploy.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

const NODE_FUNCTION = `
let calls = 0;
exports.handler = async (event, context) => {
  console.log("call", ++calls, "of", context.functionName);
  if (event.fail) throw new TypeError("asked to fail");
  if (event.exit !== undefined) process.exit(event.exit);
  if (event.sleepMs) await new Promise((resolve) => setTimeout(resolve, event.sleepMs));
  if (event.hang) for (;;) {}
  return { calls, event, version: context.functionVersion, remainingMs: context.getRemainingTimeInMillis(), region: process.env.AWS_REGION };
};`;

const PYTHON_FUNCTION = `
import os
def handler(event, context):
    print("hello from", context.function_name)
    if event.get("fail"):
        raise ValueError("asked to fail")
    return {"event": event, "id": context.aws_request_id, "version": os.environ["AWS_LAMBDA_FUNCTION_VERSION"]}
`;

describe("a function deployed with the JavaScript SDK", () => {
  let lambent: RunningLambent;
  let lambda: ReturnType<typeof lambdaClient>;
  before(async () => {
    lambent = await startLambent();
    lambda = lambdaClient(lambent.endpoint);
    await deploy(lambda, "node", { "index.js": NODE_FUNCTION }, { Timeout: 2 });
  });
  after(async () => {
    assert.equal(await lambent?.stop(), 0);
  });

  test("runs, is reused when warm, and logs as AWS does", async () => {
    const first = await invoke(lambda, "node", { a: "ä" });
    assert.deepEqual((first.body as { event: unknown }).event, { a: "ä" });
    assert.match(
      first.log,
      /^START RequestId: [0-9a-f-]{36} Version: \$LATEST\n\d{4}-.*Z\t[0-9a-f-]{36}\tINFO\tcall 1 of node\nEND RequestId: [0-9a-f-]{36}\nREPORT RequestId: [0-9a-f-]{36}\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 128 MB\tMax Memory Used: \d+ MB\tInit Duration: [\d.]+ ms\t\n$/,
    );
    const second = await invoke(lambda, "node");
    assert.equal((second.body as { calls: number }).calls, 2);
    assert.doesNotMatch(second.log, /Init Duration/);
  });

  test("Max Memory Used is the function's, in a plausible range", async () => {
    const { log } = await invoke(lambda, "node");
    const usedMb = Number(/Max Memory Used: (\d+) MB/.exec(log)?.[1]);
    assert.ok(usedMb > 10 && usedMb <= 128, log);
  });

  test("an exception is AWS's error body with a trace, and the environment lives on", async () => {
    const { body, functionError, log } = await invoke(lambda, "node", { fail: true });
    const error = body as { errorType: string; errorMessage: string; trace: string[] };
    assert.equal(functionError, "Unhandled");
    assert.deepEqual([error.errorType, error.errorMessage], ["TypeError", "asked to fail"]);
    assert.match(error.trace[1] ?? "", /\/var\/task\/index\.js:\d+/);
    assert.match(log, /\tERROR\tInvoke Error \t/);
    const calls = ((await invoke(lambda, "node")).body as { calls: number }).calls;
    assert.ok(calls > 2);
  });

  test("process.exit in the handler is Runtime.ExitError and the next call starts afresh", async () => {
    const { body, functionError } = await invoke(lambda, "node", { exit: 3 });
    assert.equal(functionError, "Unhandled");
    assert.equal((body as { errorType: string }).errorType, "Runtime.ExitError");
    assert.match(
      (body as { errorMessage: string }).errorMessage,
      /^RequestId: [0-9a-f-]{36} Error: Runtime exited/,
    );
    assert.equal(((await invoke(lambda, "node")).body as { calls: number }).calls, 1);
  });

  test("a function that never returns is timed out, even when it blocks its thread", async () => {
    for (const event of [{ sleepMs: 60_000 }, { hang: true }]) {
      const { body, functionError, log } = await invoke(lambda, "node", event);
      assert.equal(functionError, "Unhandled");
      assert.equal((body as { errorType: string }).errorType, "Sandbox.Timedout");
      assert.match((body as { errorMessage: string }).errorMessage, /Task timed out after 2\.00 seconds$/);
      assert.match(log, /Duration: 2000\.00 ms\t.*Status: timeout/);
    }
  });

  test("concurrent invocations run in environments of their own", async () => {
    const bodies = await Promise.all(
      Array.from({ length: 4 }, () => invoke(lambda, "node", { sleepMs: 400 })),
    );
    for (const { body, functionError } of bodies)
      assert.equal(functionError, undefined, JSON.stringify(body));
  });

  test("between invocations the function stands still", async () => {
    const source = `let ticks = 0; setInterval(() => ticks++, 5); export const handler = async () => ticks;`;
    await deploy(lambda, "ticking", { "index.mjs": source });
    const first = (await invoke(lambda, "ticking")).body as number;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const second = (await invoke(lambda, "ticking")).body as number;
    assert.ok(second - first < 60, `${second - first} ticks of 5 ms in a second`);
  });

  test("a payload of 6 MB goes in and comes out; one byte more is refused as AWS refuses it", async () => {
    await deploy(
      lambda,
      "echo",
      { "index.mjs": "export const handler = async (event) => event;" },
      { MemorySize: 512 },
    );
    const text = "x".repeat(6_291_456 - 2);
    const answer = await lambda.send(
      new InvokeCommand({ FunctionName: "echo", Payload: Buffer.from(JSON.stringify(text)) }),
    );
    assert.equal(answer.Payload?.length, 6_291_456);
    await assert.rejects(
      lambda.send(
        new InvokeCommand({ FunctionName: "echo", Payload: Buffer.from(JSON.stringify(`${text}y`)) }),
      ),
      (error: Error & { $metadata: { httpStatusCode: number } }) =>
        error.name === "RequestEntityTooLargeException" && error.$metadata.httpStatusCode === 413,
    );
  });

  test("a response over the limit is Function.ResponseSizeTooLarge", async () => {
    await deploy(
      lambda,
      "big",
      { "index.mjs": "export const handler = async () => 'x'.repeat(7 << 20);" },
      { MemorySize: 512 },
    );
    const { body, functionError } = await invoke(lambda, "big");
    assert.equal(functionError, "Unhandled");
    assert.equal((body as { errorType: string }).errorType, "Function.ResponseSizeTooLarge");
  });

  test("code that cannot be loaded gives AWS's init error on every call", async () => {
    await deploy(lambda, "broken", { "index.js": "require('./missing');" });
    for (let round = 0; round < 2; round++) {
      const { body, functionError, log } = await invoke(lambda, "broken");
      assert.equal(functionError, "Unhandled");
      assert.equal((body as { errorType: string }).errorType, "Runtime.ImportModuleError");
      assert.match(
        log,
        /INIT_REPORT Init Duration: [\d.]+ ms\tPhase: invoke\tStatus: error\tError Type: Runtime.ImportModuleError/,
      );
    }
  });

  test("Python runs too, with AWS's error body", async () => {
    const health = (await (await fetch(`${lambent.endpoint}/health`)).json()) as {
      runtimes: ({ identifier: string } | string)[];
    };
    const identifiers = health.runtimes.map((runtime) =>
      typeof runtime === "string" ? runtime : runtime.identifier,
    );
    const pythons = identifiers.filter((identifier) => identifier.startsWith("python"));
    assert.ok(pythons.length > 0, "no Python on this machine");
    for (const runtime of pythons) {
      const name = runtime.replace(".", "_");
      await deploy(
        lambda,
        name,
        { "app.py": PYTHON_FUNCTION },
        { Runtime: runtime as "python3.12", Handler: "app.handler" },
      );
      const good = await invoke(lambda, name, { n: 1 });
      assert.deepEqual((good.body as { event: unknown }).event, { n: 1 }, JSON.stringify(good));
      assert.match(good.log, new RegExp(`\nhello from ${name}\n`));
      const bad = await invoke(lambda, name, { fail: true });
      const error = bad.body as {
        errorType: string;
        errorMessage: string;
        requestId: string;
        stackTrace: string[];
      };
      assert.deepEqual([error.errorType, error.errorMessage], ["ValueError", "asked to fail"]);
      assert.match(error.requestId, /^[0-9a-f-]{36}$/);
      assert.match(error.stackTrace[0] ?? "", /File "\/var\/task\/app\.py", line 6, in handler/);
    }
  });

  test("a custom runtime is any executable named bootstrap", async () => {
    const bootstrap = `#!/usr/bin/python3 -I
import http.client, os
host = os.environ["AWS_LAMBDA_RUNTIME_API"]
connection = http.client.HTTPConnection(host)
while True:
    connection.request("GET", "/2018-06-01/runtime/invocation/next")
    event = connection.getresponse()
    body = event.read()
    connection.request("POST", "/2018-06-01/runtime/invocation/%s/response" % event.getheader("Lambda-Runtime-Aws-Request-Id"), b'{"custom": %s}' % body)
    connection.getresponse().read()
`;
    for (const runtime of ["provided.al2023", "provided.al2"] as const) {
      const name = runtime.replace(".", "_");
      await deploy(lambda, name, { bootstrap }, { Runtime: runtime, Handler: "unused" });
      assert.deepEqual((await invoke(lambda, name, { a: 1 })).body, { custom: { a: 1 } });
    }
  });

  test("versions, weighted aliases and updates: each caller gets the code it asked for", async () => {
    const source = (text: string): Record<string, string> => ({
      "index.mjs": `export const handler = async () => "${text}";`,
    });
    await deploy(lambda, "versioned", source("one"));
    const one = await lambda.send(new PublishVersionCommand({ FunctionName: "versioned" }));
    assert.equal(one.Version, "1");
    await lambda.send(
      new UpdateFunctionCodeCommand({ FunctionName: "versioned", ZipFile: await zipOf(source("two")) }),
    );
    await waitUntilFunctionUpdatedV2(
      { client: lambda, maxWaitTime: 30, minDelay: 1, maxDelay: 1 },
      { FunctionName: "versioned" },
    );
    const two = await lambda.send(new PublishVersionCommand({ FunctionName: "versioned" }));
    assert.equal(two.Version, "2");
    await lambda.send(
      new CreateAliasCommand({ FunctionName: "versioned", Name: "live", FunctionVersion: "1" }),
    );
    assert.equal((await invoke(lambda, "versioned", {}, "live")).body, "one");
    assert.equal((await invoke(lambda, "versioned", {}, "2")).body, "two");
    assert.equal((await invoke(lambda, "versioned")).body, "two");
    await lambda.send(
      new UpdateAliasCommand({
        FunctionName: "versioned",
        Name: "live",
        RoutingConfig: { AdditionalVersionWeights: { "2": 0.5 } },
      }),
    );
    const seen = new Map<string, number>();
    for (let i = 0; i < 60; i++) {
      const { body, executedVersion } = await invoke(lambda, "versioned", {}, "live");
      assert.equal(body, executedVersion === "1" ? "one" : "two");
      seen.set(executedVersion ?? "", (seen.get(executedVersion ?? "") ?? 0) + 1);
    }
    assert.ok((seen.get("1") ?? 0) > 10 && (seen.get("2") ?? 0) > 10, JSON.stringify([...seen]));
  });

  test("a changed configuration reaches the function, and only after the update", async () => {
    await deploy(lambda, "configured", {
      "index.mjs": "export const handler = async () => process.env.COLOUR ?? null;",
    });
    assert.equal((await invoke(lambda, "configured")).body, null);
    await lambda.send(
      new UpdateFunctionConfigurationCommand({
        FunctionName: "configured",
        Environment: { Variables: { COLOUR: "green" } },
      }),
    );
    await waitUntilFunctionUpdatedV2(
      { client: lambda, maxWaitTime: 30, minDelay: 1, maxDelay: 1 },
      { FunctionName: "configured" },
    );
    assert.equal((await invoke(lambda, "configured")).body, "green");
  });

  test("the log group has what was written", async () => {
    const logs = new CloudWatchLogsClient(clientConfiguration(lambent.endpoint));
    const { events = [] } = await logs.send(
      new FilterLogEventsCommand({ logGroupName: "/aws/lambda/node", filterPattern: '"call 1 of node"' }),
    );
    assert.ok(events.length >= 1);
    assert.match(events[0]?.logStreamName ?? "", /^\d{4}\/\d\d\/\d\d\/\[\$LATEST\][0-9a-f]{32}$/);
  });

  test("a zip made for AWS with its own SDK calls back and is its role", async () => {
    const bundle = await build({
      stdin: {
        contents: `import { STSClient, GetCallerIdentityCommand } from "@aws-sdk/client-sts";
          const sts = new STSClient({});
          export const handler = async () => { const { Account, Arn, UserId } = await sts.send(new GetCallerIdentityCommand({})); return { Account, Arn, UserId }; };`,
        resolveDir: fileURLToPath(new URL("../..", import.meta.url)),
      },
      bundle: true,
      platform: "node",
      target: "node24",
      format: "cjs",
      write: false,
      logLevel: "silent",
    });
    const iam = new IAMClient(clientConfiguration(lambent.endpoint));
    const trust = {
      Version: "2012-10-17",
      Statement: [
        { Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" },
      ],
    };
    const { Role } = await iam.send(
      new CreateRoleCommand({ RoleName: "caller", AssumeRolePolicyDocument: JSON.stringify(trust) }),
    );
    await iam.send(
      new AttachRolePolicyCommand({
        RoleName: "caller",
        PolicyArn: "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
      }),
    );
    await deploy(
      lambda,
      "who",
      { "index.js": bundle.outputFiles[0]?.contents ?? "" },
      { Role: Role?.Arn, MemorySize: 256 },
    );
    const { body, functionError } = await invoke(lambda, "who");
    assert.equal(functionError, undefined, JSON.stringify(body));
    assert.deepEqual(body, {
      Account: "000000000000",
      Arn: "arn:aws:sts::000000000000:assumed-role/caller/who",
      UserId: `${Role?.RoleId}:who`,
    });
  });

  test("a deleted function is gone", async () => {
    await lambda.send(new DeleteFunctionCommand({ FunctionName: "echo" }));
    await assert.rejects(invoke(lambda, "echo"), ResourceNotFoundException);
  });
});

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { CloudWatchClient, GetMetricStatisticsCommand } from "@aws-sdk/client-cloudwatch";
import {
  CreateFunctionUrlConfigCommand,
  DeleteFunctionConcurrencyCommand,
  InvokeCommand,
  InvokeWithResponseStreamCommand,
  type LambdaClient,
  PutFunctionConcurrencyCommand,
  TooManyRequestsException,
  UpdateFunctionCodeCommand,
  waitUntilFunctionUpdatedV2,
} from "@aws-sdk/client-lambda";
import { clientConfiguration, deploy, invoke, lambdaClient, zipOf } from "../support/deploy.ts";
import { logOf, untilLogged } from "../support/function-logs.ts";
import { leftoversOf, NOTHING_LEFT, untilNothingLeft } from "../support/leftovers.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";
import { allowEverybody, requestUrl } from "../support/url-request.ts";

const PROCESSES = 2;
const CONNECTIONS = 16;
/** Until the main process serves the port, or others do. */
const TAKEN_OVER_WITHIN_MS = 10_000;
const saying = (word: string): string => `exports.handler = async (event) => {
  if (event.sleepMs) await new Promise((resolve) => setTimeout(resolve, event.sleepMs));
  if (event.log) console.log(event.log);
  return ${JSON.stringify(word)};
};`;

interface Health {
  readonly dataPlane: readonly { process: number; processId: number; serving: boolean }[];
}

const health = async (lambent: RunningLambent): Promise<Health> =>
  (await (await fetch(`${lambent.endpoint}/health`)).json()) as Health;

const start = (environment: Record<string, string> = {}): Promise<RunningLambent> =>
  startLambent({ arguments: ["--data-plane-processes", String(PROCESSES)], environment });

/** Each with a connection of its own: the kernel gives it to one process or another. */
const clientsOf = (lambent: RunningLambent): LambdaClient[] =>
  Array.from({ length: CONNECTIONS }, () => lambdaClient(lambent.endpoint));

const destroyAll = (clients: readonly LambdaClient[]): void => {
  for (const client of clients) client.destroy();
};

/** Invocations answered by each process. */
async function answered(lambent: RunningLambent): Promise<Map<string, number>> {
  const metrics = await (await fetch(`${lambent.endpoint}/metrics`)).text();
  const lines = metrics.matchAll(/^lambent_data_plane_invocations_total\{process="(\d)"\} (\d+)$/gm);
  return new Map([...lines].map(([, process = "", count]) => [process, Number(count)]));
}

const sum = (counts: Map<string, number>): number => [...counts.values()].reduce((a, b) => a + b, 0);

/** One that has ended may wait for somebody to ask for its status. */
async function untilEnded(processId: number): Promise<void> {
  const commandLine = (): string => {
    try {
      return readFileSync(`/proc/${processId}/cmdline`, "utf8");
    } catch {
      return "";
    }
  };
  for (let attempt = 0; commandLine().includes("data-plane-process"); attempt++) {
    assert.ok(attempt < 100, "a data-plane process outlives the main one");
    await delay(100);
  }
}

/** Kills every data-plane process; the returned function waits until others serve in their place. */
async function killAll(lambent: RunningLambent): Promise<() => Promise<void>> {
  const killed = new Set((await health(lambent)).dataPlane.map(({ processId }) => processId));
  for (const processId of killed) process.kill(processId, "SIGKILL");
  return () => untilServing(lambent, killed);
}

async function untilServing(lambent: RunningLambent, killed: ReadonlySet<number>): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const { dataPlane } = await health(lambent).catch(() => ({ dataPlane: [] }));
    if (
      dataPlane.length === PROCESSES &&
      dataPlane.every(({ serving, processId }) => serving && !killed.has(processId))
    )
      return;
    assert.ok(attempt < 400, "not all of them serve");
    await delay(50);
  }
}

async function update(lambda: LambdaClient, FunctionName: string, word: string): Promise<void> {
  const ZipFile = await zipOf({ "index.js": saying(word) });
  await lambda.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile }));
  await waitUntilFunctionUpdatedV2(
    { client: lambda, maxWaitTime: 30, minDelay: 1, maxDelay: 1 },
    { FunctionName },
  );
}

describe("two data-plane processes", () => {
  let lambent: RunningLambent;
  let clients: LambdaClient[];
  let lambda: LambdaClient;
  before(async () => {
    lambent = await start();
    clients = clientsOf(lambent);
    lambda = lambdaClient(lambent.endpoint);
    await deploy(lambda, "hello", { "index.js": saying("hello") });
  });
  after(async () => {
    lambda?.destroy();
    destroyAll(clients ?? []);
    assert.equal(await lambent?.stop(), 0);
  });

  const fromEverywhere = (name: string, event: unknown = {}) =>
    Promise.all(clients.map((client) => invoke(client, name, event)));

  test("both serve, and everything is logged and counted", async () => {
    const rounds = 4;
    for (let round = 0; round < rounds; round++) {
      const answers = await fromEverywhere("hello", { log: `round ${round}` });
      for (const { body, functionError, log } of answers) {
        assert.equal(functionError, undefined);
        assert.equal(body, "hello");
        assert.match(log, new RegExp(`START[^]*round ${round}[^]*END[^]*REPORT`));
      }
    }
    const total = rounds * CONNECTIONS;
    const counts = await answered(lambent);
    assert.equal(sum(counts), total);
    assert.equal(counts.size, PROCESSES, "every process has answered some");
    const metrics = await (await fetch(`${lambent.endpoint}/metrics`)).text();
    assert.match(
      metrics,
      new RegExp(`lambent_invocations_total\\{function_name="hello",outcome="ok"\\} ${total}`),
    );
    assert.match(metrics, /lambent_environments\{runtime="nodejs24.x"\} [1-9]/);
    for (let attempt = 0, ended = 0; ended !== total; attempt++) {
      assert.ok(attempt < 100, `${ended} of ${total} are logged`);
      await delay(100);
      ended = (await logOf(lambent.endpoint, "hello")).match(/^REPORT /gm)?.length ?? 0;
    }
    const cloudWatch = new CloudWatchClient(clientConfiguration(lambent.endpoint));
    const now = Date.now();
    for (let attempt = 0, invocations = 0; invocations !== total; attempt++) {
      assert.ok(attempt < 100, `${invocations} of ${total} are counted`);
      await delay(100);
      const { Datapoints = [] } = await cloudWatch.send(
        new GetMetricStatisticsCommand({
          Namespace: "AWS/Lambda",
          MetricName: "Invocations",
          Dimensions: [{ Name: "FunctionName", Value: "hello" }],
          StartTime: new Date(now - 600_000),
          EndTime: new Date(now + 600_000),
          Period: 60,
          Statistics: ["Sum"],
        }),
      );
      invocations = Datapoints.reduce((total, { Sum = 0 }) => total + Sum, 0);
    }
    cloudWatch.destroy();
  });

  test("after an update the next invocation is the new code, in every process", async () => {
    for (let version = 0; version < 4; version++) {
      await update(lambda, "hello", `version ${version}`);
      const before = sum(await answered(lambent));
      for (const { body } of await fromEverywhere("hello")) assert.equal(body, `version ${version}`);
      assert.equal(sum(await answered(lambent)), before + CONNECTIONS, "and none of them was handed on");
    }
  });

  test("what is reserved holds from the answer on, and is the main process's to keep", async () => {
    const FunctionName = "hello";
    for (let round = 0; round < 3; round++) {
      await fromEverywhere(FunctionName);
      await lambda.send(new PutFunctionConcurrencyCommand({ FunctionName, ReservedConcurrentExecutions: 0 }));
      const before = sum(await answered(lambent));
      for (const client of clients)
        await assert.rejects(
          client.send(new InvokeCommand({ FunctionName })),
          (error) =>
            error instanceof TooManyRequestsException &&
            error.Reason === "ReservedFunctionConcurrentInvocationLimitExceeded",
        );
      assert.equal(sum(await answered(lambent)), before);
      await lambda.send(new DeleteFunctionConcurrencyCommand({ FunctionName }));
    }
    await fromEverywhere(FunctionName);
  });

  test("everything else goes on to the main process: streams, events, function URLs", async () => {
    await deploy(lambda, "streams", {
      "index.js": `exports.handler = awslambda.streamifyResponse(async (event, stream) => {
        stream.write(event.requestContext?.http?.sourceIp ?? "one ");
        await new Promise((resolve) => setTimeout(resolve, 50));
        stream.write("two");
        stream.end();
      });`,
    });
    const { EventStream } = await lambda.send(
      new InvokeWithResponseStreamCommand({ FunctionName: "streams" }),
    );
    const pieces: string[] = [];
    for await (const { PayloadChunk } of EventStream ?? [])
      if (PayloadChunk !== undefined) pieces.push(Buffer.from(PayloadChunk.Payload ?? []).toString());
    assert.deepEqual(pieces, ["one ", "two"]);

    const url = await lambda.send(
      new CreateFunctionUrlConfigCommand({
        FunctionName: "streams",
        AuthType: "NONE",
        InvokeMode: "RESPONSE_STREAM",
      }),
    );
    await allowEverybody(lambda, { FunctionName: "streams" });
    const answer = await requestUrl(lambent.endpoint, url.FunctionUrl ?? "");
    assert.equal(answer.text, "127.0.0.1two", "the caller's own address");

    await lambda.send(
      new InvokeCommand({
        FunctionName: "hello",
        InvocationType: "Event",
        Payload: Buffer.from(JSON.stringify({ log: "as an event" })),
      }),
    );
    await untilLogged(lambent.endpoint, "hello", /as an event/);
  });

  test("a function calls its own AWS endpoint as its role", async () => {
    await deploy(lambda, "calls", {
      "index.js": `exports.handler = async () => {
        const url = process.env.AWS_ENDPOINT_URL + "/2015-03-31/functions/hello/invocations";
        const answer = await fetch(url, { method: "POST", body: "{}", headers: { "content-type": "application/json" } });
        return [answer.status, await answer.text()];
      };`,
    });
    const { body, functionError } = await invoke(lambda, "calls");
    assert.equal(functionError, undefined);
    const [status, refusal] = body as [number, string];
    assert.equal(status, 403);
    assert.match(
      refusal,
      /assumed-role\/test-role\/calls is not authorized to perform: lambda:InvokeFunction/,
    );
  });

  test("nobody outside can claim to be somebody else", async () => {
    const { port } = new URL(lambent.endpoint);
    const socket = connect(Number(port), "127.0.0.1");
    const claim = { kind: "function", identity: { account: "000000000000", region: "us-east-1" } };
    socket.end(`${JSON.stringify(claim)}\nGET /health HTTP/1.1\r\nhost: x\r\n\r\n`);
    assert.match(await text(socket), /^HTTP\/1\.1 400 /);
  });

  test("a process that is killed is replaced, and its callers see their connection end", async () => {
    const { dataPlane } = await health(lambent);
    const [victim] = dataPlane;
    assert.ok(victim !== undefined);
    const slow = Promise.allSettled(clients.map((client) => invoke(client, "hello", { sleepMs: 1_500 })));
    await delay(500);
    process.kill(victim.processId, "SIGKILL");
    const outcomes = await slow;
    const failed = outcomes.filter(({ status }) => status === "rejected");
    assert.ok(failed.length > 0 && failed.length < CONNECTIONS, `${failed.length} have failed`);
    for (let attempt = 0; ; attempt++) {
      const again = (await health(lambent)).dataPlane.find(({ process }) => process === victim.process);
      if (again?.serving === true && again.processId !== victim.processId) break;
      assert.ok(attempt < 200, "it is not replaced");
      await delay(50);
    }
    const fresh = clientsOf(lambent);
    const before = await answered(lambent);
    await Promise.all(fresh.map((client) => invoke(client, "hello")));
    const now = await answered(lambent);
    for (const [process, count] of now) assert.ok(count > (before.get(process) ?? 0), `process ${process}`);
    destroyAll(fresh);
  });
});

test("the account's concurrency is exact over all processes", async () => {
  const lambent = await start({ LAMBENT_ACCOUNT_CONCURRENCY: "3" });
  const clients = clientsOf(lambent);
  try {
    await deploy(clients[0]!, "slow", { "index.js": saying("slow") });
    const throttledBeyondThree = async (): Promise<void> => {
      const outcomes = await Promise.allSettled(
        clients.map((client) => invoke(client, "slow", { sleepMs: 1_000 })),
      );
      assert.equal(outcomes.filter(({ status }) => status === "fulfilled").length, 3);
      for (const outcome of outcomes)
        if (outcome.status === "rejected") {
          const { reason } = outcome;
          assert.ok(reason instanceof TooManyRequestsException, String(reason));
          assert.equal(reason.Reason, "ConcurrentInvocationLimitExceeded");
        }
    };
    for (let round = 0; round < 2; round++) await throttledBeyondThree();
    // What ran in processes that are gone runs no more.
    const lost = Promise.allSettled(clients.map((client) => invoke(client, "slow", { sleepMs: 8_000 })));
    await delay(500);
    const replaced = await killAll(lambent);
    await lost;
    await replaced();
    await throttledBeyondThree();
    assert.equal((await invoke(clients[1]!, "slow")).body, "slow");
  } finally {
    destroyAll(clients);
    assert.equal(await lambent.stop(), 0);
  }
});

test("what is killed leaves nothing: neither a data-plane process nor the main one", async () => {
  const lambent = await start();
  const directories = [
    lambent.dataDirectory,
    ...[1, 2].map((n) => join(lambent.dataDirectory, "data-plane", String(n))),
  ];
  const clients = clientsOf(lambent);
  const invokeAll = () => Promise.all(clients.map((client) => invoke(client, "hello")));
  await deploy(clients[0]!, "hello", { "index.js": saying("hello") });
  await invokeAll();
  const areReplaced = await killAll(lambent);
  // Whoever comes meanwhile is served by the main process.
  for (const deadlineMs = performance.now() + TAKEN_OVER_WITHIN_MS; ; await delay(20)) {
    try {
      await invoke(clients[0]!, "hello");
      break;
    } catch (error) {
      assert.ok(performance.now() < deadlineMs, String(error));
    }
  }
  await areReplaced();
  await Promise.all(clients.map((client) => invoke(client, "hello").catch(() => undefined)));
  const { dataPlane: replaced } = await health(lambent);
  destroyAll(clients);
  await lambent.kill();
  for (const directory of directories) await untilNothingLeft(directory);
  for (const { processId } of replaced) await untilEnded(processId);

  const again = await startLambent({
    dataDirectory: lambent.dataDirectory,
    arguments: ["--data-plane-processes", "1"],
  });
  const client = lambdaClient(again.endpoint);
  assert.equal((await invoke(client, "hello")).body, "hello");
  client.destroy();
  // All at once, and started again at the same moment.
  await killAll(again);
  await again.kill();
  const last = await startLambent({
    dataDirectory: lambent.dataDirectory,
    arguments: ["--data-plane-processes", "1"],
  });
  const lastClient = lambdaClient(last.endpoint);
  assert.equal((await invoke(lastClient, "hello")).body, "hello");
  lastClient.destroy();
  assert.equal(await last.stop(), 0);
  for (const directory of directories) assert.deepEqual(await leftoversOf(directory), NOTHING_LEFT);
});

/** Functions in environments whose Node.js was forked, threads and all, do everything that threads are for. */
import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import {
  type CreateFunctionCommandInput,
  InvokeWithResponseStreamCommand,
  type LambdaClient,
} from "@aws-sdk/client-lambda";
import { deploy, type Invocation, invoke, lambdaClient } from "../support/deploy.ts";
import { installNode22 } from "../support/official-clients.ts";
import { isInstalled } from "../support/runtime-clients.ts";
import { skipUnless } from "../support/skip.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

const SOURCE = await readFile(join(import.meta.dirname, "fixtures", "threads.cjs"));
/** The first one is there wherever this runs. */
const RUNTIMES = ["nodejs24.x", "nodejs22.x"] as const;
const ATTEMPTS_MAX = 20;
const ENVIRONMENTS = 8;
const TURNS = 200;
const BURST = 40;
const EVERYTHING: Readonly<Record<string, unknown>> = {
  timers: { order: ["tick", "immediate", "early", "late"], ticks: 5, isLate: true },
  files: true,
  names: "127.0.0.1",
  keys: true,
  compression: true,
  server: true,
  workers: {
    texts: ["to 1", "to 2", "to 3"],
    inOne: true,
    count: 3,
    exits: [0, 0, 0],
    waited: "timed-out",
  },
  children: { read: ["one", "two"], count: 42, exit: 0, said: "said\n", failed: 3, same: true },
  wasm: wasmSum(),
  hot: { isOptimized: true, isSame: true },
  garbage: { kept: true, isLess: true, collected: true, finalized: "finalized" },
  abort: { reason: "TimeoutError", isSoon: true },
  signals: ["SIGUSR2", "SIGHUP", "SIGWINCH"],
  streams: { bytes: 1 << 20, text: "abc" },
};

interface Told {
  readonly environment: string;
  readonly isForked: boolean;
  readonly outcome: unknown;
}

let lambent: RunningLambent;
let lambda: LambdaClient;
let canFork = false;
let deployed = 0;
let runtime: (typeof RUNTIMES)[number] = "nodejs24.x";
const node22 = await installNode22();

before(async () => {
  const { directory } = node22;
  const searched = directory === undefined ? {} : { PATH: `${directory}:${process.env.PATH}` };
  lambent = await startLambent({ environment: searched });
  lambda = lambdaClient(lambent.endpoint);
  const health = (await (await fetch(`${lambent.endpoint}/health`)).json()) as {
    isolation: { isolates: boolean };
  };
  // What it is forked by was compiled, where there is a compiler.
  const compiled = globSync(join(lambent.dataDirectory, "runtime-packs", "*", "zygote.node"));
  canFork = health.isolation.isolates && process.getuid?.() === 0 && compiled.length > 0;
});
after(() => lambent?.stop());

function wasmSum(): number {
  let sum = 0;
  for (let turn = 0; turn < 300_000; turn++) sum = (sum + turn) & 0xffff;
  return sum;
}

function forks(t: TestContext): boolean {
  if (runtime === "nodejs22.x" && !isInstalled(t, node22)) return false;
  return skipUnless(
    t,
    canFork,
    "nothing is forked here",
    "run it as root on Linux on x86-64, with a C compiler",
  );
}

async function deployThreads(settings: Partial<CreateFunctionCommandInput> = {}): Promise<string> {
  const name = `threads-${++deployed}`;
  await deploy(
    lambda,
    name,
    { "index.cjs": SOURCE, "wrapper-bootstrap": '#!/bin/sh\nexport WRAPPED=yes\nexec "$@"\n' },
    { Runtime: runtime, MemorySize: 1_024, Timeout: 60, ...settings },
  );
  return name;
}

async function tell(name: string, what: string, more: object = {}): Promise<Told & { readonly log: string }> {
  const { body, log, functionError } = await invoke(lambda, name, { what, ...more });
  assert.equal(functionError, undefined, `${what}: ${JSON.stringify(body)} ${log}`);
  return { ...(body as Told), log };
}

/** Deploys until an environment was forked: the reserve fills in the background. */
async function untilForked(): Promise<string> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const name = await deployThreads();
    if ((await tell(name, "nothing")).isForked) return name;
    await delay(100);
  }
  return assert.fail("no environment was forked");
}

for (const each of RUNTIMES)
  describe(`a forked ${each}`, { concurrency: false }, () => {
    before(() => {
      runtime = each;
    });

    test("does in one environment, again and again, what a started one does", async (t) => {
      if (!forks(t)) return;
      const name = await untilForked();
      const { environment } = await tell(name, "nothing");
      for (let round = 0; round < 2; round++)
        for (const [what, expected] of Object.entries(EVERYTHING)) {
          const told = await tell(name, what);
          assert.deepEqual([what, told.outcome], [what, expected]);
          assert.deepEqual([told.environment, told.isForked], [environment, true], what);
        }
    });

    test("does all of it at the same time", async (t) => {
      if (!forks(t)) return;
      const name = await untilForked();
      // What waits for all processes, or what is free in memory, is for one at a time.
      const what = Object.keys(EVERYTHING).filter((each) => each !== "garbage");
      const { outcome, isForked } = await tell(name, "together", { all: what });
      assert.ok(isForked);
      assert.deepEqual(outcome, Object.fromEntries(what.map((each) => [each, EVERYTHING[each]])));
    });

    test("streams its response", async (t) => {
      if (!forks(t)) return;
      for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        const FunctionName = await deployThreads({ Handler: "index.streaming" });
        const { EventStream } = await lambda.send(new InvokeWithResponseStreamCommand({ FunctionName }));
        let text = "";
        for await (const { PayloadChunk } of EventStream ?? [])
          text += Buffer.from(PayloadChunk?.Payload ?? []).toString();
        const [parent] = text;
        assert.equal(text, [0, 1, 2, 3, 4, 5, 6, 7].map((index) => `${parent} ${index}\n`).join(""));
        if (parent === "0") return;
        await delay(100);
      }
      assert.fail("no environment was forked");
    });

    test("ends by itself and by an exception as a started one does, and the next invocation works", async (t) => {
      if (!forks(t)) return;
      const started = await deployThreads({ Environment: { Variables: { NODE_OPTIONS: "--no-warnings" } } });
      const textOf = ({ body, functionError }: Invocation): string =>
        JSON.stringify([body, functionError]).replace(/[0-9a-f]{8}-[0-9a-f-]{27}|client[.]js:[0-9:]+/g, "");
      for (const what of ["exit", "uncaught"]) {
        const name = await untilForked();
        const { environment } = await tell(name, "nothing");
        const [failed, other] = [
          await invoke(lambda, name, { what }),
          await invoke(lambda, started, { what }),
        ];
        assert.equal(failed.functionError, "Unhandled", what);
        assert.equal(textOf(failed), textOf(other), what);
        assert.equal(failed.log.includes("on exit 5\n"), what === "exit", failed.log);
        assert.ok(!failed.log.includes("before exit"), failed.log);
        assert.notEqual((await tell(name, "files")).environment, environment, what);
      }
    });

    test("is one of many that come from one zygote at once", async (t) => {
      if (!forks(t)) return;
      const name = await untilForked();
      const told = await Promise.all(Array.from({ length: BURST }, () => tell(name, "wait")));
      assert.ok(new Set(told.map(({ environment }) => environment)).size > BURST / 2);
      assert.equal(told.filter(({ isForked }) => isForked).length, BURST);
    });

    test("does not disturb others that were forked from the same zygote", async (t) => {
      if (!forks(t)) return;
      const names = await Promise.all(Array.from({ length: ENVIRONMENTS }, untilForked));
      const environments = await Promise.all(
        names.map(async (name) => {
          const { environment } = await tell(name, "nothing");
          for (let turn = 0; turn < TURNS; turn++) {
            const told = await tell(name, "little", { turn });
            assert.deepEqual(told.outcome, { isRight: true, isLate: true, files: [] });
            assert.deepEqual([told.environment, told.isForked], [environment, true]);
          }
          return environment;
        }),
      );
      assert.equal(new Set(environments).size, ENVIRONMENTS);
    });
  });

test("a function whose interpreter is started otherwise is started", async (t) => {
  if (!forks(t)) return;
  runtime = "nodejs24.x";
  await untilForked();
  for (const Variables of [
    { NODE_OPTIONS: "--no-warnings" },
    { AWS_LAMBDA_EXEC_WRAPPER: "/var/task/wrapper-bootstrap" },
  ]) {
    const name = await deployThreads({ Environment: { Variables } });
    for (const what of ["timers", "files", "workers", "children"]) {
      const { outcome, isForked } = await tell(name, what);
      assert.deepEqual([what, outcome, isForked], [what, EVERYTHING[what], false]);
    }
  }
});

import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  DeleteFunctionConcurrencyCommand,
  type LambdaClient,
  PutFunctionConcurrencyCommand,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionUpdatedV2,
} from "@aws-sdk/client-lambda";
import { systemClock } from "../../src/adapters/clock-system/clock-system.ts";
import { openSqliteStore } from "../../src/adapters/store-sqlite/store-sqlite.ts";
import { AsyncInvocations } from "../../src/async-invocation/async-invocations.ts";
import type { DurableQueue } from "../../src/ports/store.ts";
import { deploy, lambdaClient } from "../../test/support/deploy.ts";
import { type RunningLambent, startLambent } from "../../test/support/start-lambent.ts";
import { provideWrk } from "../../tools/machine.ts";
import { invokeRequest } from "../load/invoke-request.ts";
import { measureWithNode } from "../load/load-generator.ts";
import type { Measurement } from "../load/measurement.ts";
import { measureWithWrk } from "../load/wrk.ts";
import type { Scenario, ScenarioOptions } from "../scenario.ts";
import { median, rounded } from "../statistics.ts";
import { startPart } from "./parts.ts";
import { metric, NO_QUOTA } from "./running.ts";

const DEFAULT_COUNT = 100_000;
const CONNECTIONS = 64;
const WARM_UP_SECONDS = 5;
const FUNCTION_NAME = "bench-async";
/** Waits as long as its variable says; then says hello like the function of the other scenarios. */
const HANDLER = `const waitMs = Number(process.env.WAIT_MS);
exports.handler = async () => { if (waitMs > 0) await new Promise((done) => setTimeout(done, waitMs)); return "hello"; };
`;
const MIB = 1024 * 1024;
const HOLD_MS = 5_000;

interface Figures {
  readonly rawPerSecond: number;
  /** The same through `AsyncInvocations`, as other services hand events in. */
  readonly insidePerSecond: number;
  /** Over HTTP. */
  readonly acceptedPerSecond: number;
  /** Over HTTP, by a server that does nothing but write. */
  readonly byHandPerSecond: number;
}

const measure = provideWrk() ? measureWithWrk : measureWithNode;

function load(endpoint: string, event: boolean, seconds: number): Promise<Measurement> {
  const request = invokeRequest(endpoint, FUNCTION_NAME);
  const headers = event ? { ...request.headers, "x-amz-invocation-type": "Event" } : request.headers;
  return measure({ ...request, headers, connections: CONNECTIONS, seconds });
}

/** How often a second 64 callers, one write after the other, get something into a store that has nothing else to do. */
async function writesPerSecond(
  directory: string,
  seconds: number,
  writer: (queue: DurableQueue) => (index: number) => Promise<void>,
): Promise<number> {
  const store = await openSqliteStore({ dataDirectory: join(directory, "raw"), clock: systemClock });
  const write = writer(store.queue);
  const startMs = performance.now();
  let done = 0;
  const caller = async (): Promise<void> => {
    while (performance.now() - startMs < seconds * 1000) {
      await write(done);
      done++;
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, caller));
  const perSecond = done / ((performance.now() - startMs) / 1000);
  await store.close();
  return perSecond;
}

const BODY = Buffer.alloc(300, "v");
const rawWrites = (queue: DurableQueue) => (): Promise<void> => queue.enqueue("bench", [{ body: BODY }]);

function eventWrites(queue: DurableQueue): (index: number) => Promise<void> {
  const nothing = (): void => undefined;
  const invocations = new AsyncInvocations({
    queue,
    clock: systemClock,
    functions: { functionId: () => "bench", concurrency: { reserved: () => undefined } as never },
    execution: { attempt: () => Promise.reject(new Error("nothing is executed here")) },
    metrics: { add: nothing },
    maxConcurrency: 1,
    failed: nothing,
  });
  return (index) =>
    invocations.accept({
      account: "000000000000",
      region: "us-east-1",
      functionName: FUNCTION_NAME,
      qualifier: undefined,
      requestId: `request-${index}`,
      payload: Buffer.from('{"name":"bench"}'),
      traceHeader: undefined,
    });
}

function memoryMib(lambent: RunningLambent): number {
  const status = readFileSync(`/proc/${lambent.process.pid}/status`, "utf8");
  return (Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024) / MIB;
}

/** A function that takes its time, one event after the other: what is sent now waits. */
async function hold(lambda: LambdaClient, waitMs: number): Promise<void> {
  if (waitMs > 0)
    await lambda.send(
      new PutFunctionConcurrencyCommand({ FunctionName: FUNCTION_NAME, ReservedConcurrentExecutions: 1 }),
    );
  await lambda.send(
    new UpdateFunctionConfigurationCommand({
      FunctionName: FUNCTION_NAME,
      Environment: { Variables: { WAIT_MS: String(waitMs) } },
    }),
  );
  await waitUntilFunctionUpdatedV2(
    { client: lambda, maxWaitTime: 30, minDelay: 1, maxDelay: 1 },
    { FunctionName: FUNCTION_NAME },
  );
  if (waitMs === 0) await lambda.send(new DeleteFunctionConcurrencyCommand({ FunctionName: FUNCTION_NAME }));
}

/** Executes the backlog; answers how fast, and how much memory Lambent had at most. */
async function drain(
  lambent: RunningLambent,
  backlog: number,
  options: ScenarioOptions,
): Promise<{ perSecond: number; memoryMib: number }> {
  const executed = (): Promise<number> => metric(lambent.endpoint, "lambent_invocations_total");
  const before = await executed();
  let at = before;
  let startMs = performance.now();
  let startAt = before;
  let highMib = memoryMib(lambent);
  for (let look = 0; at - before < backlog * 0.98; look++) {
    await sleep(500);
    at = await executed();
    highMib = Math.max(highMib, memoryMib(lambent));
    // The event that still takes its time, and starting the environments, is not draining.
    if (at - before < backlog * 0.02) [startMs, startAt] = [performance.now(), at];
    if (look % 10 === 0) options.progress(`${at - before} of ${backlog} executed`);
  }
  return { perSecond: (at - startAt) / ((performance.now() - startMs) / 1000), memoryMib: highMib };
}

async function accept(
  directory: string,
  lambent: RunningLambent,
  options: ScenarioOptions,
): Promise<{ figures: Figures[]; sent: number; memoryMib: number }> {
  const byHand = await startPart("event-server.ts", join(directory, "by-hand"));
  try {
    return await acceptBeside(`http://127.0.0.1:${byHand.port}`, directory, lambent, options);
  } finally {
    byHand.process.kill();
  }
}

async function acceptBeside(
  byHandEndpoint: string,
  directory: string,
  lambent: RunningLambent,
  options: ScenarioOptions,
): Promise<{ figures: Figures[]; sent: number; memoryMib: number }> {
  const figures: Figures[] = [];
  const seconds = options.secondsPerMeasurement;
  const count = options.count ?? DEFAULT_COUNT;
  let sent = 0;
  let highMib = 0;
  for (let round = 1; round <= options.rounds || sent < count; round++) {
    const raw = await writesPerSecond(directory, seconds / 2, rawWrites);
    const inside = await writesPerSecond(directory, seconds / 2, eventWrites);
    const byHand = await load(byHandEndpoint, true, seconds);
    const { requestsPerSecond } = await load(lambent.endpoint, true, seconds);
    sent += requestsPerSecond * seconds;
    highMib = Math.max(highMib, memoryMib(lambent));
    figures.push({
      rawPerSecond: raw,
      insidePerSecond: inside,
      acceptedPerSecond: requestsPerSecond,
      byHandPerSecond: byHand.requestsPerSecond,
    });
    options.progress(
      `round ${round}: ${requestsPerSecond.toFixed(0)}/s accepted over HTTP, ` +
        `${byHand.requestsPerSecond.toFixed(0)}/s by hand, ${inside.toFixed(0)}/s from inside, ` +
        `${raw.toFixed(0)}/s by the store alone`,
    );
  }
  return { figures, sent: Math.floor(sent), memoryMib: highMib };
}

/** Events accepted against what the store can take, and a backlog executed against the synchronous path. */
export const asynchronous: Scenario = async (options) => {
  // Not in the temporary directory, which is in memory on many machines.
  const cache = join(import.meta.dirname, "..", "..", "node_modules", ".cache");
  mkdirSync(cache, { recursive: true });
  const directory = mkdtempSync(join(cache, "lambent-async-"));
  const dataDirectory = join(directory, "data");
  const lambent = await startLambent({ dataDirectory, environment: NO_QUOTA });
  const lambda = lambdaClient(lambent.endpoint);
  try {
    await deploy(lambda, FUNCTION_NAME, { "index.js": HANDLER }, { MemorySize: 1_769, Timeout: 60 });
    options.progress("warming up");
    await load(lambent.endpoint, false, WARM_UP_SECONDS);
    const before = await load(lambent.endpoint, false, options.secondsPerMeasurement);
    await hold(lambda, HOLD_MS);
    const idleMib = memoryMib(lambent);
    const accepted = await accept(directory, lambent, options);
    await hold(lambda, 0);
    const drained = await drain(lambent, accepted.sent, options);
    const after = await load(lambent.endpoint, false, options.secondsPerMeasurement);
    const synchronousPerSecond = (before.requestsPerSecond + after.requestsPerSecond) / 2;
    const acceptRatio = median(accepted.figures.map((f) => f.acceptedPerSecond / f.rawPerSecond));
    const insideRatio = median(accepted.figures.map((f) => f.insidePerSecond / f.rawPerSecond));
    const byHandRatio = median(accepted.figures.map((f) => f.acceptedPerSecond / f.byHandPerSecond));
    const drainRatio = drained.perSecond / synchronousPerSecond;
    const memory = Math.max(accepted.memoryMib, drained.memoryMib) / idleMib;
    const cells = (value: number, limit: number, ratio: number): string[] => [
      value.toFixed(0),
      limit.toFixed(0),
      `× ${ratio.toFixed(2)}`,
    ];
    return {
      columns: ["asynchronous invocation", "Lambent", "against", "ratio"],
      rows: [
        [
          `events accepted from inside, on disk, ${CONNECTIONS} at once (1/s); group commits of the store alone`,
          ...cells(
            median(accepted.figures.map((f) => f.insidePerSecond)),
            median(accepted.figures.map((f) => f.rawPerSecond)),
            insideRatio,
          ),
        ],
        [
          `events accepted over HTTP, ${CONNECTIONS} callers (1/s); group commits of the store alone`,
          ...cells(
            median(accepted.figures.map((f) => f.acceptedPerSecond)),
            median(accepted.figures.map((f) => f.rawPerSecond)),
            acceptRatio,
          ),
        ],
        [
          `events accepted over HTTP, ${CONNECTIONS} callers (1/s); a bare node:http server that writes as much`,
          ...cells(
            median(accepted.figures.map((f) => f.acceptedPerSecond)),
            median(accepted.figures.map((f) => f.byHandPerSecond)),
            byHandRatio,
          ),
        ],
        [
          `a backlog of ${accepted.sent} events executed (1/s); synchronous invocations`,
          ...cells(drained.perSecond, synchronousPerSecond, drainRatio),
        ],
        [
          "memory of Lambent at its highest (MiB); before the first event",
          ...cells(Math.max(accepted.memoryMib, drained.memoryMib), idleMib, memory),
        ],
      ],
      notes: [
        "the store alone: such writes in a process that does nothing else. From inside: as services of Lambent hand events " +
          "in. Over HTTP: one main thread reads, checks and answers each request, and the load generator shares the processors " +
          "with it; the bare server, which checks nothing, is what HTTP itself leaves of the store's rate here.",
      ],
      json: {
        accepted_ratio_to_group_commit: rounded(insideRatio),
        accepted_over_http_ratio_to_group_commit: rounded(acceptRatio),
        accepted_over_http_ratio_to_bare_server: rounded(byHandRatio),
        drain_ratio_to_synchronous: rounded(drainRatio),
        backlog: accepted.sent,
        memory_ratio: rounded(memory),
      },
    };
  } finally {
    lambda.destroy();
    await lambent.stop();
    rmSync(directory, { recursive: true, force: true });
  }
};

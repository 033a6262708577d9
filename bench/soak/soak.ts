import { setTimeout as delay } from "node:timers/promises";
import {
  DeleteFunctionCommand,
  type LambdaClient,
  UpdateFunctionConfigurationCommand,
} from "@aws-sdk/client-lambda";
import { deploy, lambdaClient, publishLayer } from "../../test/support/deploy.ts";
import { type RunningLambent, startLambent } from "../../test/support/start-lambent.ts";
import { zipOf } from "../../test/support/zip.ts";
import { freePort } from "../free-port.ts";
import { metric } from "../scenarios/running.ts";
import { type Census, leaks, leftovers, takeCensus } from "./census.ts";
import { BROKEN, EXPECTED_ERRORS, EXTENSION, type Fault, INIT_ERRORS, LANGUAGES } from "./functions.ts";
import { type MemorySample, sampleMemory } from "./heap.ts";
import { type Answer, Invoker } from "./invoker.ts";
import { seededRandom, weighted } from "./random.ts";

export interface SoakOptions {
  readonly invocations: number;
  readonly concurrency: number;
  readonly seed: number;
  progress(line: string): void;
}

export interface SoakReport {
  readonly invocations: number;
  readonly seconds: number;
  /** What was answered how often: "ok", or AWS's error type. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Answers that should not have been, at most a few of each kind. */
  readonly unexpected: readonly string[];
  readonly environmentsStarted: number;
  /** When the first third was through and everything was idle and ended, and likewise at the end. */
  readonly memory: readonly [first: MemorySample, last: MemorySample];
  /** What the last third held more than the first, and what was left after the stop. */
  readonly leaks: readonly string[];
}

const COPIES = 3;
const MEMORY_MB = 128;
/** Long enough for a cold start on a machine that is busy with something else. */
const TIMEOUT_SECONDS = 5;
const IDLE_TIMEOUT_MS = 2_000;
const SETTLE_WITHIN_MS = 60_000;
const SETTLE_POLL_MS = 250;
const ABANDON_AFTER_MS = 20;
const UNEXPECTED_SHOWN = 20;
const PROGRESS_MS = 5_000;

const ACTIONS = {
  none: 9_300,
  error: 200,
  crash: 120,
  memory: 20,
  extension: 60,
  timeout: 10,
  abandoned: 100,
  broken: 60,
  update: 40,
  recreate: 20,
} as const;
type Action = keyof typeof ACTIONS;

/** Functions that are deleted and made again while they are invoked may answer so for a moment. */
const BETWEEN_STATES = new Set([404, 409]);

interface Run {
  readonly lambda: LambdaClient;
  readonly invoker: Invoker;
  readonly python: string;
  /** ARN of the layer with the extension. */
  readonly layer: string;
  readonly random: () => number;
  readonly outcomes: Record<string, number>;
  readonly unexpected: string[];
  /** Being changed: left alone by other changes. */
  readonly changing: Set<string>;
  done: number;
}

/** Invokes many functions with every kind of failure mixed in, and compares what Lambent holds early and late. */
export async function soak(options: SoakOptions): Promise<SoakReport> {
  const inspectorPort = await freePort();
  const lambent = await startLambent({
    environment: {
      LAMBENT_ACCOUNT_CONCURRENCY: "100000",
      // Few enough that so many wait whenever nothing runs, whatever their runtimes are.
      LAMBENT_RESERVE_MAX: "4",
      LAMBENT_IDLE_ENVIRONMENT_TIMEOUT_MS: String(IDLE_TIMEOUT_MS),
      // On a slow machine the pauses are long, and environments would be kept for the next one.
      LAMBENT_IDLE_ENVIRONMENT_TIMEOUT_MAX_MS: String(IDLE_TIMEOUT_MS),
      NODE_OPTIONS: `--inspect-port=127.0.0.1:${inspectorPort}`,
    },
  });
  const processId = lambent.process.pid ?? 0;
  const found: string[] = [];
  try {
    const run = await prepare(lambent, options);
    // The inspector has descriptors of its own from its first use on.
    await sampleMemory(processId, inspectorPort);
    const startedMs = performance.now();
    const third = Math.ceil(options.invocations / 3);
    await invokeUntil(run, third, options);
    const before = await settled(lambent, run);
    const first = await sampleMemory(processId, inspectorPort);
    options.progress(`after a third: ${megabytes(first)}`);
    await invokeUntil(run, options.invocations, options);
    const seconds = (performance.now() - startedMs) / 1_000;
    found.push(...(await untilNoLeaks(lambent, run, before)));
    const last = await sampleMemory(processId, inspectorPort);
    options.progress(`at the end: ${megabytes(last)}`);
    const environmentsStarted = await metric(lambent.endpoint, "lambent_cold_start_duration_seconds_count");
    run.lambda.destroy();
    await lambent.stop();
    found.push(...leftovers(processId, lambent.dataDirectory).map((line) => `after the stop: ${line}`));
    const { done: invocations, outcomes, unexpected } = run;
    return {
      invocations,
      seconds,
      outcomes,
      unexpected,
      environmentsStarted,
      memory: [first, last],
      leaks: found,
    };
  } finally {
    if (lambent.process.exitCode === null) await lambent.kill();
  }
}

export function megabytes({ heapBytes, residentBytes }: MemorySample): string {
  const inMegabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
  const heap = heapBytes === undefined ? "unknown" : inMegabytes(heapBytes);
  return `heap ${heap}, resident ${inMegabytes(residentBytes)}`;
}

async function prepare(lambent: RunningLambent, options: SoakOptions): Promise<Run> {
  const { runtimes } = (await (await fetch(`${lambent.endpoint}/health`)).json()) as { runtimes: string[] };
  const python = runtimes.find((runtime) => runtime.startsWith("python"));
  if (python === undefined) throw new Error("no Python on this machine");
  const lambda = lambdaClient(lambent.endpoint);
  const run: Run = {
    lambda,
    layer: await publishExtension(lambda),
    invoker: new Invoker(lambent.endpoint),
    python,
    random: seededRandom(options.seed),
    outcomes: {},
    unexpected: [],
    changing: new Set(),
    done: 0,
  };
  const names = Object.keys(LANGUAGES).flatMap((language) =>
    Array.from({ length: COPIES }, (_, copy) => `${language}-${copy}`),
  );
  await Promise.all([...names, ...Object.keys(BROKEN)].map((name) => create(run, name)));
  return run;
}

async function publishExtension(lambda: LambdaClient): Promise<string> {
  const zip = await zipOf({ "extensions/observer": EXTENSION }, { mode: 0o100755 });
  return publishLayer(lambda, "observer", zip);
}

async function create(run: Run, name: string): Promise<void> {
  const definition = BROKEN[name] ?? LANGUAGES[name.split("-")[0] ?? ""];
  if (definition === undefined) throw new Error(`no function is called ${name}`);
  await deploy(run.lambda, name, definition.files, {
    Runtime: (definition.runtime === "python3" ? run.python : definition.runtime) as "nodejs24.x",
    Handler: definition.handler,
    MemorySize: MEMORY_MB,
    Timeout: TIMEOUT_SECONDS,
    ...(definition.isObserved === true && { Layers: [run.layer] }),
  });
}

async function invokeUntil(run: Run, invocations: number, options: SoakOptions): Promise<void> {
  let shownMs = performance.now();
  let shownDone = run.done;
  const worker = async (): Promise<void> => {
    while (run.done < invocations) {
      run.done++;
      await act(run, run.done);
      const nowMs = performance.now();
      if (nowMs - shownMs < PROGRESS_MS) continue;
      const perSecond = (run.done - shownDone) / ((nowMs - shownMs) / 1_000);
      options.progress(`${run.done} of ${options.invocations}, ${perSecond.toFixed(0)} per second`);
      shownMs = nowMs;
      shownDone = run.done;
    }
  };
  await Promise.all(Array.from({ length: options.concurrency }, worker));
}

async function act(run: Run, n: number): Promise<void> {
  const action = weighted<Action>(ACTIONS, run.random());
  const language = pick(run, Object.keys(LANGUAGES));
  const name = `${language}-${Math.floor(run.random() * COPIES)}`;
  switch (action) {
    case "broken":
      return invoke(run, pick(run, Object.keys(BROKEN)), { fault: "none", n });
    case "extension":
      return invoke(run, `observed-${Math.floor(run.random() * COPIES)}`, { fault: action, n });
    case "abandoned":
      await run.invoker.abandon(name, { fault: action, n }, ABANDON_AFTER_MS);
      count(run, "abandoned");
      return;
    case "update":
    case "recreate":
      await change(run, action, name);
      return invoke(run, name, { fault: "none", n });
    default:
      return invoke(run, name, { fault: action, n });
  }
}

function pick(run: Run, values: readonly string[]): string {
  return values[Math.floor(run.random() * values.length)] as string;
}

async function change(run: Run, action: "update" | "recreate", name: string): Promise<void> {
  if (run.changing.has(name)) return;
  run.changing.add(name);
  try {
    if (action === "update") {
      const Environment = { Variables: { CHANGED: String(run.done) } };
      await run.lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName: name, Environment }));
    } else {
      await run.lambda.send(new DeleteFunctionCommand({ FunctionName: name }));
      await create(run, name);
    }
    count(run, action);
  } catch (error) {
    // An update directly after another one: AWS refuses it while the first is under way.
    if ((error as Error).name === "ResourceConflictException") count(run, "conflict");
    else unexpected(run, `${action} ${name}: ${String(error)}`);
  } finally {
    run.changing.delete(name);
  }
}

async function invoke(run: Run, name: string, event: { fault: Fault; n: number }): Promise<void> {
  try {
    judge(run, name, event, await run.invoker.invoke(name, event));
  } catch (error) {
    unexpected(run, `${name} ${event.fault}: ${String(error)}`);
  }
}

function judge(run: Run, name: string, event: { fault: Fault; n: number }, answer: Answer): void {
  if (answer.status !== 200) {
    if (BETWEEN_STATES.has(answer.status)) count(run, `status ${answer.status}`);
    else unexpected(run, `${name} ${event.fault}: ${answer.status} ${answer.body.slice(0, 300)}`);
    return;
  }
  const error =
    answer.functionError === undefined
      ? undefined
      : (JSON.parse(answer.body) as { errorType?: string }).errorType;
  const expected = name in BROKEN ? INIT_ERRORS : EXPECTED_ERRORS[event.fault];
  const isRight =
    error === undefined ? expected.length === 0 && answer.body === String(event.n) : expected.includes(error);
  if (isRight) count(run, error ?? "ok");
  else unexpected(run, `${name} ${event.fault}: ${answer.body.slice(0, 300)}`);
}

function count(run: Run, outcome: string): void {
  run.outcomes[outcome] = (run.outcomes[outcome] ?? 0) + 1;
}

function unexpected(run: Run, line: string): void {
  count(run, "unexpected");
  if (run.unexpected.length < UNEXPECTED_SHOWN) run.unexpected.push(line);
}

/** When no environment is left and two counts in a row are the same. */
async function settled(lambent: RunningLambent, run: Run): Promise<Census> {
  run.invoker.disconnect();
  // What this program keeps connected is none of what is counted: how much that is depends on when functions were changed
  // last. The client makes new connections when it needs them.
  run.lambda.destroy();
  const deadlineMs = performance.now() + SETTLE_WITHIN_MS;
  let last = "";
  for (;;) {
    await delay(SETTLE_POLL_MS);
    const environments = await metric(lambent.endpoint, "lambent_environments");
    const census = takeCensus(lambent.process.pid ?? 0, lambent.dataDirectory);
    const text = JSON.stringify(census);
    if (environments === 0 && text === last) return census;
    last = text;
    if (performance.now() > deadlineMs)
      throw new Error(`${environments} environments have not ended: ${text}`);
  }
}

async function untilNoLeaks(lambent: RunningLambent, run: Run, before: Census): Promise<string[]> {
  const deadlineMs = performance.now() + SETTLE_WITHIN_MS / 2;
  for (;;) {
    const found = leaks(before, await settled(lambent, run));
    if (found.length === 0 || performance.now() > deadlineMs) return found;
  }
}

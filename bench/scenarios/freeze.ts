import { globSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { deploy } from "../../test/support/deploy.ts";
import { instanceOf } from "../instance.ts";
import type { Scenario, ScenarioOptions } from "../scenario.ts";
import { Invoker } from "../soak/invoker.ts";
import { median, rounded } from "../statistics.ts";
import { type MeasuredLambent, withLambent } from "./running.ts";

const FUNCTION_NAME = "freeze";
const INVOCATIONS = 150;
/** An environment is frozen when it has been idle for 10 ms: before the one, and well after the other. */
const PAUSES_MS = { running: 5, frozen: 40 } as const;
type Kind = keyof typeof PAUSES_MS;
/** AWS: this much memory comes with one whole CPU. With less, the function's share would be what is measured. */
const ONE_CPU_MB = 1_769;

function isFrozen(dataDirectory: string): boolean {
  const groups = `lambent/${instanceOf(dataDirectory)}/*`;
  const states = globSync([
    `/sys/fs/cgroup/freezer/${groups}/freezer.state`,
    `/sys/fs/cgroup/${groups}/cgroup.freeze`,
    `/sys/fs/cgroup/unified/${groups}/cgroup.freeze`,
  ]);
  return states.some((file) => {
    try {
      return /^(FROZEN|1)$/m.test(readFileSync(file, "latin1"));
    } catch {
      return false;
    }
  });
}

/** Latencies of single invocations with a pause before each. `ask` is what is timed. */
async function latencies(ask: () => Promise<unknown>, pauseMs: number): Promise<number[]> {
  const latenciesMs: number[] = [];
  for (let count = 0; count < INVOCATIONS; count++) {
    await delay(pauseMs);
    const sentMs = performance.now();
    await ask();
    latenciesMs.push(performance.now() - sentMs);
  }
  return latenciesMs;
}

async function measure(measured: MeasuredLambent, options: ScenarioOptions) {
  const { lambent, lambda } = measured;
  const files = { "index.js": 'exports.handler = async () => "hello";\n' };
  await deploy(lambda, FUNCTION_NAME, files, { MemorySize: ONE_CPU_MB });
  const invoker = new Invoker(lambent.endpoint);
  const invoke = (): Promise<unknown> => invoker.invoke(FUNCTION_NAME, {});
  // What a pause costs by itself, without a function: a processor that slept, caches that others used.
  const health = async (): Promise<unknown> => (await fetch(`${lambent.endpoint}/health`)).text();
  await latencies(invoke, 0);
  await latencies(health, 0);
  await delay(PAUSES_MS.frozen);
  if (!isFrozen(lambent.dataDirectory)) throw new Error("idle environments are not frozen on this machine");
  const taken: Record<Kind, { invoke: number[]; health: number[] }> = {
    running: { invoke: [], health: [] },
    frozen: { invoke: [], health: [] },
  };
  for (let round = 1; round <= options.rounds; round++)
    for (const kind of Object.keys(PAUSES_MS) as Kind[]) {
      taken[kind].invoke.push(...(await latencies(invoke, PAUSES_MS[kind])));
      taken[kind].health.push(...(await latencies(health, PAUSES_MS[kind])));
      options.progress(`round ${round}: ${kind}: ${median(taken[kind].invoke).toFixed(3)} ms`);
    }
  invoker.disconnect();
  return taken;
}

/** What freezing an idle environment and thawing it adds to its next invocation. */
export const freeze: Scenario = (options) =>
  withLambent({}, async (measured) => {
    const { running, frozen } = await measure(measured, options);
    const invoke = { running: median(running.invoke), frozen: median(frozen.invoke) };
    const pause = median(frozen.health) - median(running.health);
    const added = invoke.frozen - invoke.running;
    return {
      columns: ["warm invoke at concurrency 1, p50 (ms)", "not frozen", "frozen", "added", "ratio"],
      rows: [
        [
          "Node hello",
          invoke.running.toFixed(3),
          invoke.frozen.toFixed(3),
          added.toFixed(3),
          `× ${(invoke.frozen / invoke.running).toFixed(2)}`,
        ],
        [
          "a request without a function, after the same pauses",
          median(running.health).toFixed(3),
          median(frozen.health).toFixed(3),
          pause.toFixed(3),
          `× ${(median(frozen.health) / median(running.health)).toFixed(2)}`,
        ],
      ],
      notes: [
        `isolation: ${measured.isolation}`,
        `pauses of ${PAUSES_MS.running} and ${PAUSES_MS.frozen} ms before each invocation; an environment is frozen when it has been idle for 10 ms`,
        "the second row is what the longer pause costs by itself: freezing and thawing cost the difference of both",
      ],
      json: {
        added_ms: rounded(added - Math.max(0, pause)),
        added_with_pause_ms: rounded(added),
        ratio: rounded(invoke.frozen / invoke.running),
      },
    };
  });

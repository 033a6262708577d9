import { setTimeout as delay } from "node:timers/promises";
import { deploy } from "../../test/support/deploy.ts";
import type { Scenario, ScenarioOptions } from "../scenario.ts";
import { Invoker } from "../soak/invoker.ts";
import { median, percentile, rounded } from "../statistics.ts";
import { type MeasuredLambent, metric, withLambent } from "./running.ts";

const DEFAULT_CALLERS = 200;
const FUNCTIONS = 192;
/** What waits in reserve at the beginning is not what a row can go on with. */
const NOT_COUNTED = 64;
/** What making functions leaves to be done is no part of invoking them. */
const SETTLED_MS = 3_000;
const SUSTAINED_CONCURRENCY = 16;
const STARTED = "lambent_cold_start_duration_seconds_count";
/** Twice that of a CPU would let two environments take the machine from all others. */
const MEMORY_MB = 512;

interface Drained {
  readonly perSecond: number;
  readonly environments: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

interface Code {
  readonly runtime: string;
  readonly files: Readonly<Record<string, string>>;
}

async function create(measured: MeasuredLambent, name: string, { runtime, files }: Code): Promise<void> {
  const settings = { Runtime: runtime as "nodejs24.x", MemorySize: MEMORY_MB };
  await deploy(measured.lambda, name, files, settings);
}

/** Invokes the functions in order, `concurrency` at once, each once; the first `notCounted` answers are not measured. */
async function drain(
  measured: MeasuredLambent,
  functionNames: readonly string[],
  { concurrency, notCounted }: { readonly concurrency: number; readonly notCounted: number },
): Promise<Drained> {
  const { endpoint } = measured.lambent;
  const invoker = new Invoker(endpoint);
  const startedBefore = await metric(endpoint, STARTED);
  const latenciesMs: number[] = [];
  const waiting = [...functionNames];
  let startedMs = performance.now();
  let answers = 0;
  const caller = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const sentMs = performance.now();
      const { status, functionError, body } = await invoker.invoke(name, {});
      if (status !== 200 || functionError !== undefined) throw new Error(`${name}: ${status} ${body}`);
      if (answers++ >= notCounted) latenciesMs.push(performance.now() - sentMs);
      else if (answers === notCounted) startedMs = performance.now();
    }
  };
  await Promise.all(Array.from({ length: concurrency }, caller));
  const seconds = (performance.now() - startedMs) / 1_000;
  invoker.disconnect();
  return {
    perSecond: latenciesMs.length / seconds,
    environments: (await metric(endpoint, STARTED)) - startedBefore,
    p50Ms: percentile(latenciesMs, 0.5),
    p99Ms: percentile(latenciesMs, 0.99),
  };
}

function middle(results: readonly Drained[]): Drained {
  const of = (figure: keyof Drained): number => median(results.map((result) => result[figure]));
  return {
    perSecond: of("perSecond"),
    environments: of("environments"),
    p50Ms: of("p50Ms"),
    p99Ms: of("p99Ms"),
  };
}

async function repeated(
  options: ScenarioOptions,
  label: string,
  once: (round: number) => Promise<Drained>,
): Promise<Drained> {
  const results: Drained[] = [];
  for (let round = 1; round <= options.rounds; round++) {
    const result = await once(round);
    const { perSecond, environments, p50Ms, p99Ms } = result;
    options.progress(
      `round ${round}: ${label}: ${perSecond.toFixed(0)}/s, ${environments} environments, p50 ${p50Ms.toFixed(0)}, p99 ${p99Ms.toFixed(0)} ms`,
    );
    results.push(result);
  }
  return middle(results);
}

/** Many callers of one function that is cold, and cold functions one after the other. */
export const burst: Scenario = (options) =>
  withLambent({ LAMBENT_IDLE_ENVIRONMENT_TIMEOUT_MS: "3000" }, async (measured) => {
    const callers = options.count ?? DEFAULT_CALLERS;
    const node: Code = {
      runtime: "nodejs24.x",
      files: { "index.js": 'exports.handler = async () => "hello";\n' },
    };
    const codes: Record<string, Code> = { node };
    if (measured.python !== undefined)
      codes.python = {
        runtime: measured.python,
        files: { "index.py": 'def handler(event, context):\n    return "hello"\n' },
      };
    const rows: [string, Drained][] = [];
    rows.push([
      `${callers} callers of one cold Node function at once`,
      await repeated(options, `${callers} at once`, async (round) => {
        await create(measured, `burst-${round}`, node);
        return drain(measured, Array<string>(callers).fill(`burst-${round}`), {
          concurrency: callers,
          notCounted: 0,
        });
      }),
    ]);
    for (const [language, code] of Object.entries(codes))
      rows.push([
        `cold starts in a row, ${SUSTAINED_CONCURRENCY} at once: ${language}`,
        await repeated(options, language, async (round) => {
          const names = Array.from({ length: FUNCTIONS }, (_, index) => `${language}-${round}-${index}`);
          await Promise.all(names.map((name) => create(measured, name, code)));
          await delay(SETTLED_MS);
          return drain(measured, names, { concurrency: SUSTAINED_CONCURRENCY, notCounted: NOT_COUNTED });
        }),
      ]);
    const [, first] = rows[0] as [string, Drained];
    const sustained = rows
      .slice(1)
      .map(([, { perSecond, p50Ms, p99Ms }], index) => [
        Object.keys(codes)[index],
        { per_second: rounded(perSecond), p50_ms: rounded(p50Ms), p99_ms: rounded(p99Ms) },
      ]);
    return {
      columns: ["burst", "drained per second", "environments started", "p50 (ms)", "p99 (ms)"],
      rows: rows.map(([label, { perSecond, environments, p50Ms, p99Ms }]) => [
        label,
        perSecond.toFixed(0),
        environments.toFixed(0),
        p50Ms.toFixed(0),
        p99Ms.toFixed(0),
      ]),
      notes: [
        `isolation: ${measured.isolation}`,
        `medians of ${options.rounds} rounds, each with functions that were never invoked before`,
        `in a row: ${FUNCTIONS} functions, of which the first ${NOT_COUNTED} are not counted: the reserve is used up then`,
      ],
      json: {
        callers,
        drained_per_second: rounded(first.perSecond),
        environments_started: first.environments,
        p50_ms: rounded(first.p50Ms),
        p99_ms: rounded(first.p99Ms),
        sustained_cold_starts: Object.fromEntries(sustained),
      },
    };
  });

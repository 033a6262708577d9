import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import {
  DeleteFunctionCommand,
  GetProvisionedConcurrencyConfigCommand,
  PublishVersionCommand,
  PutProvisionedConcurrencyConfigCommand,
} from "@aws-sdk/client-lambda";
import { deploy } from "../../test/support/deploy.ts";
import { HELLO, helloInJava } from "../hello.ts";
import { instanceOf } from "../instance.ts";
import type { Scenario, ScenarioOptions } from "../scenario.ts";
import { rounded } from "../statistics.ts";
import { type MeasuredLambent, metric, withLambent } from "./running.ts";

const DEFAULT_COUNT = 100;
/** So many Node environments are to be alive at once on a machine of 24 GB. */
const WANTED_COUNT = 1_000;
/** A JVM takes a second of processor time to start. */
const JVM_COUNT_MAX = 20;
const READY_WITHIN_MS = 15 * 60_000;
const POLL_MS = 250;
/** For the kernel to give pages back, and for what is idle to be frozen. */
const REST_MS = 1_500;
const MEGABYTE = 1e6;
const KIBIBYTE = 1_024;

interface Language {
  readonly name: "node" | "python" | "ruby" | "jvm";
  readonly runtime: string;
  readonly handler: string;
  /** In its command line; a bwrap's begins with its own name. */
  readonly program: RegExp;
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  readonly count: number;
}

interface Density {
  readonly language: Language;
  readonly pssMb: number;
  readonly availableMb: number;
  readonly seconds: number;
}

function readQuietly(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

const kibibytes = (text: string, name: string): number =>
  Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text)?.[1] ?? 0);

const availableBytes = (): number =>
  kibibytes(readFileSync("/proc/meminfo", "latin1"), "MemAvailable") * KIBIBYTE;

/**
 * PSS of each sandbox that runs a language's program, an environment's or one that waits in reserve, on average, with
 * what they share counted once; what they are forked from is shared by all of them.
 */
function sandboxPssBytes(dataDirectory: string, program: RegExp): number {
  const mark = `/lambent/${instanceOf(dataDirectory)}/`;
  const groups = new Map<string, { pssBytes: number; runsProgram: boolean }>();
  for (const directory of globSync("/proc/[0-9]*")) {
    const name = readQuietly(join(directory, "cgroup")).split(mark)[1]?.split("\n")[0];
    if (name === undefined) continue;
    const group = groups.get(name) ?? { pssBytes: 0, runsProgram: false };
    group.pssBytes += kibibytes(readQuietly(join(directory, "smaps_rollup")), "Pss") * KIBIBYTE;
    group.runsProgram ||= program.test(readQuietly(join(directory, "cmdline")));
    groups.set(name, group);
  }
  const running = [...groups].filter(([, { runsProgram }]) => runsProgram);
  const sandboxes = running.filter(([name]) => !name.startsWith("zygote-"));
  return running.reduce((sum, [, { pssBytes }]) => sum + pssBytes, 0) / Math.max(1, sandboxes.length);
}

function languagesOf({ python, ruby, java }: MeasuredLambent, count: number): Language[] {
  const compiled = java === undefined ? undefined : helloInJava();
  const handler = "index.handler";
  const found: Language[] = [
    {
      name: "node",
      runtime: "nodejs24.x",
      handler,
      program: /^[^\0]*node\0/,
      files: HELLO.node,
      count,
    },
  ];
  if (python !== undefined)
    found.push({
      name: "python",
      runtime: python,
      handler,
      program: /^[^\0]*python[^\0]*\0/,
      files: HELLO.python,
      count,
    });
  if (ruby !== undefined)
    found.push({
      name: "ruby",
      runtime: ruby,
      handler,
      program: /^[^\0]*ruby[^\0]*\0/,
      files: HELLO.ruby,
      count,
    });
  if (java !== undefined && compiled !== undefined)
    found.push({
      name: "jvm",
      runtime: java,
      handler: "Hello::handle",
      program: /^[^\0]*java\0/,
      files: compiled,
      count: Math.min(count, JVM_COUNT_MAX),
    });
  return found;
}

async function provision(measured: MeasuredLambent, language: Language, progress: (line: string) => void) {
  const { lambda } = measured;
  const name = { FunctionName: language.name, Qualifier: "1" };
  await lambda.send(
    new PutProvisionedConcurrencyConfigCommand({ ...name, ProvisionedConcurrentExecutions: language.count }),
  );
  const deadlineMs = performance.now() + READY_WITHIN_MS;
  let shown = 0;
  for (;;) {
    await delay(POLL_MS);
    const state = await lambda.send(new GetProvisionedConcurrencyConfigCommand(name));
    if (state.Status === "READY") return;
    if (state.Status === "FAILED") throw new Error(`${language.name}: ${state.StatusReason}`);
    const available = state.AvailableProvisionedConcurrentExecutions ?? 0;
    if (performance.now() > deadlineMs)
      throw new Error(`${language.name}: only ${available} of ${language.count} in time`);
    if (available >= shown + 100) progress(`${language.name}: ${available} of ${language.count}`);
    shown = Math.max(shown, available - (available % 100));
  }
}

async function measure(
  measured: MeasuredLambent,
  language: Language,
  options: ScenarioOptions,
): Promise<Density> {
  const { lambda, lambent } = measured;
  const { name, runtime, handler, files, count } = language;
  const settings = { Runtime: runtime as "nodejs24.x", Handler: handler, MemorySize: 256 };
  await deploy(lambda, name, files, settings);
  await lambda.send(new PublishVersionCommand({ FunctionName: name }));
  await delay(REST_MS);
  const availableBefore = availableBytes();
  options.progress(`${name}: starting ${count}`);
  const startedMs = performance.now();
  await provision(measured, language, (line) => options.progress(line));
  const seconds = (performance.now() - startedMs) / 1_000;
  await delay(REST_MS);
  const pssMb = sandboxPssBytes(lambent.dataDirectory, language.program) / MEGABYTE;
  const availableMb = (availableBefore - availableBytes()) / count / MEGABYTE;
  options.progress(`${name}: ${pssMb.toFixed(1)} MB each, by MemAvailable ${availableMb.toFixed(1)} MB`);
  await lambda.send(new DeleteFunctionCommand({ FunctionName: name }));
  while ((await metric(lambent.endpoint, "lambent_environments")) > 0) await delay(POLL_MS);
  return { language, pssMb, availableMb, seconds };
}

/** Many idle environments alive at once: the memory of each of them. */
export const density: Scenario = async (options) => {
  const count = options.count ?? DEFAULT_COUNT;
  const limits = { LAMBENT_MAX_ENVIRONMENTS: String(Math.max(1_000, count + 10)) };
  return withLambent(limits, async (measured) => {
    const results: Density[] = [];
    for (const language of languagesOf(measured, count))
      results.push(await measure(measured, language, options));
    const missing = ["node", "python", "ruby", "jvm"].filter(
      (name) => !results.some(({ language }) => language.name === name),
    );
    // The larger of both: PSS leaves the kernel's part out, and MemAvailable moves with all else on the machine.
    const gigabytes = ({ pssMb, availableMb }: Density): number =>
      (Math.max(pssMb, availableMb) * WANTED_COUNT) / 1_000;
    return {
      columns: [
        "idle environments, frozen",
        "alive at once",
        "PSS of each (MB)",
        "by MemAvailable (MB)",
        "1,000 of them (GB)",
        "started per second",
      ],
      rows: results.map(({ language, pssMb, availableMb, seconds }) => [
        `${language.name} (${language.runtime})`,
        String(language.count),
        pssMb.toFixed(1),
        availableMb.toFixed(1),
        `${gigabytes({ language, pssMb, availableMb, seconds }).toFixed(1)}${language.count < WANTED_COUNT ? " (extrapolated)" : ""}`,
        (language.count / seconds).toFixed(1),
      ]),
      notes: [
        `isolation: ${measured.isolation}`,
        "PSS of all processes of a sandbox, from smaps_rollup, on average over the environments and what waits in reserve beside them; MemAvailable counts the kernel's part and whatever else the machine did",
        ...(missing.length > 0
          ? [`not measured, as the runtime or compiler is missing: ${missing.join(", ")}`]
          : []),
      ],
      json: Object.fromEntries(
        results.map(({ language, pssMb, availableMb, seconds }) => [
          language.name,
          {
            alive: language.count,
            pss_mb: rounded(pssMb),
            available_mb: rounded(availableMb),
            gb_for_1000: rounded(gigabytes({ language, pssMb, availableMb, seconds })),
            extrapolated: language.count < WANTED_COUNT,
          },
        ]),
      ),
    };
  });
};

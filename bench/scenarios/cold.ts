import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { Agent } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { CreateFunctionCommandInput } from "@aws-sdk/client-lambda";
import type { RuntimeCatalogue } from "../../src/ports/runtime-catalogue.ts";
import { deploy, lambdaClient } from "../../test/support/deploy.ts";
import { commandOnHost, discoverForTests } from "../../test/support/installed-runtimes.ts";
import { startLambent } from "../../test/support/start-lambent.ts";
import { HELLO, helloInJava } from "../hello.ts";
import { type InvocationTarget, timeInvocation } from "../load/one-invocation.ts";
import type { Scenario, ScenarioOptions, ScenarioResult } from "../scenario.ts";
import { median, percentile, rounded } from "../statistics.ts";
import { libraryJson, libraryNotes, measureLibraries } from "./cold-libraries.ts";
import { metric } from "./running.ts";

/** AWS: this much memory comes with one whole CPU. */
const ONE_CPU_MB = 1_769;
const STARTS_PER_ROUND = 10;
const MISSES_PER_ROUND = 4;
const DRAINED = 32;
const DRAIN_CONCURRENCY = 16;
/** Between two cold starts, so that the reserve is full again and the machine quiet. */
const PAUSE_MS = 400;
/** Bursts that are measured. One before tells the reserve what to expect, and has Lambent's own code compiled. */
const DRAINS = 3;
/** Within which the reserve grows to what a burst has asked for; a JVM takes a second of processor time. */
const GROWTH_MAX_MS = 60_000;
/** Lambent does no more than this while nothing is being made for the reserve. */
const QUIET_CPU_SECONDS = 0.03;
const QUIET_LOOKS = 4;
const LOOK_MS = 500;

interface Language {
  readonly name: string;
  readonly runtime: string;
  readonly settings: Partial<CreateFunctionCommandInput>;
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  /** The bare interpreter doing nothing. */
  readonly bareStart: readonly string[];
}

interface Figures {
  readonly hits: number[];
  readonly misses: number[];
  readonly bare: number[];
}

function languages(runtimes: RuntimeCatalogue): Language[] {
  /** The first word of its command, or the one that looks like this. */
  const interpreter = (identifier: string, looks = /^/): string => {
    const runtime = runtimes.find(identifier);
    const words = runtime === undefined ? [] : commandOnHost(runtime.program);
    return words.find((word) => looks.test(word)) ?? "";
  };
  const found: Language[] = [
    {
      name: "node",
      runtime: "nodejs24.x",
      settings: {},
      files: HELLO.node,
      bareStart: [process.execPath, "-e", "0"],
    },
  ];
  for (const [name, bare] of [
    ["python", ["-c", "pass"]],
    ["ruby", ["-e", "0"]],
  ] as const) {
    const runtime = runtimes.list().findLast(({ identifier }) => identifier.startsWith(name))?.identifier;
    if (runtime !== undefined)
      found.push({
        name,
        runtime,
        settings: {},
        files: HELLO[name],
        bareStart: [interpreter(runtime), ...bare],
      });
  }
  const java = runtimes
    .list()
    .find(({ identifier, reserve }) => identifier.startsWith("java") && reserve !== undefined)?.identifier;
  const hello = java === undefined ? undefined : helloInJava();
  if (java !== undefined && hello !== undefined)
    found.push({
      name: "java",
      runtime: java,
      settings: { Handler: "Hello::handle" },
      files: hello,
      bareStart: [interpreter(java, /[/]java$/), "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-version"],
    });
  return found;
}

function timeBareStart([program = "", ...parameters]: readonly string[]): number {
  const startedMs = performance.now();
  spawnSync(program, parameters, { env: { PATH: process.env.PATH }, stdio: "ignore" });
  return performance.now() - startedMs;
}

async function deployMany(
  target: InvocationTarget,
  language: Language,
  prefix: string,
  count: number,
): Promise<string[]> {
  const lambda = lambdaClient(target.endpoint);
  const names = Array.from({ length: count }, (_, index) => `${prefix}-${language.name}-${index}`);
  await Promise.all(
    names.map((name) =>
      deploy(lambda, name, language.files, {
        Runtime: language.runtime as "nodejs24.x",
        MemorySize: ONE_CPU_MB,
        ...language.settings,
      }),
    ),
  );
  return names;
}

async function measure(
  language: Language,
  targets: { readonly reserve: InvocationTarget; readonly none: InvocationTarget },
  options: ScenarioOptions,
): Promise<Figures> {
  const figures: Figures = { hits: [], misses: [], bare: [] };
  const { reserve, none } = targets;
  const hits = await deployMany(reserve, language, "hit", options.rounds * STARTS_PER_ROUND + 1);
  const misses = await deployMany(none, language, "miss", options.rounds * MISSES_PER_ROUND + 1);
  // Each Lambent's own code paths are compiled, and the reserve is there.
  await delay(2 * PAUSE_MS);
  for (const [target, names] of [[reserve, hits] as const, [none, misses] as const])
    await timeInvocation(target, names.shift() ?? "");
  for (let round = 0; round < options.rounds; round++) {
    for (let start = 0; start < STARTS_PER_ROUND; start++) {
      await delay(PAUSE_MS);
      figures.hits.push(await timeInvocation(reserve, hits.shift() ?? ""));
      figures.bare.push(timeBareStart(language.bareStart));
    }
    for (let start = 0; start < MISSES_PER_ROUND; start++) {
      await delay(PAUSE_MS);
      figures.misses.push(await timeInvocation(none, misses.shift() ?? ""));
    }
    const { hits: hit, misses: miss, bare } = figures;
    options.progress(
      `round ${round + 1}: ${language.name} from the reserve ${median(hit).toFixed(1)} ms, made ${median(miss).toFixed(1)} ms, bare start ${median(bare).toFixed(1)} ms`,
    );
  }
  return figures;
}

/** Resolves when the reserve has grown: Lambent makes nothing any more. */
async function untilQuiet(endpoint: string): Promise<void> {
  const usedSeconds = (): Promise<number> => metric(endpoint, "process_cpu_seconds_total");
  const deadlineMs = performance.now() + GROWTH_MAX_MS;
  let before = await usedSeconds();
  for (let quiet = 0; quiet < QUIET_LOOKS && performance.now() < deadlineMs; ) {
    await delay(LOOK_MS);
    const now = await usedSeconds();
    quiet = now - before < QUIET_CPU_SECONDS ? quiet + 1 : 0;
    before = now;
  }
}

/** Cold starts a second while a full reserve is emptied by a burst: the median of some bursts. */
async function drain(target: InvocationTarget, language: Language): Promise<number> {
  const burst = async (names: string[]): Promise<number> => {
    const startedMs = performance.now();
    const next = async (): Promise<void> => {
      for (let name = names.shift(); name !== undefined; name = names.shift())
        await timeInvocation(target, name);
    };
    await Promise.all(Array.from({ length: DRAIN_CONCURRENCY }, next));
    return performance.now() - startedMs;
  };
  const perSecond: number[] = [];
  for (let round = 0; round <= DRAINS; round++) {
    const names = await deployMany(target, language, `burst-${round}`, DRAINED);
    if (round === 0) await burst(names);
    else {
      await untilQuiet(target.endpoint);
      perSecond.push((DRAINED * 1_000) / (await burst(names)));
    }
  }
  return median(perSecond);
}

function summarise(
  figures: ReadonlyMap<string, Figures>,
  drained: ReadonlyMap<string, number>,
): ScenarioResult {
  const json: Record<string, Record<string, number>> = {};
  const rows: string[][] = [];
  for (const [name, { hits, misses, bare }] of figures) {
    const bareMs = median(bare);
    json[name] = {
      p50_ms: rounded(median(hits)),
      p99_ms: rounded(percentile(hits, 0.99)),
      ratio_to_process_start: rounded(median(hits) / bareMs),
      miss_p50_ms: rounded(median(misses)),
      miss_ratio_to_process_start: rounded(median(misses) / bareMs),
      process_start_p50_ms: rounded(bareMs),
      drained_per_second: rounded(drained.get(name) ?? Number.NaN),
    };
    rows.push([
      name,
      median(hits).toFixed(2),
      percentile(hits, 0.99).toFixed(2),
      `× ${(median(hits) / bareMs).toFixed(2)}`,
      median(misses).toFixed(1),
      `× ${(median(misses) / bareMs).toFixed(2)}`,
      bareMs.toFixed(1),
      (drained.get(name) ?? Number.NaN).toFixed(0),
    ]);
  }
  return {
    columns: [
      "cold start, hello (ms)",
      "from the reserve, p50",
      "p99",
      "to bare start",
      "made for it, p50",
      "to bare start",
      "bare interpreter start",
      `drained at concurrency ${DRAIN_CONCURRENCY} (1/s)`,
    ],
    rows,
    notes: [
      "HTTP request to HTTP answer, each a new function's first invocation; the bare start is the interpreter doing nothing, measured in turn",
      `drained: ${DRAINED} environments wait, and as many new functions are invoked, ${DRAIN_CONCURRENCY} at a time; the median of ${DRAINS} such bursts. The program that sends them, on the same processors, is part of it`,
      "made for it: nothing waits. Node.js, Python and Ruby are forked from a running interpreter then, the others started",
    ],
    json,
  };
}

/** A function of this language, which is never invoked, has the only place of the reserve. */
async function takePlace(target: InvocationTarget, all: readonly Language[], name: string): Promise<void> {
  const language = all.find((each) => each.name === name);
  if (language !== undefined) await deployMany(target, language, "place", 1);
}

/** First invocations of new functions, from the reserve and without one, against the bare interpreter's start. */
export const cold: Scenario = async (options) => {
  const lambents = await Promise.all(
    // The place of the last two is taken by another runtime: what is forked is so with nothing waiting as well.
    [4 * DRAINED, 0, 1, 1].map((most) =>
      startLambent({ environment: { LAMBENT_RESERVE_MAX: String(most) } }),
    ),
  );
  const targetOf = ({ endpoint }: { endpoint: string }): InvocationTarget => ({
    endpoint,
    agent: new Agent({ keepAlive: true, maxSockets: DRAIN_CONCURRENCY }),
  });
  let alone: ScenarioResult;
  const packs = await mkdtemp(join(tmpdir(), "lambent-bench-packs-"));
  const runtimes = await discoverForTests([], packs);
  const all = languages(runtimes);
  try {
    const [reserve, none, byNode, byOther] = lambents.map((lambent) => targetOf(lambent));
    if (reserve === undefined || none === undefined || byNode === undefined || byOther === undefined)
      throw new Error("too few Lambents");
    await takePlace(byNode, all, "node");
    await takePlace(byOther, all, "python");
    const figures = new Map<string, Figures>();
    const drained = new Map<string, number>();
    for (const language of all) {
      const isForked = runtimes.find(language.runtime)?.reserve?.zygote === true;
      const taken = language.name === "node" ? byOther : byNode;
      const targets = { reserve, none: isForked ? taken : none };
      figures.set(language.name, await measure(language, targets, options));
      drained.set(language.name, await drain(reserve, language));
    }
    alone = summarise(figures, drained);
  } finally {
    await Promise.all(lambents.map((lambent) => lambent.stop()));
    await rm(packs, { recursive: true, force: true });
  }
  const libraries = await measureLibraries(runtimes, options);
  return {
    ...alone,
    notes: [...alone.notes, ...libraryNotes(libraries)],
    json: { ...alone.json, ...libraryJson(libraries) },
  };
};

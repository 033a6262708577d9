import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CreateFunctionCommand,
  GetFunctionCommand,
  type LambdaClient,
  ListFunctionsCommand,
} from "@aws-sdk/client-lambda";
import { deploy, lambdaClient, ROLE_ARN, zipOf } from "../../test/support/deploy.ts";
import { type RunningLambent, startLambent } from "../../test/support/start-lambent.ts";
import { provideWrk } from "../../tools/machine.ts";
import { invokeRequest } from "../load/invoke-request.ts";
import { measureWithNode } from "../load/load-generator.ts";
import type { Measurement } from "../load/measurement.ts";
import { measureWithWrk } from "../load/wrk.ts";
import type { Scenario, ScenarioOptions } from "../scenario.ts";
import { median, rounded } from "../statistics.ts";
import { NO_QUOTA } from "./running.ts";

const DEFAULT_COUNT = 10_000;
const CREATE_CONCURRENCY = 16;
const PROGRESS_EVERY = 2_000;
const ASKED = 50;
const WARM_UP_SECONDS = 3;
const FILES = { "index.js": 'exports.handler = async () => "hello";\n' };
const SETTINGS = { MemorySize: 1_769 };

type Which = "one" | "many";
type ByWhich<Value> = Record<Which, Value>;

interface Figures {
  readonly warm: Measurement[];
  readonly listMs: number[];
  readonly getMs: number[];
  readonly startMs: number[];
}

async function fill(lambda: LambdaClient, count: number, options: ScenarioOptions): Promise<void> {
  const ZipFile = await zipOf(FILES);
  let created = 1;
  const creator = async (): Promise<void> => {
    while (created < count) {
      const FunctionName = `filler-${created++}`;
      if (created % PROGRESS_EVERY === 0) options.progress(`${created} of ${count} functions`);
      await lambda.send(
        new CreateFunctionCommand({
          FunctionName,
          Runtime: "nodejs24.x",
          Handler: "index.handler",
          Role: ROLE_ARN,
          Code: { ZipFile },
        }),
      );
    }
  };
  await Promise.all(Array.from({ length: CREATE_CONCURRENCY }, creator));
}

async function timed(ask: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await ask();
  return performance.now() - startedMs;
}

async function askMany(ask: () => Promise<unknown>): Promise<number[]> {
  const latenciesMs: number[] = [];
  for (let count = 0; count < ASKED; count++) latenciesMs.push(await timed(ask));
  return latenciesMs;
}

async function start(dataDirectory: string, figures: Figures): Promise<RunningLambent> {
  let running: RunningLambent | undefined;
  figures.startMs.push(
    await timed(async () => {
      running = await startLambent({ dataDirectory, environment: NO_QUOTA });
    }),
  );
  if (running === undefined) throw new Error("Lambent has not started");
  return running;
}

async function measure(
  lambents: ByWhich<RunningLambent>,
  figures: ByWhich<Figures>,
  options: ScenarioOptions,
): Promise<void> {
  const load = provideWrk() ? measureWithWrk : measureWithNode;
  const warm = (which: Which, seconds: number): Promise<Measurement> =>
    load({ ...invokeRequest(lambents[which].endpoint, "hello"), connections: 1, seconds });
  for (const which of ["one", "many"] as const) await warm(which, WARM_UP_SECONDS);
  for (let round = 1; round <= options.rounds; round++)
    for (const which of ["one", "many"] as const) {
      const measurement = await warm(which, options.secondsPerMeasurement);
      figures[which].warm.push(measurement);
      const lambda = lambdaClient(lambents[which].endpoint);
      figures[which].listMs.push(...(await askMany(() => lambda.send(new ListFunctionsCommand({})))));
      figures[which].getMs.push(
        ...(await askMany(() => lambda.send(new GetFunctionCommand({ FunctionName: "hello" })))),
      );
      lambda.destroy();
      options.progress(`round ${round}: ${which}: p50 ${measurement.p50Ms.toFixed(3)} ms`);
    }
}

function summarise(figures: ByWhich<Figures>, count: number, options: ScenarioOptions) {
  const p50 = (which: Which): number => median(figures[which].warm.map(({ p50Ms }) => p50Ms));
  const measures: [label: string, json: string, of: (which: Which) => number][] = [
    ["warm invoke p50, concurrency 1", "warm_p50", p50],
    ["ListFunctions, first page of 50", "list_page", (which) => median(figures[which].listMs)],
    ["GetFunction", "get", (which) => median(figures[which].getMs)],
    ["start-up of the program until ready", "start", (which) => median(figures[which].startMs)],
  ];
  const json: Record<string, number> = { count };
  for (const [, name, of] of measures) {
    json[`${name}_ms`] = rounded(of("many"));
    json[`${name}_ratio`] = rounded(of("many") / of("one"));
  }
  return {
    columns: ["milliseconds", "1 function", `${count} functions`, "ratio"],
    rows: measures.map(([label, , of]) => [
      label,
      of("one").toFixed(2),
      of("many").toFixed(2),
      `× ${(of("many") / of("one")).toFixed(2)}`,
    ]),
    notes: [
      `two Lambents in turns, medians of ${options.rounds} rounds; ListFunctions of the first has one function to tell of`,
    ],
    json,
  };
}

/** What many deployed functions cost a warm invocation, and those who list and look for them. */
export const functions: Scenario = async (options) => {
  const count = options.count ?? DEFAULT_COUNT;
  const newFigures = (): Figures => ({ warm: [], listMs: [], getMs: [], startMs: [] });
  const figures: ByWhich<Figures> = { one: newFigures(), many: newFigures() };
  const directory = (): Promise<string> => mkdtemp(join(tmpdir(), "lambent-bench-functions-"));
  const directories: ByWhich<string> = { one: await directory(), many: await directory() };
  try {
    for (const which of ["one", "many"] as const) {
      const lambent = await startLambent({ dataDirectory: directories[which], environment: NO_QUOTA });
      const lambda = lambdaClient(lambent.endpoint);
      try {
        await deploy(lambda, "hello", FILES, SETTINGS);
        if (which === "many") await fill(lambda, count, options);
      } finally {
        lambda.destroy();
        await lambent.stop();
      }
    }
    for (let round = 1; round < options.rounds; round++)
      for (const which of ["one", "many"] as const)
        await (await start(directories[which], figures[which])).stop();
    const lambents: ByWhich<RunningLambent> = {
      one: await start(directories.one, figures.one),
      many: await start(directories.many, figures.many),
    };
    try {
      await measure(lambents, figures, options);
    } finally {
      await Promise.all([lambents.one.stop(), lambents.many.stop()]);
    }
    return summarise(figures, count, options);
  } finally {
    for (const path of Object.values(directories)) await rm(path, { recursive: true, force: true });
  }
};

import { availableParallelism } from "node:os";
import { deploy, lambdaClient } from "../../test/support/deploy.ts";
import { type RunningLambent, startLambent } from "../../test/support/start-lambent.ts";
import { provideWrk } from "../../tools/machine.ts";
import { holdToShare, pin } from "../cpu-share.ts";
import { invokeRequest } from "../load/invoke-request.ts";
import { measureWithNode } from "../load/load-generator.ts";
import type { Measurement } from "../load/measurement.ts";
import { measureWithWrk } from "../load/wrk.ts";
import type { Scenario, ScenarioOptions } from "../scenario.ts";
import { median, rounded } from "../statistics.ts";
import { cpuMs } from "./parts.ts";
import { NO_QUOTA } from "./running.ts";

const FUNCTION_NAME = "bench-hello";
const HANDLER = 'exports.handler = async () => "hello";\n';
const CONNECTIONS = 16;
const ONE_CPU_MB = 1_769;
/** For the processes themselves, the load, the main process and as many environments as a process keeps busy. */
const PROCESSORS_TO_PIN = 8;
const SHARE = 0.2;
/** Before anything is held: environments are started, and what runs often is compiled. */
const WARM_UP_INVOCATIONS = 30_000;
const WARM_UP_SECONDS = 3;
const WARM_UP_ATTEMPTS = 10;

interface Plane {
  readonly processes: number;
  readonly lambent: RunningLambent;
  readonly processIds: readonly number[];
  readonly throughput: number[];
  readonly p50Ms: number[];
  /** Share of one processor that each process used. */
  readonly used: number[];
}

interface Health {
  readonly dataPlane: readonly { readonly processId: number }[];
  readonly isolation: { readonly isolates: boolean; readonly summary: string };
}

const health = async ({ endpoint }: RunningLambent): Promise<Health> =>
  (await (await fetch(`${endpoint}/health`, { headers: { connection: "close" } })).json()) as Health;

async function start(processes: number): Promise<Plane> {
  const lambent = await startLambent({
    arguments: ["--data-plane-processes", String(processes)],
    environment: NO_QUOTA,
  });
  const { dataPlane, isolation } = await health(lambent);
  if (!isolation.isolates)
    throw new Error(`figures without isolation are worth nothing here: ${isolation.summary}`);
  const processIds = dataPlane.map(({ processId }) => processId);
  return { processes, lambent, processIds, throughput: [], p50Ms: [], used: [] };
}

async function measureRounds(planes: readonly Plane[], options: ScenarioOptions): Promise<void> {
  const measure = provideWrk() ? measureWithWrk : measureWithNode;
  const load = ({ lambent }: Plane, seconds: number): Promise<Measurement> =>
    measure({ ...invokeRequest(lambent.endpoint, FUNCTION_NAME), connections: CONNECTIONS, seconds });
  for (const plane of planes) {
    const lambda = lambdaClient(plane.lambent.endpoint);
    await deploy(lambda, FUNCTION_NAME, { "index.js": HANDLER }, { MemorySize: ONE_CPU_MB });
    lambda.destroy();
    options.progress(`warming up ${plane.processes}`);
    for (let invocations = 0, at = 0; invocations < WARM_UP_INVOCATIONS && at < WARM_UP_ATTEMPTS; at++)
      invocations += (await load(plane, WARM_UP_SECONDS)).requestsPerSecond * WARM_UP_SECONDS;
  }
  const release = hold(planes);
  try {
    for (let round = 1; round <= options.rounds; round++)
      for (const plane of planes) {
        const seconds = options.secondsPerMeasurement;
        const before = plane.processIds.map(cpuMs);
        const { requestsPerSecond, p50Ms } = await load(plane, seconds);
        const used = plane.processIds.map((id, at) => (cpuMs(id) - (before[at] ?? 0)) / (seconds * 1000));
        plane.throughput.push(requestsPerSecond);
        plane.p50Ms.push(p50Ms);
        plane.used.push(Math.min(...used));
        options.progress(
          `round ${round}: ${plane.processes}: ${requestsPerSecond.toFixed(0)}/s, processors used ${used.map((share) => share.toFixed(2)).join(" and ")}`,
        );
      }
  } finally {
    release();
  }
}

const canPin = availableParallelism() >= PROCESSORS_TO_PIN;

/** Has each data-plane process, without its environments, be what limits the throughput. */
function hold(planes: readonly Plane[]): () => void {
  if (canPin) {
    for (const { processIds } of planes) for (const [at, id] of processIds.entries()) pin(id, at);
    return () => undefined;
  }
  const releases = planes.flatMap(({ processIds }) => processIds.map((id) => holdToShare(id, SHARE)));
  return () => {
    for (const release of releases) release();
  };
}

/** Warm throughput with one and with two data-plane processes, in turns. */
export const manyCores: Scenario = async (options) => {
  const planes: Plane[] = [];
  try {
    for (const processes of [1, 2]) planes.push(await start(processes));
    await measureRounds(planes, options);
    const [one, two] = planes;
    if (one === undefined || two === undefined) throw new Error("two Lambents were to be started");
    // Of each round: whatever else the machine does meanwhile changes slowly.
    const ratio = median(two.throughput.map((value, round) => value / (one.throughput[round] ?? Number.NaN)));
    const cells = (figure: "throughput" | "p50Ms" | "used", digits: number): string[] =>
      [one, two].map((plane) => median(plane[figure]).toFixed(digits));
    const { isolation } = await health(two.lambent);
    return {
      columns: ["data-plane processes", "1", "2", "ratio"],
      rows: [
        [
          `throughput at concurrency ${CONNECTIONS} (1/s)`,
          ...cells("throughput", 0),
          `× ${ratio.toFixed(2)}`,
        ],
        ["latency p50 (ms)", ...cells("p50Ms", 3), `× ${(median(two.p50Ms) / median(one.p50Ms)).toFixed(2)}`],
        ["processor used by each, or by the one that used less", ...cells("used", 2), ""],
      ],
      notes: [
        `isolation: ${isolation.summary}`,
        canPin
          ? "each data-plane process is pinned to a processor of its own"
          : `each data-plane process, without its environments, is held to ${SHARE * 100} % of one processor: the load, the main process and the functions share this machine's ${availableParallelism()} processors with them, and would be the limit otherwise`,
        "medians of interleaved rounds, and of their ratios; the kernel spreads the connections over the processes",
      ],
      json: {
        ratio_one_to_two: rounded(ratio),
        throughput: { one: Math.round(median(one.throughput)), two: Math.round(median(two.throughput)) },
        held_to: canPin ? "a processor each" : `${SHARE} of a processor each`,
      },
    };
  } finally {
    for (const { lambent } of planes) await lambent.stop();
  }
};

import { deploy, lambdaClient } from "../../test/support/deploy.ts";
import { startLambent } from "../../test/support/start-lambent.ts";
import { provideWrk } from "../../tools/machine.ts";
import { invokeRequest } from "../load/invoke-request.ts";
import { measureWithNode } from "../load/load-generator.ts";
import type { Measurement } from "../load/measurement.ts";
import { measureWithWrk } from "../load/wrk.ts";
import { measurePeers } from "../peers/measure-peers.ts";
import { peerBars, peerJson, peerNotes, peerRows } from "../peers/peer-tables.ts";
import type { Scenario, ScenarioOptions, ScenarioResult } from "../scenario.ts";
import { median, rounded } from "../statistics.ts";
import { cpuMs, startPart } from "./parts.ts";
import { measureOfficialClient } from "./warm-official.ts";

const CONCURRENCIES = [1, 16, 64] as const;
type Concurrency = (typeof CONCURRENCIES)[number];
const FUNCTION_NAME = "bench-hello";
const HANDLER = 'exports.handler = async () => "hello";\n';
/** AWS: this much memory comes with one whole CPU. With less, the function's share would be what is measured. */
const ONE_CPU_MB = 1_769;
/** Long enough for every environment of the highest concurrency to have been created and warmed. */
const WARM_UP_SECONDS = 15;
const THROUGHPUT_16 = "throughput at concurrency 16 (1/s)";

type Target = "limit" | "lambent";
/** `cpuUs`: of the reverse proxy's, or Lambent's own, process for one invocation. */
type WithCpu = Measurement & { readonly cpuUs: number };
type Measured = Record<Target, Record<Concurrency, WithCpu[]>>;
type Origins = Record<Target, { readonly url: string; readonly pid: number | undefined }>;

async function measureRounds(origins: Origins, options: ScenarioOptions): Promise<Measured> {
  const measure = provideWrk() ? measureWithWrk : measureWithNode;
  const measured: Measured = { limit: { 1: [], 16: [], 64: [] }, lambent: { 1: [], 16: [], 64: [] } };
  const load = (target: Target, connections: number, seconds: number): Promise<Measurement> =>
    measure({ ...invokeRequest(origins[target].url, FUNCTION_NAME), connections, seconds });
  options.progress("warming up");
  await load("limit", 64, 2);
  await load("lambent", 64, WARM_UP_SECONDS);
  for (let round = 1; round <= options.rounds; round++)
    for (const concurrency of CONCURRENCIES)
      for (const target of ["limit", "lambent"] as const) {
        const seconds = options.secondsPerMeasurement;
        const cpuBeforeMs = cpuMs(origins[target].pid);
        const measurement = await load(target, concurrency, seconds);
        const usedMs = cpuMs(origins[target].pid) - cpuBeforeMs;
        const cpuUs = (usedMs * 1000) / (measurement.requestsPerSecond * seconds);
        measured[target][concurrency].push({ ...measurement, cpuUs });
        const { requestsPerSecond, p50Ms } = measurement;
        options.progress(
          `round ${round}: ${target} at ${concurrency}: ${requestsPerSecond.toFixed(0)}/s, p50 ${p50Ms.toFixed(3)} ms`,
        );
      }
  return measured;
}

function summarise(measured: Measured, isolation: string): ScenarioResult {
  const middle = (target: Target, concurrency: Concurrency, figure: keyof WithCpu): number =>
    median(measured[target][concurrency].map((measurement) => measurement[figure]));
  const ratio = (concurrency: Concurrency, figure: keyof WithCpu): number =>
    middle("lambent", concurrency, figure) / middle("limit", concurrency, figure);
  const row = (label: string, concurrency: Concurrency, figure: keyof WithCpu): string[] => {
    const digits = figure === "p50Ms" || figure === "p99Ms" ? 3 : 0;
    const cells = (["limit", "lambent"] as const).map((target) =>
      middle(target, concurrency, figure).toFixed(digits),
    );
    return [label, ...cells, `× ${ratio(concurrency, figure).toFixed(2)}`];
  };
  const throughput = Object.fromEntries(
    CONCURRENCIES.map((concurrency) => [concurrency, rounded(ratio(concurrency, "requestsPerSecond"))]),
  );
  return {
    columns: ["warm invoke, Node hello", "bare reverse proxy", "Lambent", "ratio"],
    rows: [
      row("latency p50 at concurrency 1 (ms)", 1, "p50Ms"),
      row("latency p99 at concurrency 1 (ms)", 1, "p99Ms"),
      ...CONCURRENCIES.map((concurrency) =>
        row(`throughput at concurrency ${concurrency} (1/s)`, concurrency, "requestsPerSecond"),
      ),
      row("CPU of the proxy's and of Lambent's process for each, at concurrency 16 (µs)", 16, "cpuUs"),
    ],
    notes: [
      `isolation: ${isolation}`,
      "medians of interleaved rounds; the limit is a node:http reverse proxy before a node:http hello server",
    ],
    json: {
      ratio_to_limit_p50: rounded(ratio(1, "p50Ms")),
      ratio_to_limit_throughput: rounded(
        Math.min(ratio(16, "requestsPerSecond"), ratio(64, "requestsPerSecond")),
      ),
      ratio_to_limit_throughput_at: throughput,
      ratio_to_limit_platform_cpu: rounded(ratio(16, "cpuUs")),
    },
  };
}

interface Health {
  readonly isolation: { readonly isolates: boolean; readonly summary: string };
}

/** Adds what other programs do with the same function, each in turns with Lambent. */
async function besidePeers(
  alone: ScenarioResult,
  endpoint: string,
  options: ScenarioOptions,
): Promise<ScenarioResult> {
  const peers = await measurePeers({
    ...options,
    measure: provideWrk() ? measureWithWrk : measureWithNode,
    lambent: invokeRequest(endpoint, FUNCTION_NAME),
  });
  const at16 = (name: string): number =>
    Number(alone.rows.find(([label]) => label === THROUGHPUT_16)?.[name === "Lambent" ? 2 : 1]);
  return {
    ...alone,
    rows: [...alone.rows, ...peerRows(peers)],
    notes: [
      ...alone.notes,
      "peers: the column before Lambent's is the peer's, measured in turns with Lambent; a ratio above 1 is more throughput, or more latency",
      ...peerNotes(peers),
    ],
    json: { ...alone.json, peers: peerJson(peers) },
    picture: {
      title: "Warm invocations per second, 16 callers",
      subtitle: "Node function that says hello; the same machine, the same run, Lambent with isolation",
      unit: "/s",
      bars: [
        { label: "Lambent (isolated)", value: at16("Lambent"), emphasised: true },
        { label: "limit: bare reverse proxy", value: at16("limit"), emphasised: false },
        ...peerBars(peers),
      ],
    },
  };
}

/** Warm invocations of a Node function against a bare reverse proxy, both in the same run. */
export const warm: Scenario = async (options) => {
  const hello = await startPart("hello-server.ts");
  const proxy = await startPart("reverse-proxy.ts", String(hello.port));
  // AWS's quota of ten requests a second for each unit of concurrency would be the limit otherwise.
  const lambent = await startLambent({ environment: { LAMBENT_ACCOUNT_CONCURRENCY: "100000" } });
  try {
    const { isolation } = (await (await fetch(`${lambent.endpoint}/health`)).json()) as Health;
    if (!isolation.isolates)
      throw new Error(`figures without isolation are worth nothing here: ${isolation.summary}`);
    await deploy(
      lambdaClient(lambent.endpoint),
      FUNCTION_NAME,
      { "index.js": HANDLER },
      { MemorySize: ONE_CPU_MB },
    );
    const origins = {
      limit: { url: `http://127.0.0.1:${proxy.port}`, pid: proxy.process.pid },
      lambent: { url: lambent.endpoint, pid: lambent.process.pid },
    };
    const ours = summarise(await measureRounds(origins, options), isolation.summary);
    const official = await measureOfficialClient({
      ...options,
      measure: provideWrk() ? measureWithWrk : measureWithNode,
      lambent: origins.lambent.url,
      limit: origins.limit.url,
      handler: HANDLER,
      memoryMb: ONE_CPU_MB,
    });
    const alone = {
      ...ours,
      rows: [...ours.rows, ...official.rows],
      notes: [...ours.notes, ...official.notes],
      json: { ...ours.json, ...official.json },
    };
    return await besidePeers(alone, lambent.endpoint, options);
  } finally {
    proxy.process.kill();
    hello.process.kill();
    await lambent.stop();
  }
};

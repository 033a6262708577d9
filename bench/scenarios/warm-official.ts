import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { deploy, lambdaClient } from "../../test/support/deploy.ts";
import { installAwsLambdaRic } from "../../test/support/official-clients.ts";
import { invokeRequest } from "../load/invoke-request.ts";
import type { Load, Measurement } from "../load/measurement.ts";
import type { ScenarioOptions, ScenarioResult } from "../scenario.ts";
import { median, rounded } from "../statistics.ts";

const FUNCTION_NAME = "bench-hello-official";
const CONCURRENCIES = [16, 64] as const;
const WARM_UP_SECONDS = 15;
const BOOTSTRAP = '#!/bin/sh\nexec /var/lambent/bin/node /var/task/client/index.mjs "$_HANDLER"\n';

interface Options extends ScenarioOptions {
  readonly measure: (load: Load) => Promise<Measurement>;
  readonly lambent: string;
  /** The bare reverse proxy. */
  readonly limit: string;
  readonly handler: string;
  readonly memoryMb: number;
}

/** The package as it is when a function carries it along: without what it was built from. */
async function clientFiles(directory: string): Promise<Record<string, Uint8Array>> {
  const files: Record<string, Uint8Array> = {};
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = relative(directory, path);
    if (entry.isFile() && !/^(deps|node-addon-api|scripts)\//.test(name))
      files[`client/${name}`] = await readFile(path);
  }
  return files;
}

/** Throughput of the same function under AWS's own Node.js client, in a custom runtime, by turns with the limit. */
export async function measureOfficialClient(
  options: Options,
): Promise<Pick<ScenarioResult, "rows" | "notes" | "json">> {
  const installed = await installAwsLambdaRic();
  if (installed.directory === undefined)
    return { rows: [], notes: [`AWS's own Node.js client was not measured: ${installed.failure}`], json: {} };
  await deploy(
    lambdaClient(options.lambent),
    FUNCTION_NAME,
    { ...(await clientFiles(installed.directory)), "index.js": options.handler, bootstrap: BOOTSTRAP },
    { Runtime: "provided.al2023", MemorySize: options.memoryMb },
  );
  const load = (origin: string, connections: number, seconds: number): Promise<number> =>
    options
      .measure({ ...invokeRequest(origin, FUNCTION_NAME), connections, seconds })
      .then(({ requestsPerSecond }) => requestsPerSecond);
  options.progress("warming up AWS's own Node.js client");
  await load(options.lambent, 64, WARM_UP_SECONDS);
  const rows: string[][] = [];
  const ratios = new Map<number, number>();
  for (const connections of CONCURRENCIES) {
    const limit: number[] = [];
    const lambent: number[] = [];
    for (let round = 1; round <= options.rounds; round++) {
      limit.push(await load(options.limit, connections, options.secondsPerMeasurement));
      lambent.push(await load(options.lambent, connections, options.secondsPerMeasurement));
    }
    const ratio = median(lambent) / median(limit);
    ratios.set(connections, ratio);
    rows.push([
      `throughput with AWS's own Node.js client at concurrency ${connections} (1/s)`,
      median(limit).toFixed(0),
      median(lambent).toFixed(0),
      `× ${ratio.toFixed(2)}`,
    ]);
    options.progress(`AWS's own Node.js client at ${connections}: × ${ratio.toFixed(2)} of the limit`);
  }
  return {
    rows,
    notes: ["AWS's own Node.js client (aws-lambda-ric): unmodified, in a custom runtime, over HTTP"],
    json: {
      ratio_to_limit_official_client_throughput: rounded(Math.min(...ratios.values())),
      ratio_to_limit_official_client_throughput_at: Object.fromEntries(
        [...ratios].map(([connections, ratio]) => [connections, rounded(ratio)]),
      ),
    },
  };
}

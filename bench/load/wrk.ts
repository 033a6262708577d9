import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Load, Measurement } from "./measurement.ts";

const run = promisify(execFile);

/** The request as wrk's Lua script, and one line of exact numbers at the end. */
function script(load: Load): string {
  const headers = Object.entries(load.headers).map(
    ([name, value]) => `wrk.headers[${JSON.stringify(name)}] = ${JSON.stringify(value)}`,
  );
  return [
    `wrk.method = ${JSON.stringify(load.method ?? "POST")}`,
    ...(load.method === "GET" ? [] : [`wrk.body = ${JSON.stringify(load.body)}`]),
    ...headers,
    "done = function(summary, latency, requests)",
    "  local failed = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout",
    '  io.write(string.format("MEASURED %d %d %d %d %d\\n", summary.requests, summary.duration,',
    "    latency:percentile(50), latency:percentile(99), failed))",
    "end",
  ].join("\n");
}

/** Throws when a request failed: a fast error must not count as a fast answer. */
export async function measureWithWrk(load: Load): Promise<Measurement> {
  const directory = await mkdtemp(join(tmpdir(), "lambent-bench-"));
  try {
    const file = join(directory, "load.lua");
    await writeFile(file, script(load));
    const parameters = [
      "-t1",
      `-c${load.connections}`,
      `-d${load.seconds}s`,
      "--timeout",
      "30s",
      "-s",
      file,
      load.url,
    ];
    const { stdout } = await run("wrk", parameters);
    const match = /^MEASURED (\d+) (\d+) (\d+) (\d+) (\d+)$/m.exec(stdout);
    if (match === null) throw new Error(`wrk reported nothing: ${stdout}`);
    const [requests = 0, durationUs = 0, p50Us = 0, p99Us = 0, failed = 0] = match.slice(1).map(Number);
    if (failed > 0) throw new Error(`${failed} of ${requests} requests to ${load.url} failed`);
    return { requestsPerSecond: requests / (durationUs / 1e6), p50Ms: p50Us / 1000, p99Ms: p99Us / 1000 };
  } finally {
    await rm(directory, { recursive: true });
  }
}

import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SignatureV4 } from "@smithy/signature-v4";
import { SigningKeys } from "../../src/iam/signatures/signing-keys.ts";
import { verifySignature } from "../../src/iam/signatures/verify-signature.ts";
import { REGION } from "../../test/support/lambda-endpoint.ts";
import { Sha256 } from "../../test/support/signer-hash.ts";
import { provideWrk } from "../../tools/machine.ts";
import { invokeRequest } from "../load/invoke-request.ts";
import { measureWithNode } from "../load/load-generator.ts";
import type { Load } from "../load/measurement.ts";
import { measureWithWrk } from "../load/wrk.ts";
import type { Scenario, ScenarioOptions } from "../scenario.ts";
import { median, rounded } from "../statistics.ts";
import { cpuMs, startPart } from "./parts.ts";

const CONNECTIONS = 16;
const WARM_UP_SECONDS = 3;
const SIGNED_REQUESTS = 20_000;

type Request = Omit<Load, "connections" | "seconds">;

/** What is measured: the same answer from Lambent's API and from a handler written by hand. */
interface Pair {
  readonly label: string;
  readonly json: string;
  readonly lambent: Request;
  readonly limit: Request;
  readonly limitProcess: ChildProcess;
  readonly cpuUs: Record<"lambent" | "limit", number[]>;
}

/** CPU of the answering process for one request. */
async function cpuUsOf(request: Request, pid: number | undefined, seconds: number): Promise<number> {
  const measure = provideWrk() ? measureWithWrk : measureWithNode;
  const beforeMs = cpuMs(pid);
  const { requestsPerSecond } = await measure({ ...request, connections: CONNECTIONS, seconds });
  return ((cpuMs(pid) - beforeMs) * 1000) / (requestsPerSecond * seconds);
}

async function pairOf(label: string, json: string, lambent: Request, directory: string): Promise<Pair> {
  const response = await fetch(lambent.url, {
    method: lambent.method ?? "POST",
    headers: lambent.headers,
    ...(lambent.method !== "GET" && { body: lambent.body }),
  });
  if (!response.ok) throw new Error(`${lambent.url}: ${response.status}`);
  const file = join(directory, json);
  await writeFile(file, Buffer.from(await response.arrayBuffer()));
  const { port, process: limitProcess } = await startPart("hello-server.ts", file);
  const limit = { ...lambent, url: `http://127.0.0.1:${port}${new URL(lambent.url).pathname}` };
  return { label, json, lambent, limit, limitProcess, cpuUs: { lambent: [], limit: [] } };
}

async function measurePair(pair: Pair, pid: number | undefined, options: ScenarioOptions): Promise<void> {
  await cpuUsOf(pair.lambent, pid, WARM_UP_SECONDS);
  await cpuUsOf(pair.limit, pair.limitProcess.pid, WARM_UP_SECONDS);
  for (let round = 1; round <= options.rounds; round++) {
    const seconds = options.secondsPerMeasurement;
    pair.cpuUs.limit.push(await cpuUsOf(pair.limit, pair.limitProcess.pid, seconds));
    pair.cpuUs.lambent.push(await cpuUsOf(pair.lambent, pid, seconds));
    const [limit, lambent] = [pair.cpuUs.limit.at(-1), pair.cpuUs.lambent.at(-1)];
    options.progress(
      `round ${round}: ${pair.label}: ${lambent?.toFixed(0)} µs, by hand ${limit?.toFixed(0)} µs`,
    );
  }
}

/** CPU of checking a signed invocation, as the SDK's own signer signs it. */
async function signatureCpuUs(): Promise<number> {
  const credentials = { accessKeyId: "AKIAEXAMPLE", secretAccessKey: "a secret/of+somebody" };
  const signer = new SignatureV4({
    service: "lambda",
    region: "us-east-1",
    credentials,
    sha256: Sha256,
  });
  const body = '{"name":"bench"}';
  const path = "/2015-03-31/functions/hello/invocations";
  const signed = await signer.sign({
    method: "POST",
    protocol: "http:",
    hostname: "127.0.0.1",
    path,
    query: {},
    headers: { host: "127.0.0.1:4566", "content-type": "application/octet-stream" },
    body,
  });
  const headers = Object.fromEntries(
    Object.entries(signed.headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
  const keys = new SigningKeys();
  const nowMs = Date.now();
  const bytes = Buffer.from(body);
  const verify = (): void => {
    const { checkBody } = verifySignature(
      { method: "POST", target: path, headers },
      { keys, nowMs: () => nowMs, secretOf: () => credentials.secretAccessKey },
    );
    checkBody?.(bytes);
  };
  for (let count = 0; count < SIGNED_REQUESTS; count++) verify();
  const before = process.cpuUsage();
  for (let count = 0; count < SIGNED_REQUESTS; count++) verify();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / SIGNED_REQUESTS;
}

function summarise(pairs: readonly Pair[], signatureUs: number) {
  const of = (pair: Pair, side: "lambent" | "limit"): number => median(pair.cpuUs[side]);
  const json: Record<string, number> = { signature_cpu_us: rounded(signatureUs) };
  for (const pair of pairs) {
    json[`${pair.json}_cpu_us`] = rounded(of(pair, "lambent"));
    json[`${pair.json}_cpu_ratio`] = rounded(of(pair, "lambent") / of(pair, "limit"));
  }
  const [, invoke] = pairs;
  const bare = invoke === undefined ? Number.NaN : of(invoke, "limit");
  json.signature_cpu_ratio = rounded(signatureUs / bare);
  return {
    columns: ["CPU per request (µs)", "handler written by hand", "Lambent", "ratio"],
    rows: [
      ...pairs.map((pair) => [
        pair.label,
        of(pair, "limit").toFixed(0),
        of(pair, "lambent").toFixed(0),
        `× ${(of(pair, "lambent") / of(pair, "limit")).toFixed(2)}`,
      ]),
      [
        "verification of a signature, to a bare request",
        bare.toFixed(0),
        signatureUs.toFixed(1),
        `× ${(signatureUs / bare).toFixed(2)}`,
      ],
    ],
    notes: [
      "the store is in memory and the function answers at once: this is the protocol layer, routing, decoding, validation and encoding",
      `medians of interleaved rounds at ${CONNECTIONS} connections; the handler by hand is node:http answering the same bytes`,
    ],
    json,
  };
}

/** What AWS's protocols cost: CPU per request against a node:http handler that answers the same bytes. */
export const api: Scenario = async (options) => {
  const directory = await mkdtemp(join(tmpdir(), "lambent-bench-"));
  const server = await startPart("api-server.ts");
  const pairs: Pair[] = [];
  try {
    const endpoint = `http://127.0.0.1:${server.port}`;
    const load = invokeRequest(endpoint, "hello");
    const authorization = load.headers.authorization?.replace("us-east-1", REGION) ?? "";
    const invoke: Request = { ...load, headers: { ...load.headers, authorization } };
    const get: Request = {
      ...invoke,
      method: "GET",
      url: `${endpoint}/2015-03-31/functions/hello`,
    };
    pairs.push(await pairOf("GetFunction", "get_function", get, directory));
    pairs.push(await pairOf("Invoke, without the function", "invoke", invoke, directory));
    for (const pair of pairs) await measurePair(pair, server.process.pid, options);
    return summarise(pairs, await signatureCpuUs());
  } finally {
    server.process.kill();
    for (const { limitProcess } of pairs) limitProcess.kill();
    await rm(directory, { recursive: true });
  }
};

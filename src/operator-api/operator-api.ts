import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "../ports/clock.ts";
import type { IsolationReport } from "../ports/sandbox.ts";

export interface DataPlaneProcess {
  readonly process: number;
  readonly processId: number | undefined;
  readonly serving: boolean;
}

export interface OperatorApiDependencies {
  readonly version: string;
  readonly clock: Clock;
  readonly isolation: IsolationReport;
  /** Identifiers of the runtimes found on this machine. */
  runtimes(): readonly string[];
  storeHealthy(): boolean;
  /** Processes beside this one that invoke functions; left out where there are none. */
  readonly dataPlane?: (() => readonly DataPlaneProcess[]) | undefined;
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
}

/** Answers the operator's own requests on the AWS port; returns false for a request that is not one of them. */
export type OperatorApi = (request: IncomingMessage, response: ServerResponse) => boolean;

/**
 * `GET /health` and `GET /metrics`. A signed request is never taken: on the same port an S3 client asking for a
 * bucket named "health" sends the same path, with its signature in a header or in the query.
 */
export function createOperatorApi(dependencies: OperatorApiDependencies): OperatorApi {
  const startedAtMs = dependencies.clock.monotonicMs();
  const routes = new Map([
    ["/health", (response: ServerResponse) => answerHealth(dependencies, startedAtMs, response)],
    ["/metrics", (response: ServerResponse) => void answerMetrics(dependencies, response)],
  ]);
  return (request, response) => {
    const route = routes.get(request.url ?? "");
    if (route === undefined || request.headers.authorization !== undefined) return false;
    if (request.method !== "GET" && request.method !== "HEAD") return false;
    route(response);
    return true;
  };
}

function answerHealth(
  dependencies: OperatorApiDependencies,
  startedAtMs: number,
  response: ServerResponse,
): void {
  const storeHealthy = dependencies.storeHealthy();
  const { driver, isolates, summary, limits, network, advice } = dependencies.isolation;
  const body = {
    status: storeHealthy ? "ok" : "unhealthy",
    version: dependencies.version,
    uptimeSeconds: Math.round(dependencies.clock.monotonicMs() - startedAtMs) / 1000,
    store: { healthy: storeHealthy },
    isolation: { driver, isolates, summary, limits, network, advice },
    runtimes: dependencies.runtimes(),
    ...(dependencies.dataPlane !== undefined && { dataPlane: dependencies.dataPlane() }),
  };
  send(response, {
    status: storeHealthy ? 200 : 503,
    contentType: "application/json",
    body: `${JSON.stringify(body, null, 2)}\n`,
  });
}

async function answerMetrics(dependencies: OperatorApiDependencies, response: ServerResponse): Promise<void> {
  try {
    const body = await dependencies.metrics.text();
    send(response, { status: 200, contentType: dependencies.metrics.contentType, body });
  } catch (error) {
    send(response, { status: 500, contentType: "text/plain", body: `metrics failed: ${String(error)}\n` });
  }
}

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

function send(response: ServerResponse, answer: Answer): void {
  response.writeHead(answer.status, {
    "content-type": answer.contentType,
    "content-length": Buffer.byteLength(answer.body),
    "cache-control": "no-store",
  });
  response.end(response.req.method === "HEAD" ? undefined : answer.body);
}

import assert from "node:assert/strict";
import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import { test } from "node:test";
import { createOperatorApi, type OperatorApiDependencies } from "./operator-api.ts";

function dependencies(changes: Partial<OperatorApiDependencies> = {}): OperatorApiDependencies {
  let elapsedMs = 0;
  return {
    version: "1.2.3",
    clock: {
      nowMs: () => 0,
      monotonicMs: () => (elapsedMs += 1500),
      after: () => () => {},
      deadline: () => () => {},
    },
    isolation: {
      driver: "process",
      isolates: false,
      summary: "no isolation",
      limits: { memory: false, cpu: false, processes: false },
      network: { policy: "host", summary: "this machine's" },
      advice: ["apt-get install bubblewrap"],
    },
    runtimes: () => ["nodejs24.x"],
    storeHealthy: () => true,
    metrics: { contentType: "text/plain; version=0.0.4", text: async () => "lambent_environments 1\n" },
    ...changes,
  };
}

interface Answer {
  readonly handled: boolean;
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

async function ask(
  deps: OperatorApiDependencies,
  request: { method?: string; url: string; headers?: Record<string, string> },
): Promise<Answer> {
  const incoming = new IncomingMessage(new Socket());
  Object.assign(incoming, { method: "GET", headers: {}, ...request });
  const response = new ServerResponse(incoming);
  const chunks: string[] = [];
  const ended = new Promise<void>((resolve) => {
    response.end = ((chunk?: string) => {
      if (chunk !== undefined) chunks.push(chunk);
      resolve();
      return response;
    }) as typeof response.end;
  });
  const handled = createOperatorApi(deps)(incoming, response);
  if (handled) await ended;
  const contentType = String(response.getHeader("content-type") ?? "");
  return { handled, status: response.statusCode, contentType, body: chunks.join("") };
}

test("/health tells status, version, uptime, runtimes, and that the fallback does not isolate", async () => {
  const answer = await ask(dependencies(), { url: "/health" });
  assert.equal(answer.status, 200);
  const health = JSON.parse(answer.body);
  assert.equal(health.status, "ok");
  assert.equal(health.version, "1.2.3");
  assert.equal(health.uptimeSeconds, 1.5);
  assert.deepEqual(health.runtimes, ["nodejs24.x"]);
  assert.equal(health.isolation.isolates, false);
  assert.deepEqual(health.isolation.advice, ["apt-get install bubblewrap"]);
});

test("/health answers 503 when the store is not healthy", async () => {
  const answer = await ask(dependencies({ storeHealthy: () => false }), { url: "/health" });
  assert.equal(answer.status, 503);
  assert.equal(JSON.parse(answer.body).status, "unhealthy");
});

test("/metrics answers what the registry says, a broken registry is a 500", async () => {
  const answer = await ask(dependencies(), { url: "/metrics" });
  assert.deepEqual([answer.status, answer.body], [200, "lambent_environments 1\n"]);
  const metrics = { contentType: "text/plain", text: () => Promise.reject(new Error("boom")) };
  assert.equal((await ask(dependencies({ metrics }), { url: "/metrics" })).status, 500);
});

test("leaves signed, writing and other requests to the AWS API", async () => {
  const signed = { url: "/health", headers: { authorization: "AWS4-HMAC-SHA256 …" } };
  for (const request of [
    signed,
    { url: "/health", method: "PUT" },
    { url: "/health?X-Amz-Signature=1" },
    { url: "/" },
  ])
    assert.equal((await ask(dependencies(), request)).handled, false, JSON.stringify(request));
});

test("HEAD has no body", async () => {
  const answer = await ask(dependencies(), { url: "/health", method: "HEAD" });
  assert.deepEqual([answer.status, answer.body], [200, ""]);
});

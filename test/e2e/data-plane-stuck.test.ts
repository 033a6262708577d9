/** Processes that stand still, or whose event loop never comes back, are replaced, and do not outlive the main one. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "../../bench/free-port.ts";
import { listen } from "../../src/http-listener.ts";
import { deploy, invoke, lambdaClient } from "../support/deploy.ts";
import { untilNothingLeft } from "../support/leftovers.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

interface DataPlane {
  readonly process: number;
  readonly processId: number;
  readonly serving: boolean;
}

/** Of two processes that serve and are none of these; a stuck one may get the question, and is not waited for. */
async function servingBut({ endpoint }: RunningLambent, not: readonly number[]): Promise<[number, number]> {
  for (const deadlineMs = performance.now() + 40_000; performance.now() < deadlineMs; await delay(100)) {
    const health = await fetch(`${endpoint}/health`, { signal: AbortSignal.timeout(1_000) })
      .then((response) => response.json() as Promise<{ dataPlane: DataPlane[] }>)
      .catch(() => ({ dataPlane: [] }));
    const [one, two] = health.dataPlane.filter(
      ({ processId, serving }) => serving && !not.includes(processId),
    );
    if (one !== undefined && two !== undefined) return [one.processId, two.processId];
  }
  throw new Error("not all of them serve");
}

/** Has it run in a circle, by Node's own debugger. */
async function makeBusy(processId: number, inspectorPort: number): Promise<void> {
  process.kill(processId, "SIGUSR1");
  const address = `http://127.0.0.1:${inspectorPort}/json/list`;
  for (let attempt = 0; ; attempt++) {
    const targets = await fetch(address).then(
      (response) => response.json() as Promise<{ webSocketDebuggerUrl: string }[]>,
      () => undefined,
    );
    if (targets !== undefined) {
      const debuggerSocket = new WebSocket(targets[0]?.webSocketDebuggerUrl ?? "");
      await new Promise((resolve, reject) => {
        debuggerSocket.onopen = resolve;
        debuggerSocket.onerror = reject;
      });
      debuggerSocket.send(
        JSON.stringify({ id: 1, method: "Runtime.evaluate", params: { expression: "for (;;);" } }),
      );
      for (const before = ticksOf(processId); ticksOf(processId) - before < 20; ) await delay(50);
      return;
    }
    assert.ok(attempt < 200, "no debugger");
    await delay(50);
  }
}

const statOf = (processId: number): string => {
  try {
    return readFileSync(`/proc/${processId}/stat`, "latin1");
  } catch {
    return ") Z";
  }
};
/** Clock ticks of its own work; NaN when it is gone. */
const ticksOf = (processId: number): number => Number(/\) (?:\S+ ){11}(\d+)/.exec(statOf(processId))?.[1]);

async function untilEnded(processId: number): Promise<void> {
  for (let attempt = 0; !statOf(processId).includes(") Z"); attempt++) {
    assert.ok(attempt < 200, `${processId} goes on`);
    await delay(100);
  }
}

test("a data-plane process that is stuck is replaced, and ends with the main one", async () => {
  const inspectorPort = await freePort();
  const lambent = await startLambent({
    arguments: ["--data-plane-processes", "2"],
    environment: { NODE_OPTIONS: `--inspect-port=${inspectorPort}` },
  });
  const makeStuck = async ([stopped, busy]: readonly [number, number]): Promise<void> => {
    await makeBusy(busy, inspectorPort);
    process.kill(stopped, "SIGSTOP");
  };
  const handler = { "index.js": 'exports.handler = async () => "hello";' };
  const lambda = lambdaClient(lambent.endpoint);
  await deploy(lambda, "hello", handler);
  assert.equal((await invoke(lambda, "hello")).body, "hello");
  lambda.destroy();

  const before = await servingBut(lambent, []);
  await makeStuck(before);
  const replaced = await servingBut(lambent, before);
  for (const processId of before) await untilEnded(processId);
  for (const client of [lambdaClient(lambent.endpoint), lambdaClient(lambent.endpoint)]) {
    assert.equal((await invoke(client, "hello")).body, "hello");
    client.destroy();
  }

  await makeStuck(replaced);
  await lambent.kill();
  for (const processId of replaced) await untilEnded(processId);
  for (const number of ["1", "2"]) await untilNothingLeft(join(lambent.dataDirectory, "data-plane", number));
  const again = createServer();
  await listen(again, { host: "127.0.0.1", port: Number(new URL(lambent.endpoint).port) });
  await new Promise((resolve) => again.close(resolve));

  await untilNothingLeft(lambent.dataDirectory);
  await rm(lambent.dataDirectory, { recursive: true, force: true });
});

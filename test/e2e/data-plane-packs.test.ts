/** Compiled code that one process's environment has made is what the environments of all processes load. */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { InvokeWithResponseStreamCommand } from "@aws-sdk/client-lambda";
import { deploy, invoke, lambdaClient } from "../support/deploy.ts";
import { skipUnless } from "../support/skip.ts";
import { startLambent } from "../support/start-lambent.ts";

const CONNECTIONS = 8;
/** While a pack is made or used, Node's own `_compile` is not the one that is there. */
const HANDLER = `const { prototype } = require("node:module");
  const hasPack = !prototype._compile.toString().includes("wrapSafe");
  exports.handler = async ({ sleepMs }) => {
    await new Promise((resolve) => setTimeout(resolve, sleepMs));
    return hasPack;
  };
  /* ${"bulk ".repeat(12_000)} */`;

test("packs are made once for all processes, and used in each", async (t) => {
  const lambent = await startLambent({ arguments: ["--data-plane-processes", "2"] });
  const clients = Array.from({ length: CONNECTIONS }, () => lambdaClient(lambent.endpoint));
  try {
    if (
      !skipUnless(
        t,
        lambent.banner.some((line) => line.includes("bubblewrap")),
        "packs need isolation",
        "apt-get install bubblewrap",
      )
    )
      return;
    const [lambda] = clients as [(typeof clients)[number]];
    const everywhere = (): Promise<unknown[]> =>
      Promise.all(clients.map(async (client) => (await invoke(client, "shared", { sleepMs: 300 })).body));
    await deploy(lambda, "shared", { "index.js": HANDLER });
    assert.ok((await everywhere()).includes(true), "one environment of all makes the pack");
    const directory = join(lambent.dataDirectory, "code-cache");
    for (let attempt = 0; (await readdir(directory)).length === 0; attempt++) {
      assert.ok(attempt < 200, "no pack is made");
      // The pack is sent between an answer and the next event.
      await everywhere();
      await delay(20);
    }
    assert.equal((await readdir(directory)).length, 1);

    // Environments of processes that are new have all been started after that.
    const health = async (): Promise<{ processId: number; serving: boolean }[]> =>
      ((await (await fetch(`${lambent.endpoint}/health`)).json()) as { dataPlane: [] }).dataPlane;
    const before = (await health()).map(({ processId }) => processId);
    for (const processId of before) process.kill(processId, "SIGKILL");
    for (let attempt = 0; ; attempt++) {
      const now = await health().catch(() => []);
      const areNew = now.every(({ processId, serving }) => serving && !before.includes(processId));
      if (now.length === 2 && areNew) break;
      assert.ok(attempt < 400, "they are not replaced");
      await delay(50);
    }
    for (const client of clients) client.destroy();
    clients.splice(0, clients.length, ...clients.map(() => lambdaClient(lambent.endpoint)));
    assert.deepEqual(await everywhere(), Array(CONNECTIONS).fill(true));
    const metrics = await (await fetch(`${lambent.endpoint}/metrics`)).text();
    const counts = [...metrics.matchAll(/^lambent_data_plane_invocations_total\{process="\d"\} (\d+)$/gm)];
    assert.equal(counts.length, 2);

    const { EventStream = [] } = await (clients[0] ?? lambda).send(
      new InvokeWithResponseStreamCommand({ FunctionName: "shared", Payload: Buffer.from('{"sleepMs":0}') }),
    );
    let streamed = "";
    for await (const { PayloadChunk } of EventStream)
      streamed += Buffer.from(PayloadChunk?.Payload ?? []).toString();
    assert.equal(streamed, "true", "and in the main process");
    assert.equal((await readdir(directory)).length, 1);
  } finally {
    for (const client of clients) client.destroy();
    assert.equal(await lambent.stop(), 0);
  }
});

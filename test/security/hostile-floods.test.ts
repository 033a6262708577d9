import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { deploy, invoke, lambdaClient } from "../support/deploy.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

/**
 * Functions that use up what belongs to everybody: the time, memory and descriptors of the process that serves them
 * all. A function's own limits do not count those.
 */
const FLOODER = `
const net = require("node:net");
const { spawn } = require("node:child_process");
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const BYTES = 5_900_000;

/** Begins requests that never end, as many as it has descriptors for. */
async function begin({ port, head }) {
  const sockets = [];
  for (let count = 0; count < 300; count++) {
    const socket = net.connect(port, "127.0.0.1");
    sockets.push(socket);
    socket.on("error", () => undefined).on("data", () => undefined);
    await new Promise((resolve) => socket.once("connect", resolve).once("close", resolve));
    socket.write(head + "Content-Length: " + (BYTES + 1) + "\\r\\n\\r\\n", "latin1");
    socket.write(Buffer.alloc(BYTES, 97));
  }
  await wait(3_000);
  for (const socket of sockets) socket.destroy();
}

/** Requests by the thousand in one piece, over many connections. */
async function pipeline({ port, count, path }) {
  const many = Buffer.from(("GET " + path + " HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n").repeat(2_000));
  const end = Date.now() + 6_000;
  const one = () => {
    if (Date.now() > end) return;
    const socket = net.connect(port, "127.0.0.1");
    const write = () => socket.destroyed || socket.write(many, () => setTimeout(write, 1));
    socket.on("connect", write).on("data", () => undefined).on("error", () => undefined).on("close", () => setTimeout(one, 10));
    setTimeout(() => socket.destroy(), end - Date.now());
  };
  for (let connection = 0; connection < count; connection++) one();
  await wait(6_200);
}

const floods = {
  pipelined: pipeline,
  lines: () => run("/bin/sh", ["-c", "yes ''"], ["ignore", 1, "ignore"]),
  frames: () => run(process.execPath, ["-e", \`
    const block = Buffer.alloc(65_536);
    for (let at = 0; at < block.length; at += 8) block.writeUInt32BE(0xa55a0001, at);
    for (;;) require("fs").writeSync(3, block);
  \`], ["ignore", "ignore", "ignore", 4]),
  responses: (event, { awsRequestId }) =>
    begin({ port: 9001, head: "POST /2018-06-01/runtime/invocation/" + awsRequestId + "/response HTTP/1.1\\r\\nHost: x\\r\\n" }),
  errors: () => begin({ port: 9001, head: "POST /2018-06-01/runtime/init/error HTTP/1.1\\r\\nHost: x\\r\\n" }),
  frameBodies: (event, { awsRequestId }) => {
    const head = Buffer.alloc(5 + 1 + awsRequestId.length);
    head.writeUInt32BE(BYTES + 100);
    head[4] = 2;
    head[5] = awsRequestId.length;
    head.write(awsRequestId, 6);
    return begin({ port: 9001, head: "GET /lambent/channel HTTP/1.1\\r\\nHost: x\\r\\nConnection: Upgrade\\r\\nUpgrade: lambent-channel\\r\\n\\r\\n" + head.toString("latin1") });
  },
  requests: () => begin({ port: 4566, head: "POST /2015-03-31/functions/victim/invocations HTTP/1.1\\r\\nHost: x\\r\\n" }),
  connections: ({ port }) => Promise.all(Array.from({ length: 12 }, () => run(process.execPath, ["-e", \`
    for (let count = 0; count < 950; count++) require("net").connect(\${port}, "127.0.0.1").on("error", () => undefined);
  \`], "ignore"))),
};

async function run(command, words, stdio) {
  const child = spawn(command, words, { stdio });
  await wait(6_000);
  child.kill("SIGKILL");
}

exports.handler = async (event, context) => {
  await floods[event.flood](event, context);
  return "over";
};
`;

const MEGABYTE = 1_048_576;

/** So long an invocation of another function may take while one floods; on a slow machine, too. */
const ANSWER_MAX_MS = 5_000;
/** What Lambent may grow by: what one environment may have on its way, and what Node has not collected yet. */
const GROWTH_MAX_BYTES = 450 * MEGABYTE;
const DESCRIPTORS_MAX = 1_500;

describe("a function that floods", { concurrency: false }, () => {
  let lambent: RunningLambent;
  let lambda: ReturnType<typeof lambdaClient>;
  const residentBytes = (): number =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${lambent.process.pid}/status`, "utf8"))?.[1]) * 1_024;
  const descriptors = (): number => readdirSync(`/proc/${lambent.process.pid}/fd`).length;

  before(async () => {
    lambent = await startLambent();
    lambda = lambdaClient(lambent.endpoint);
    await deploy(lambda, "flooder", { "index.js": FLOODER }, { MemorySize: 3_008, Timeout: 60 });
    await deploy(lambda, "victim", { "index.js": `exports.handler = async () => "well";` });
    await invoke(lambda, "victim");
  });
  after(async () => {
    assert.equal(await lambent?.stop(), 0);
  });

  for (const event of [
    { flood: "lines" },
    { flood: "frames" },
    { flood: "responses" },
    { flood: "errors" },
    { flood: "frameBodies" },
    { flood: "requests" },
    { flood: "pipelined", port: 9001, count: 60, path: "/2018-06-01/ping" },
    { flood: "pipelined", port: 4566, count: 400, path: "/2015-03-31/functions" },
    { flood: "connections", port: 9001 },
    { flood: "connections", port: 4566 },
  ])
    test(`with ${event.flood}${event.port === undefined ? "" : ` to ${event.port}`} harms nobody else`, async (t) => {
      const usual = residentBytes();
      let isOver = false;
      const flood = invoke(lambda, "flooder", event).finally(() => {
        isOver = true;
      });
      flood.catch(() => undefined);
      const most = { answerMs: 0, bytes: 0, descriptors: 0 };
      while (!isOver) {
        const startedMs = performance.now();
        const { body } = await invoke(lambda, "victim");
        assert.equal(body, "well");
        most.answerMs = Math.max(most.answerMs, performance.now() - startedMs);
        most.bytes = Math.max(most.bytes, residentBytes() - usual);
        most.descriptors = Math.max(most.descriptors, descriptors());
        assert.ok(most.bytes < GROWTH_MAX_BYTES, `Lambent has grown by ${most.bytes / MEGABYTE} MB`);
        await delay(50);
      }
      t.diagnostic(JSON.stringify({ ...most, megabytes: Math.round(most.bytes / MEGABYTE) }));
      assert.ok(most.answerMs < ANSWER_MAX_MS, `somebody else waited for ${most.answerMs} ms`);
      assert.ok(most.descriptors < DESCRIPTORS_MAX, `${most.descriptors} descriptors`);
      const { body, functionError } = await flood;
      // Who sends more than is taken loses its connection, and with it its answer.
      if (functionError === undefined) assert.equal(body, "over");
      await delay(1_000);
    });
});

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { DeleteFunctionCommand, type LambdaClient } from "@aws-sdk/client-lambda";
import { deploy, invoke, lambdaClient } from "../support/deploy.ts";
import { loopDeviceFiles } from "../support/loop-devices.ts";
import { skipUnless } from "../support/skip.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

const MARK = `reset-${randomUUID()}`;
/** Tells what it finds, leaves a file and a process, and then fails as it is told. */
const HANDLER = `
const fs = require("node:fs");
const { spawn } = require("node:child_process");
let invocations = 0;
exports.handler = async (event) => {
  const found = {
    invocations: ++invocations,
    files: fs.readdirSync("/tmp").sort(),
    owner: fs.readdirSync("/tmp").length ? fs.statSync("/tmp/" + fs.readdirSync("/tmp")[0]).uid : undefined,
    user: process.getuid(),
    processes: fs.readdirSync("/proc").filter((name) => /^\\d+$/.test(name)).map((id) => { try { return fs.readFileSync("/proc/" + id + "/cmdline", "latin1"); } catch { return ""; } }).filter((line) => line.startsWith("/usr/bin/sleep")).length,
    logStream: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    accessKey: process.env.AWS_ACCESS_KEY_ID,
  };
  fs.writeFileSync("/tmp/" + (event.leave ?? "file"), "left");
  if (event.fail) spawn("/usr/bin/sleep", ["1000"], { detached: true, stdio: "ignore" }).unref();
  if (event.fail === "timeout") await new Promise((resolve) => setTimeout(resolve, 60_000));
  if (event.fail === "exit") process.exit(3);
  if (event.fail === "memory") { const all = []; for (;;) all.push(Buffer.alloc(16 << 20, 1)); }
  return found;
};`;

interface Found {
  readonly invocations: number;
  readonly files: readonly string[];
  readonly owner: number | undefined;
  readonly user: number;
  readonly processes: number;
  readonly logStream: string;
  readonly accessKey: string;
}

let dataDirectory: string;
let lambent: RunningLambent;
let lambda: LambdaClient;
before(async () => {
  dataDirectory = await mkdtemp(join(tmpdir(), `lambent-${MARK}-`));
  lambent = await startLambent({ dataDirectory, environment: ONLY_WHAT_RUNS });
  lambda = lambdaClient(lambent.endpoint);
});
after(async () => {
  await lambent?.stop();
  await rm(dataDirectory, { recursive: true, force: true });
});

/** Volumes of sandboxes in reserve would be counted as well. */
const ONLY_WHAT_RUNS = { LAMBENT_RESERVE_MAX: "0" };
const SETTLED_MS = 500;
const loopDevices = (): number => loopDeviceFiles().filter((file) => file.includes(MARK)).length;

/** Volumes are also prepared for the next sandboxes, soon after the last one was started. */
async function settledLoopDevices(): Promise<number> {
  let count = loopDevices();
  for (let sinceMs = performance.now(); performance.now() - sinceMs < SETTLED_MS; await delay(20)) {
    const now = loopDevices();
    if (now !== count) sinceMs = performance.now();
    count = now;
  }
  return count;
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    assert.ok(performance.now() < deadline, "it did not happen in time");
    await delay(20);
  }
}

const isolated = (): boolean => lambent.banner.some((line) => line.includes("/tmp on disk"));

for (const [fail, errorType, memory] of [
  ["timeout", "Sandbox.Timedout", true],
  ["exit", "Runtime.ExitError", true],
  ["memory", "Runtime.OutOfMemory", false],
] as const)
  test(`after ${fail} the environment is reset: /tmp is kept, its processes are gone`, async (t) => {
    const canLimit = memory || lambent.banner.some((line) => line.includes("limits by cgroup"));
    if (
      !skipUnless(t, isolated() && canLimit, "no disk-backed /tmp or no memory limit here", "run it as root")
    )
      return;
    const name = `fails-by-${fail}`;
    await deploy(lambda, name, { "index.js": HANDLER }, { Timeout: 3, MemorySize: 256 });
    const before = (await invoke(lambda, name)).body as Found;
    assert.deepEqual([before.invocations, before.files], [1, []]);
    const failed = await invoke(lambda, name, { fail, leave: `by-${fail}` });
    assert.equal((failed.body as { errorType: string }).errorType, errorType);
    const again = await invoke(lambda, name);
    const found = again.body as Found;
    assert.deepEqual(
      { ...found, accessKey: undefined },
      {
        invocations: 1,
        files: [`by-${fail}`, "file"].sort(),
        owner: before.user,
        user: before.user,
        processes: 0,
        logStream: before.logStream,
        accessKey: undefined,
      },
    );
    assert.notEqual(found.accessKey, before.accessKey, "credentials are renewed");
    assert.doesNotMatch(again.log, /INIT_START|Init Duration/, "it is initialised inside the invocation");
    const next = await invoke(lambda, name);
    assert.equal((next.body as Found).invocations, 2);
    assert.doesNotMatch(next.log, /Init Duration/);
    const volumes = await settledLoopDevices();
    await lambda.send(new DeleteFunctionCommand({ FunctionName: name }));
    await until(() => loopDevices() < volumes);
  });

test("a killed Lambent leaves no volume of a reset environment behind", async (t) => {
  if (!skipUnless(t, isolated(), "no disk-backed /tmp here", "run it as root")) return;
  await deploy(lambda, "left", { "index.js": HANDLER }, { Timeout: 3 });
  await invoke(lambda, "left", { fail: "exit" });
  await until(() => loopDevices() > 0);
  await lambent.kill();
  await until(() => loopDevices() === 0);
  lambent = await startLambent({ dataDirectory, environment: ONLY_WHAT_RUNS });
});

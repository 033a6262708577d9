/** Sandboxes that wait for their function: what they show, what they keep out, and what they leave behind. */
import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { enterPrivateMountNamespace } from "../../src/adapters/sandbox-bubblewrap/private-mount-namespace.ts";
import {
  FRAMES_CONNECTION,
  type ReserveRequest,
  type Sandbox,
  type WaitingSandbox,
} from "../../src/ports/sandbox.ts";
import { discoverForTests } from "../support/installed-runtimes.ts";
import { ATTACK_PROGRAM, canIsolate, openSandboxes, type TestSandboxes } from "../support/sandboxes.ts";
import { skipUnless } from "../support/skip.ts";

enterPrivateMountNamespace(process.argv.slice(1));

const WAITING_PROGRAM = {
  ...ATTACK_PROGRAM,
  command: ["/var/lang/bin/node", "/var/runtime/waiting-attack.mjs"],
};

async function prepare(
  sandboxes: TestSandboxes,
  variables: Record<string, string> = {},
  { program = WAITING_PROGRAM, canFork = false }: Partial<Pick<ReserveRequest, "program" | "canFork">> = {},
) {
  const { prepare: make } = sandboxes.driver;
  assert.ok(make !== undefined, "as root the driver can keep sandboxes in reserve");
  return make({
    id: String(++made).padStart(32, "a"),
    program,
    canFork,
    environmentVariables: variables,
    memoryMb: 256,
    ephemeralStorageMb: 512,
  });
}
let made = 0;

/** A directory of the code store with an attempt in it, as `assign` wants it. */
async function codeOf(sandboxes: TestSandboxes, name: string, body: string): Promise<string> {
  const directory = join(sandboxes.dataDirectory, "code", name);
  await mkdir(directory, { mode: 0o755 });
  await writeFile(
    join(directory, "attempt.mjs"),
    `import fs from "node:fs"; import { spawnSync } from "node:child_process";
const attempt = (action) => { try { return { got: action() }; } catch (error) { return { refused: error.code ?? String(error) }; } };
export default async () => {\n${body}\n};\n`,
  );
  return directory;
}

async function assign(
  waiting: WaitingSandbox,
  codeDirectory: string,
  environmentVariables: Record<string, string> = {},
  layersDirectory?: string,
): Promise<{ sandbox: Sandbox; outcome: Promise<unknown> }> {
  const sandbox = await waiting.assign({
    codeDirectory,
    layersDirectory,
    environmentVariables: () => environmentVariables,
    memoryMb: 256,
  });
  let text = "";
  const outcome = new Promise((resolve, reject) => {
    for (const stream of [sandbox.stdout, sandbox.stderr])
      stream?.on("data", (chunk) => {
        text += String(chunk);
        const report = /^OUTCOME (.*)$/m.exec(text)?.[1];
        if (report !== undefined) resolve(JSON.parse(report));
      });
    void sandbox.exited.then(() => setTimeout(() => reject(new Error(`no outcome: ${text}`)), 500));
  });
  return { sandbox, outcome };
}

async function open(t: TestContext): Promise<TestSandboxes | undefined> {
  return canIsolate(t) ? openSandboxes(t) : undefined;
}

test("code and layers appear in a running sandbox, read-only, and cannot be taken away", async (t) => {
  const sandboxes = await open(t);
  if (sandboxes === undefined) return;
  const code = await codeOf(
    sandboxes,
    "late",
    `return {
      write: attempt(() => fs.writeFileSync("/var/task/x", "x")),
      writeLayer: attempt(() => fs.writeFileSync("/opt/x", "x")),
      layer: fs.readFileSync("/opt/layer.txt", "utf8"),
      remount: spawnSync("/usr/bin/mount", ["-o", "remount,rw,bind", "/var/task"]).status !== 0,
      unmount: spawnSync("/usr/bin/umount", ["/var/task"]).status !== 0,
      set: attempt(() => fs.chmodSync("/var/task/attempt.mjs", 0o777)),
      options: fs.readFileSync("/proc/self/mountinfo", "utf8").split("\\n").map((line) => line.split(" ")).filter((words) => ["/var/task", "/opt"].includes(words[4])).map((words) => words[5]),
    };`,
  );
  const layers = join(sandboxes.dataDirectory, "code", "layers");
  await mkdir(layers, { mode: 0o755 });
  await writeFile(join(layers, "layer.txt"), "layer");
  const { outcome } = await assign(await prepare(sandboxes), code, {}, layers);
  assert.deepEqual(await outcome, {
    write: { refused: "EROFS" },
    writeLayer: { refused: "EROFS" },
    layer: "layer",
    remount: true,
    unmount: true,
    set: { refused: "EROFS" },
    options: Array(4).fill("ro,nosuid,nodev,relatime"),
  });
});

test("a sandbox shows its own function's code only, also to those that wait beside it", async (t) => {
  const sandboxes = await open(t);
  if (sandboxes === undefined) return;
  const see = `return { task: fs.readdirSync("/var/task"), secret: process.env.SECRET, mounts: fs.readFileSync("/proc/self/mountinfo", "utf8"), tmp: fs.readdirSync("/tmp") };`;
  const [first, second] = await Promise.all([
    codeOf(sandboxes, "first", `fs.writeFileSync("/tmp/of-first", "x"); ${see}`),
    codeOf(sandboxes, "second", see),
  ]);
  await writeFile(join(first, "only-first"), "");
  const waiting = [await prepare(sandboxes), await prepare(sandboxes)];
  const one = await assign(waiting[0]!, first, { SECRET: "of the first" });
  const seenByFirst = (await one.outcome) as { task: string[]; secret: string };
  assert.deepEqual(seenByFirst.task.sort(), ["attempt.mjs", "only-first"]);
  assert.equal(seenByFirst.secret, "of the first");
  const two = await assign(waiting[1]!, second);
  const seenBySecond = (await two.outcome) as {
    task: string[];
    secret?: string;
    mounts: string;
    tmp: string[];
  };
  assert.deepEqual(seenBySecond.task, ["attempt.mjs"]);
  assert.equal(seenBySecond.secret, undefined);
  assert.deepEqual(seenBySecond.tmp, []);
  assert.ok(!seenBySecond.mounts.includes("/first"), seenBySecond.mounts);
  await assert.rejects(
    () =>
      waiting[0]!.assign({
        codeDirectory: second,
        layersDirectory: undefined,
        environmentVariables: () => ({}),
        memoryMb: 128,
      }),
    /once/,
  );
});

test("nothing is mounted any more when an assigned sandbox is destroyed", async (t) => {
  const sandboxes = await open(t);
  if (sandboxes === undefined) return;
  const mounts = async (): Promise<string[]> =>
    (await readFile("/proc/self/mountinfo", "utf8")).split("\n").filter((line) => line.includes("/late/"));
  const waiting = await prepare(sandboxes);
  const before = await mounts();
  const { sandbox, outcome } = await assign(waiting, await codeOf(sandboxes, "gone", "return 1;"));
  await outcome;
  assert.equal((await mounts()).length, before.length + 1);
  await sandbox.destroy();
  assert.deepEqual(await mounts(), before);
});

for (const [behaviour, what] of [
  ["asks for something else", "other-request"],
  ["connects twice", "two-connections"],
  ["connects to the AWS endpoint", "aws-endpoint"],
  ["sends more than its request", "too-much"],
] as const) {
  test(`a program that ${behaviour} before it is assigned is ended`, async (t) => {
    const sandboxes = await open(t);
    if (sandboxes === undefined) return;
    const outcome = await prepare(sandboxes, { MISBEHAVE: what }).then(
      async (waiting) => {
        await waiting.ended;
        await assert.rejects(() =>
          waiting.assign({
            codeDirectory: "/",
            layersDirectory: undefined,
            environmentVariables: () => ({}),
            memoryMb: 128,
          }),
        );
        return "ended";
      },
      (error: Error) => error.message,
    );
    assert.match(outcome, /^ended$|does not wait/);
  });
}

test("one that is killed while it waits says so", async (t) => {
  const sandboxes = await open(t);
  if (sandboxes === undefined) return;
  const waiting = await prepare(sandboxes);
  const ended = Promise.race([waiting.ended.then(() => "ended"), delay(5_000, "late")]);
  await waiting.destroy();
  assert.equal(await ended, "ended");
});

test("limits of the function hold from its assignment on", async (t) => {
  const sandboxes = await open(t);
  if (sandboxes === undefined) return;
  const code = await codeOf(
    sandboxes,
    "greedy",
    `const kept = []; for (;;) kept.push(Buffer.alloc(16 << 20, 1));`,
  );
  const waiting = await prepare(sandboxes);
  const sandbox = await waiting.assign({
    codeDirectory: code,
    layersDirectory: undefined,
    environmentVariables: () => ({}),
    memoryMb: 128,
  });
  const exit = await sandbox.exited;
  assert.equal(exit.outOfMemory, true);
  assert.equal(sandbox.memoryPeakBytes(), 128 << 20);
});

test("a program that fails as a zygote is started, and that is told once", async (t) => {
  if (!canIsolate(t)) return;
  const failures: string[] = [];
  const sandboxes = await openSandboxes(t, "none", {
    forkingFailed: (error) => failures.push(String(error)),
  });
  const code = await codeOf(sandboxes, "started", "return process.ppid;");
  // At the same time: a while later it would be tried again.
  const prepared = [1, 2].map(() => prepare(sandboxes, {}, { canFork: true }));
  for (const waiting of await Promise.all(prepared)) {
    const { outcome } = await assign(waiting, code);
    assert.equal(await outcome, 1);
  }
  assert.match(failures.join("\n"), /^Error: the zygote has ended: .*it is no zygote/s);
  assert.equal(failures.length, 1);
});

test("a program that was forked can be asked to end", async (t) => {
  if (!canIsolate(t)) return;
  const runtimes = await discoverForTests();
  const python = runtimes.list().find(({ reserve }) => reserve?.zygote === true);
  if (!skipUnless(t, python !== undefined, "nothing can be forked", "install Python 3")) return;
  assert.ok(python !== undefined);
  const sandboxes = await openSandboxes(t, "none", {
    forkingFailed: (error) => assert.fail(String(error)),
  });
  const { program, environmentVariables } = python;
  const waiting = await prepare(sandboxes, environmentVariables, { program, canFork: true });
  const sandbox = await waiting.assign({
    codeDirectory: await codeOf(sandboxes, "asked", "return 1;"),
    layersDirectory: undefined,
    environmentVariables: () => environmentVariables,
    memoryMb: 128,
  });
  // It ends in the middle of what it says.
  for (const event of ["connection", FRAMES_CONNECTION])
    sandbox.runtimeApi.on(event, (socket: Socket) => socket.on("error", () => {}));
  sandbox.terminate?.();
  assert.deepEqual(await sandbox.exited, { code: null, signal: "SIGTERM", outOfMemory: false });
  await sandbox.destroy();
});

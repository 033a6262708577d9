import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { openProcessDriver } from "../../src/adapters/sandbox-process/process-driver.ts";
import type { SandboxDriver } from "../../src/ports/sandbox.ts";

interface Opened {
  readonly driver: SandboxDriver;
  readonly dataDirectory: string;
  readonly run: (source: string, variables?: Record<string, string>) => ReturnType<SandboxDriver["create"]>;
}

async function open(t: TestContext): Promise<Opened> {
  const dataDirectory = await mkdtemp(join(tmpdir(), "lambent-process-test-"));
  const codeDirectory = join(dataDirectory, "code");
  await mkdir(codeDirectory);
  const driver = await openProcessDriver({ dataDirectory, reason: "for a test", advice: ["do this"] });
  t.after(async () => {
    await driver.close();
    await rm(dataDirectory, { recursive: true, force: true });
  });
  const run: Opened["run"] = async (source, variables = {}) => {
    await writeFile(join(codeDirectory, "index.mjs"), source);
    return driver.create({
      id: "0".repeat(32),
      program: {
        command: ["/var/lang/bin/node", "/var/task/index.mjs"],
        mounts: [{ hostPath: dirname(process.execPath), sandboxPath: "/var/lang/bin" }],
      },
      codeDirectory,
      environmentVariables: { LAMBDA_TASK_ROOT: "/var/task", ...variables },
      memoryMb: 128,
      ephemeralStorageMb: 512,
    });
  };
  return { driver, dataDirectory, run };
}

async function textOf(stream: NodeJS.ReadableStream): Promise<string> {
  let text = "";
  for await (const chunk of stream) text += String(chunk);
  return text;
}

test("the report says that nothing is isolated, and why", async (t) => {
  const { driver } = await open(t);
  assert.equal(driver.report.isolates, false);
  assert.match(driver.report.summary, /^none:.*for a test/);
  assert.deepEqual(driver.report.advice, ["do this"]);
});

test("the program runs with its paths on the host and reaches both APIs", async (t) => {
  const { run, dataDirectory } = await open(t);
  const sandbox = await run(
    `const [api, endpoint] = await Promise.all(["http://" + process.env.AWS_LAMBDA_RUNTIME_API, process.env.AWS_ENDPOINT_URL].map((url) => fetch(url).then((r) => r.text())));
    (await import("node:fs")).writeSync(Number(process.env._LAMBDA_TELEMETRY_LOG_FD), "framed");
    console.log(JSON.stringify({ api, endpoint, root: process.env.LAMBDA_TASK_ROOT, cwd: process.cwd(), path: process.env.PATH ?? null, listen: process.env.LAMBENT_LISTEN ?? null }));`,
  );
  for (const [name, listener] of [
    ["api", sandbox.runtimeApi],
    ["endpoint", sandbox.awsEndpoint],
  ] as const) {
    const server = createServer((_, response) => response.end(name));
    listener.on("connection", (socket) => server.emit("connection", socket));
  }
  const [out, telemetry, exit] = await Promise.all([
    textOf(sandbox.stdout),
    sandbox.telemetry && textOf(sandbox.telemetry),
    sandbox.exited,
  ]);
  const code = join(dataDirectory, "code");
  assert.deepEqual(JSON.parse(out), {
    api: "api",
    endpoint: "endpoint",
    root: code,
    cwd: code,
    path: null,
    listen: null,
  });
  assert.equal(telemetry, "framed");
  assert.deepEqual(exit, { code: 0, signal: null, outOfMemory: false });
});

test("a program that is quicker than its start is recorded finds its listeners all the same", {
  timeout: 20_000,
}, async (t) => {
  const { run, dataDirectory } = await open(t);
  const { PATH } = process.env;
  t.after(() => {
    process.env.PATH = PATH;
  });
  const slow = join(dataDirectory, "slow");
  await mkdir(slow);
  await writeFile(join(slow, "ps"), "#!/bin/sh\nsleep 1\n", { mode: 0o755 });
  process.env.PATH = `${slow}:${PATH}`;
  const sandbox = await run("console.log(await (await fetch(process.env.AWS_ENDPOINT_URL)).text())");
  const server = createServer((_, response) => response.end("answered"));
  sandbox.awsEndpoint.on("connection", (socket) => server.emit("connection", socket));
  assert.equal((await textOf(sandbox.stdout)).trim(), "answered");
});

test("an endpoint of the function's own choice stays", async (t) => {
  const { run } = await open(t);
  const sandbox = await run("console.log(process.env.AWS_ENDPOINT_URL)", {
    AWS_ENDPOINT_URL: "http://elsewhere",
  });
  assert.equal((await textOf(sandbox.stdout)).trim(), "http://elsewhere");
});

test("what a program has written is kept until it is read, also when it has ended by then", async (t) => {
  const { run } = await open(t);
  const sandbox = await run("console.log('last words')");
  await sandbox.exited;
  await setImmediate();
  assert.equal((await textOf(sandbox.stdout)).trim(), "last words");
});

test("destroy ends the program and all that it has started", async (t) => {
  const { run, dataDirectory } = await open(t);
  const sandbox = await run(
    `const child = (await import("node:child_process")).spawn("/bin/sleep", ["1000"]); console.log(child.pid); setInterval(() => {}, 1000);`,
  );
  const [chunk] = await once(sandbox.stdout, "data");
  const grandchild = Number(String(chunk));
  process.kill(grandchild, 0);
  await sandbox.destroy();
  await sandbox.destroy();
  assert.equal((await sandbox.exited).signal, "SIGKILL");
  await untilGone(grandchild);
  assert.deepEqual(await readdir(join(dataDirectory, "sandbox-processes")), []);
});

test("stopping keeps the temporary directory for the sandbox that carries it on", async (t) => {
  const { run, driver } = await open(t);
  const first = await run(
    `(await import("node:fs")).writeFileSync(process.env.TMPDIR + "/left", "by the first"); console.log(process.env.TMPDIR); setInterval(() => {}, 1000);`,
  );
  const [chunk] = await once(first.stdout, "data");
  const directory = String(chunk).trim();
  await first.stop();
  assert.deepEqual(await readdir(directory), ["left"]);
  const second = await driver.create({
    id: "1".repeat(32),
    program: { command: [process.execPath, "-e", "console.log(process.env.TMPDIR)"], mounts: [] },
    codeDirectory: tmpdir(),
    environmentVariables: {},
    memoryMb: 128,
    ephemeralStorageMb: 512,
    keepScratchOf: first,
  });
  assert.equal((await textOf(second.stdout)).trim(), directory);
  await first.destroy();
  assert.deepEqual(await readdir(directory), ["left"], "it is the second one's now");
  await second.destroy();
  await assert.rejects(readdir(directory), { code: "ENOENT" });
});

test("a program that does not exist is an error, not a sandbox", async (t) => {
  const { driver, dataDirectory } = await open(t);
  const request = {
    id: "0",
    program: { command: ["/no/such"], mounts: [] },
    codeDirectory: dataDirectory,
    environmentVariables: {},
    memoryMb: 128,
    ephemeralStorageMb: 512,
  };
  await assert.rejects(driver.create(request), { code: "ENOENT" });
});

test("processes of a killed Lambent are ended by the next one, those of others are not", async (t) => {
  const { dataDirectory } = await open(t);
  const records = join(dataDirectory, "sandbox-processes");
  const left = spawn("/bin/sleep", ["1000"], { detached: true, stdio: "ignore" });
  const other = spawn("/bin/sleep", ["1000"], { detached: true, stdio: "ignore" });
  t.after(() => other.kill());
  const startTime = (pid: number | undefined) =>
    new Promise<string>((resolve) => {
      void textOf(
        spawn("ps", ["-o", "lstart=", "-p", String(pid)], { env: { ...process.env, LC_ALL: "C" } }).stdout,
      ).then((text) => resolve(text.trim()));
    });
  await writeFile(join(records, String(left.pid)), await startTime(left.pid));
  await writeFile(join(records, String(other.pid)), "Thu Jan  1 00:00:00 1970");
  const ended = once(left, "exit");
  await openProcessDriver({ dataDirectory, reason: "again", advice: [] });
  await ended;
  assert.equal(other.exitCode, null);
  assert.deepEqual(await readdir(records), []);
});

async function untilGone(pid: number): Promise<void> {
  for (let poll = 0; poll < 500; poll++) {
    const status = await import("node:fs/promises")
      .then((fs) => fs.readFile(`/proc/${pid}/stat`, "latin1"))
      .catch(() => "gone");
    if (status === "gone" || /\) Z/.test(status)) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.fail(`process ${pid} lives`);
}

import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync, readlinkSync } from "node:fs";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { enterPrivateMountNamespace } from "../../src/adapters/sandbox-bubblewrap/private-mount-namespace.ts";
import { ATTACK_PROGRAM, canIsolate, openSandboxes } from "../support/sandboxes.ts";
import { skipUnless } from "../support/skip.ts";

enterPrivateMountNamespace(process.argv.slice(1));

const STARTED_MS = 20_000;
/** Says that it runs, and does so until it is ended. */
const RUNS = `process.stdout.write("runs\\n"); await new Promise(() => setInterval(() => {}, 1000));`;

function hasCompiler(t: TestContext): boolean {
  return skipUnless(t, existsSync("/usr/bin/cc"), "no C compiler here", "apt-get install gcc libc6-dev");
}

function childrenOf(processId: string): string[] {
  return globSync(`/proc/${processId}/task/*/children`).flatMap((file) =>
    readFileSync(file, "latin1").split(" ").filter(Boolean),
  );
}

function helpers(): string[] {
  return childrenOf(String(process.pid)).filter((id) =>
    readFileSync(`/proc/${id}/cmdline`, "latin1").includes("sandbox-helper"),
  );
}

async function until<Value>(find: () => Value | undefined): Promise<Value> {
  const deadline = performance.now() + STARTED_MS;
  for (;;) {
    const found = find();
    if (found !== undefined) return found;
    assert.ok(performance.now() < deadline, "it did not happen in time");
    await delay(20);
  }
}

/** The devices of the volumes that a process sees, as often as it sees them. */
const volumesIn = (processId: string): string[] =>
  readFileSync(`/proc/${processId}/mountinfo`, "utf8")
    .split("\n")
    .flatMap((line) => / - ext4 (\/dev\/loop\d+) /.exec(line)?.[1] ?? []);

const mountsOf = (processId: string): string => readlinkSync(`/proc/${processId}/ns/mnt`);

test("what waits for its function sees the volume of its own sandbox, and none of another", async (t) => {
  if (!canIsolate(t) || !hasCompiler(t)) return;
  const sandboxes = await openSandboxes(t);
  if (
    !skipUnless(t, sandboxes.driver.report.summary.includes("/tmp on disk"), "no volumes here", "mkfs.ext4")
  )
    return;
  const helper = await until(() => helpers()[0]);
  // It is used from its first answer on.
  await sandboxes.run("return 1;");
  const running = [await sandboxes.start(RUNS), await sandboxes.start(RUNS), await sandboxes.start(RUNS)];
  for (const { output } of running) await until(() => (output.text === "" ? undefined : output.text));
  // A child with the helper's own mounts makes a volume just now, or a listener.
  const isApart = (id: string): boolean => mountsOf(id) !== mountsOf(helper);
  const seen = childrenOf(helper)
    .filter((id) => isApart(id))
    .map((id) => volumesIn(id));
  assert.ok(seen.length >= running.length);
  assert.deepEqual(
    seen.map((volumes) => volumes.length),
    seen.map(() => 1),
  );
  assert.equal(new Set(seen.flat()).size, seen.length);
});

test("with the helper ends what it has launched; the next sandbox has another one", async (t) => {
  if (!canIsolate(t) || !hasCompiler(t)) return;
  const sandboxes = await openSandboxes(t);
  const helper = await until(() => helpers()[0]);
  await sandboxes.run("return 1;");
  const { sandbox, output } = await sandboxes.start(RUNS);
  await until(() => (output.text === "" ? undefined : output.text));
  const launched = childrenOf(helper);
  assert.notEqual(launched.length, 0);
  process.kill(Number(helper), "SIGKILL");
  assert.equal((await sandbox.exited).signal, "SIGKILL");
  await sandbox.destroy();
  assert.equal((await sandboxes.run<number>("return 7;")).outcome, 7);
  const next = await until(() => helpers()[0]);
  assert.notEqual(next, helper);
  await until(() => (launched.every((id) => hasEnded(id)) ? true : undefined));
});

/** A process that has ended keeps its id until somebody asks for its status. */
function hasEnded(processId: string): boolean {
  try {
    return readFileSync(`/proc/${processId}/cmdline`, "latin1") === "";
  } catch {
    return true;
  }
}

test("a program that finds its listeners inherits no way to the host but its output", async (t) => {
  if (!canIsolate(t) || !hasCompiler(t)) return;
  const sandboxes = await openSandboxes(t);
  await until(() => helpers()[0]);
  // It is used from its first answer on.
  await sandboxes.run("return 1;");
  const program = {
    ...ATTACK_PROGRAM,
    command: ["/bin/sh", "-c", 'ls -l /proc/$$/fd; cat /proc/net/tcp; env; echo "END"; sleep 1000'],
  };
  const { sandbox, output } = await sandboxes.start("", { program });
  await until(() => (output.text.includes("END") ? true : undefined));
  const inherited = [...output.text.matchAll(/ (\d+) -> (\S+)/g)].map(
    ([, name, target]) => `${name} ${target}`,
  );
  assert.match(
    inherited.join(),
    /^0 \/dev\/null,1 \S+-output,2 \S+-output,4 \S+-output$|^0 \/dev\/null(,[124] pipe:\[\d+\]){3}$/,
  );
  // 9001 and 4566 of 127.0.0.1, listening.
  const listening = [...output.text.matchAll(/0100007F:(\w{4}) \S+ 0A/g)].map(([, port]) => port);
  assert.deepEqual(new Set(listening), new Set(["11D6", "2329"]));
  assert.doesNotMatch(output.text, /LAMBENT|NODE_CHANNEL/);
  await sandbox.destroy();
});

test("a function's own program is started at once, and inherits nothing of ours", async (t) => {
  if (!canIsolate(t) || !hasCompiler(t)) return;
  const sandboxes = await openSandboxes(t);
  await until(() => helpers()[0]);
  await sandboxes.run("return 1;");
  const codeDirectory = join(sandboxes.dataDirectory, "code", "own");
  await mkdir(codeDirectory);
  const script = '#!/bin/sh\nls /proc/$$/fd; tr "\\0" " " < /proc/$$/cmdline; env; echo END\nsleep 1000\n';
  await writeFile(join(codeDirectory, "bootstrap"), script, { mode: 0o755 });
  await chmod(codeDirectory, 0o755);
  const sandbox = await sandboxes.driver.create({
    id: "f".repeat(32),
    // It would not get as far as to the hand-over.
    program: { command: ["/bin/false"], mounts: [], becomes: ["/var/task/bootstrap", "/opt/bootstrap"] },
    codeDirectory,
    environmentVariables: { OWN: "value" },
    memoryMb: 128,
    ephemeralStorageMb: 512,
  });
  let text = "";
  sandbox.stdout.on("data", (part) => {
    text += String(part);
  });
  await until(() => (text.includes("END") ? true : undefined));
  assert.match(text, /^0\n1\n(10\n)?2\n\/bin\/sh \/var\/task\/bootstrap /);
  assert.match(text, /^OWN=value$/m);
  assert.match(text, /^AWS_LAMBDA_RUNTIME_API=127\.0\.0\.1:9001$/m);
  assert.doesNotMatch(text, /LAMBENT|NODE_CHANNEL|TELEMETRY/);
  await sandbox.destroy();
});

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { closeSync, globSync, openSync, readFileSync, readlinkSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { systemClock } from "../../src/adapters/clock-system/clock-system.ts";
import { openBubblewrapDriver } from "../../src/adapters/sandbox-bubblewrap/open-bubblewrap-driver.ts";
import { enterPrivateMountNamespace } from "../../src/adapters/sandbox-bubblewrap/private-mount-namespace.ts";
import { killWatches, leftoversOf, NOTHING_LEFT, untilNothingLeft } from "../support/leftovers.ts";
import { loopDeviceFiles } from "../support/loop-devices.ts";
import { canIsolate } from "../support/sandboxes.ts";

enterPrivateMountNamespace(process.argv.slice(1));

const HOST_PROGRAM = join(import.meta.dirname, "fixtures/sandbox-host.ts");
const PROCESS_GONE_MS = 5_000;

/** What a sandbox may leave on the machine, looked for by the marks of one data directory. */
function leftovers(dataDirectory: string, before: Machine): Record<string, unknown> {
  const now = machine();
  const processes = pids().filter((pid) =>
    readQuietly(`/proc/${pid}/environ`).includes(`LEFTOVER_OF=${dataDirectory}`),
  );
  const loops = loopDeviceFiles().filter((file) => file.includes(dataDirectory));
  const ownGroup = `/lambent/${instanceOf(dataDirectory)}/`;
  const waiting = pids().filter(
    (pid) =>
      // One that has ended has no command line, and may wait for whoever inherits it.
      readQuietly(`/proc/${pid}/cmdline`) !== "" &&
      !before.processes.includes(pid) &&
      readQuietly(`/proc/${pid}/cgroup`).includes(ownGroup),
  );
  return { processes, loops, waiting, mounts: now.mounts.filter((mount) => mount.includes(dataDirectory)) };
}

interface Machine {
  readonly processes: readonly string[];
  readonly mounts: readonly string[];
}

function machine(): Machine {
  return {
    processes: pids(),
    mounts: readFileSync("/proc/1/mountinfo", "utf8").split("\n"),
  };
}

const NOTHING = { processes: [], loops: [], waiting: [], mounts: [] };

function pids(): string[] {
  return globSync("/proc/[0-9]*").map((path) => path.slice("/proc/".length));
}

function readQuietly(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

/** As control groups of a data directory are named. */
function instanceOf(dataDirectory: string): string {
  return createHash("sha256").update(dataDirectory).digest("hex").slice(0, 12);
}

async function groupsOf(dataDirectory: string): Promise<string[]> {
  const instance = instanceOf(dataDirectory);
  return globSync([`/sys/fs/cgroup/*/lambent/${instance}/*/`, `/sys/fs/cgroup/lambent/${instance}/*/`]);
}

async function untilNothing(dataDirectory: string, before: Machine): Promise<void> {
  const deadline = performance.now() + PROCESS_GONE_MS;
  while (performance.now() < deadline) {
    if (JSON.stringify(leftovers(dataDirectory, before)) === JSON.stringify(NOTHING)) return;
    await delay(20);
  }
  assert.deepEqual(leftovers(dataDirectory, before), NOTHING);
}

async function startHost(
  t: TestContext,
  attempt: string,
): Promise<{ host: ChildProcess; dataDirectory: string; said: () => string }> {
  const dataDirectory = await mkdtemp(join(tmpdir(), "lambent-leftovers-"));
  const code = join(dataDirectory, "code");
  await mkdir(code);
  await chmod(code, 0o755);
  await writeFile(join(code, "attempt.mjs"), attempt);
  const secret = join(dataDirectory, "inherited-secret");
  await writeFile(secret, "of whoever started Lambent");
  const inherited = openSync(secret, "r");
  // Descriptors 3 to 12 are inherited by the program as a careless parent would pass them on.
  const stdio = ["ignore", "pipe", "inherit", ...Array.from({ length: 10 }, () => inherited)] as const;
  const host = spawn(process.execPath, [HOST_PROGRAM, dataDirectory, code], { stdio: [...stdio] });
  closeSync(inherited);
  t.after(async () => {
    if (host.exitCode === null && host.signalCode === null) {
      host.kill("SIGKILL");
      await once(host, "exit");
    }
    const sweeper = await openBubblewrapDriver({ dataDirectory, sharedDirectories: [], clock: systemClock });
    await sweeper.close();
    await rm(dataDirectory, { recursive: true, force: true });
  });
  let text = "";
  host.stdout!.on("data", (chunk) => {
    text += String(chunk);
  });
  while (!text.includes("ready")) await once(host.stdout!, "data");
  return { host, dataDirectory, said: () => text };
}

const WAITING = `
import fs from "node:fs";
export default async () => {
  fs.writeFileSync("/tmp/file", Buffer.alloc(8 << 20));
  const open = fs.readdirSync("/proc/self/fd").map((name) => { try { return fs.readlinkSync("/proc/self/fd/" + name); } catch { return ""; } });
  fs.writeSync(1, "ready " + JSON.stringify(open) + "\\n");
  await new Promise(() => setInterval(() => {}, 1000));
};`;

test("after destroy nothing is left", async (t) => {
  if (!canIsolate(t)) return;
  const before = machine();
  const { host, dataDirectory } = await startHost(t, WAITING);
  assert.equal(
    (leftovers(dataDirectory, before).processes as string[]).length,
    1,
    "the sandbox runs and is found",
  );
  host.kill("SIGTERM");
  const [code] = await once(host, "exit");
  assert.equal(code, 0);
  assert.deepEqual(leftovers(dataDirectory, before), NOTHING);
  assert.deepEqual(await groupsOf(dataDirectory), []);
  // The compiled helper is kept for the next start.
  const kept = (await readdir(dataDirectory)).filter((name) => name !== "cache");
  assert.deepEqual(kept.sort(), ["code", "inherited-secret"]);
});

test("after kill -9 of Lambent nothing is left", async (t) => {
  if (!canIsolate(t)) return;
  const before = machine();
  const { host, dataDirectory } = await startHost(t, WAITING);
  // Three processes belong to a sandbox of bwrap's; the launches kept in reserve must end as well.
  const deadline = performance.now() + PROCESS_GONE_MS;
  while ((leftovers(dataDirectory, before).waiting as string[]).length < 4) {
    assert.ok(performance.now() < deadline, "no launch is kept in reserve");
    await delay(20);
  }
  host.kill("SIGKILL");
  await once(host, "exit");
  await untilNothing(dataDirectory, before);
  await untilNothingLeft(dataDirectory);
});

for (const by of ["the watch", "the next start"])
  test(`processes that survive in a group are killed by ${by}`, (t) =>
    survivorIsKilled(t, by === "the watch"));

async function survivorIsKilled(t: TestContext, isWatched: boolean): Promise<void> {
  if (!canIsolate(t)) return;
  const { host, dataDirectory } = await startHost(t, WAITING);
  const [group] = await groupsOf(dataDirectory);
  assert.ok(group !== undefined, "control groups are in use");
  // Stands for a sandbox that has outlived its host: a process in its group that nobody else will end.
  const survivor = spawn("/bin/sleep", ["1000"], { stdio: "ignore" });
  t.after(() => survivor.kill("SIGKILL"));
  for (const directory of (await groupsOf(dataDirectory)).filter((path) =>
    path.endsWith(group.split("/").at(-1) || group.split("/").at(-2)!),
  ))
    await writeFile(join(directory, "cgroup.procs"), String(survivor.pid));
  const ended = once(survivor, "exit");
  if (!isWatched) assert.equal(killWatches(dataDirectory), 1);
  host.kill("SIGKILL");
  await once(host, "exit");
  if (isWatched) {
    await ended;
    return untilNothingLeft(dataDirectory);
  }
  await delay(500);
  assert.equal(survivor.exitCode ?? survivor.signalCode, null);
  const driver = await openBubblewrapDriver({ dataDirectory, sharedDirectories: [], clock: systemClock });
  await ended;
  await driver.close();
  assert.deepEqual(await leftoversOf(dataDirectory), NOTHING_LEFT);
}

test("descriptors that Lambent was started with do not reach a sandbox", async (t) => {
  if (!canIsolate(t)) return;
  const { host, said } = await startHost(t, WAITING);
  const open: string[] = JSON.parse(/ready (.*)/.exec(said())![1]!);
  assert.ok(open.includes("/dev/null"), said());
  assert.deepEqual(
    open.filter((target) => target.includes("inherited-secret")),
    [],
  );
  host.kill("SIGTERM");
  await once(host, "exit");
});

test("no network namespace outlives its sandbox", async (t) => {
  if (!canIsolate(t)) return;
  const { host, dataDirectory } = await startHost(t, WAITING);
  const [inside] = leftovers(dataDirectory, machine()).processes as string[];
  const namespace = readlinkSync(`/proc/${inside}/ns/net`);
  host.kill("SIGKILL");
  await once(host, "exit");
  await untilNothing(dataDirectory, { ...machine(), processes: pids() });
  const holders = pids().filter((pid) => {
    try {
      return readlinkSync(`/proc/${pid}/ns/net`) === namespace;
    } catch {
      return false;
    }
  });
  assert.deepEqual(holders, []);
});

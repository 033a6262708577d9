import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { deploy, invoke, lambdaClient } from "../support/deploy.ts";
import {
  killHelpers,
  killWatches,
  leftoversOf,
  NOTHING_LEFT,
  untilNothingLeft,
} from "../support/leftovers.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

const CALLERS = 12;
const HELLO = {
  "index.js":
    "exports.handler = async ({ sleepMs = 0 }) => new Promise((done) => setTimeout(done, sleepMs, 1));",
};

/** Every process whose command line has the marker, which only this test's functions have. */
function processesWith(marker: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(marker);
    } catch {
      return false;
    }
  });
}

const mounts = (): string => readFileSync("/proc/self/mountinfo", "utf8");

async function dataDirectoryFor(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "lambent-crash-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** What it says of isolation and network. */
const inForce = ({ banner }: RunningLambent): string[] =>
  banner.filter((line) => /^ *(isolation|network) /.test(line));

async function deployHello(lambent: RunningLambent): Promise<void> {
  const lambda = lambdaClient(lambent.endpoint);
  await deploy(lambda, "hello", HELLO);
  lambda.destroy();
  await invokeAll(lambent);
}

/** All at once. */
async function invokeAll({ endpoint }: RunningLambent): Promise<void> {
  const lambda = lambdaClient(endpoint);
  const answers = Array.from({ length: CALLERS }, () => invoke(lambda, "hello", {}));
  for (const { body } of await Promise.all(answers)) assert.equal(body, 1);
  lambda.destroy();
}

/** Nobody waits for what is invoked. */
function burst({ endpoint }: RunningLambent, sleepMs = 0): void {
  const lambda = lambdaClient(endpoint);
  const calls = Array.from({ length: CALLERS }, () => invoke(lambda, "hello", { sleepMs }));
  void Promise.allSettled(calls).then(() => lambda.destroy());
}

/** Kills one that is about to begin, as soon as it has made something. */
async function killBeforeReady(dataDirectory: string): Promise<void> {
  const pid = (): number => Number(readFileSync(join(dataDirectory, "pid"), "utf8"));
  const before = pid();
  const started = assert.rejects(startLambent({ dataDirectory }), /before it was ready/);
  while (pid() === before || (await leftoversOf(dataDirectory)).controlGroups.length === 0) await sleep(5);
  process.kill(pid(), "SIGKILL");
  await started;
}

describe("kill -9 of Lambent while functions run", () => {
  test("leaves nothing on the machine, and everything acknowledged is there", async (t) => {
    const dataDirectory = await dataDirectoryFor(t);
    const mountsBefore = mounts();
    const marker = `lambent-crash-${process.pid}`;
    const first = await startLambent({ dataDirectory });
    const lambda = lambdaClient(first.endpoint);
    await deploy(
      lambda,
      "sleeper",
      {
        "index.mjs": `import { spawn } from "node:child_process";
        export const handler = async () => { spawn("/bin/sh", ["-c", "sleep 60 # ${marker}"]); await new Promise((r) => setTimeout(r, 30000)); };`,
      },
      { Timeout: 60 },
    );
    const running = invoke(lambda, "sleeper").catch(() => "broken off");
    const deadline = Date.now() + 15_000;
    while (processesWith(marker).length === 0) {
      assert.ok(Date.now() < deadline, "the function did not start");
      await sleep(50);
    }
    const { processes, controlGroups } = await leftoversOf(dataDirectory);
    assert.ok(processes.length >= 1 && controlGroups.length >= 1, "the function runs in a cgroup");
    await first.kill();
    assert.equal(await running, "broken off");
    await untilNothingLeft(dataDirectory);
    assert.deepEqual(processesWith(marker), []);
    assert.equal(mounts(), mountsBefore);

    const second = await startLambent({ dataDirectory });
    const again = lambdaClient(second.endpoint);
    await deploy(again, "fresh", { "index.mjs": "export const handler = async () => 1;" });
    assert.equal((await invoke(again, "fresh")).body, 1);
    await assert.rejects(deploy(again, "sleeper", { "index.mjs": "export const handler = 1;" }), {
      name: "ResourceConflictException",
    });
    assert.equal(await second.stop(), 0);
    assert.deepEqual(await leftoversOf(dataDirectory), NOTHING_LEFT);
    assert.equal(mounts(), mountsBefore);
  });

  test("leaves nothing while it starts, waits, invokes, or makes environments", {
    timeout: 240_000,
  }, async (t) => {
    const dataDirectory = await dataDirectoryFor(t);
    const instants: ((lambent: RunningLambent) => Promise<unknown>)[] = [
      async (lambent) => deployHello(lambent),
      async (lambent) => {
        burst(lambent, 30_000);
        await sleep(2_000);
      },
      async (lambent) => {
        burst(lambent);
        await sleep(Math.random() * 400);
      },
      async (lambent) => {
        burst(lambent, 30_000);
        await sleep(2_000);
        killHelpers(dataDirectory);
      },
    ];
    for (const until of instants) {
      const lambent = await startLambent({ dataDirectory });
      await until(lambent);
      await lambent.kill();
      await untilNothingLeft(dataDirectory);
    }
    await killBeforeReady(dataDirectory);
    await untilNothingLeft(dataDirectory);
  });

  test("does not hurt whoever is started at the same moment", { timeout: 240_000 }, async (t) => {
    const dataDirectory = await dataDirectoryFor(t);
    let lambent = await startLambent({ dataDirectory });
    const before = inForce(lambent);
    assert.equal(before.length, 2);
    await deployHello(lambent);
    for (let round = 0; round < 4; round++) {
      burst(lambent);
      await sleep(Math.random() * 400);
      await lambent.kill();
      if (round % 2 === 1) await killBeforeReady(dataDirectory);
      lambent = await startLambent({ dataDirectory });
      assert.deepEqual(inForce(lambent), before);
      await invokeAll(lambent);
    }
    assert.equal(await lambent.stop(), 0);
    assert.deepEqual(await leftoversOf(dataDirectory), NOTHING_LEFT);
  });

  test("leaves to the next start what nobody is there to remove", async (t) => {
    const dataDirectory = await dataDirectoryFor(t);
    const first = await startLambent({ dataDirectory });
    await deployHello(first);
    assert.equal(killWatches(dataDirectory), 1);
    await first.kill();
    await sleep(1_000);
    const { controlGroups, runFiles } = await leftoversOf(dataDirectory);
    assert.ok(controlGroups.length >= 1 && runFiles.length >= 1, "nobody has removed it");
    const second = await startLambent({ dataDirectory });
    await invokeAll(second);
    assert.equal(await second.stop(), 0);
    assert.deepEqual(await leftoversOf(dataDirectory), NOTHING_LEFT);
  });

  test("a second Lambent on the same data directory is refused and says so", async () => {
    const lambent = await startLambent();
    await assert.rejects(startLambent({ dataDirectory: lambent.dataDirectory }), /ended with [12]/);
    assert.equal(await lambent.stop(), 0);
  });
});

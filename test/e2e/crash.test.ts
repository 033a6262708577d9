import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { deploy, invoke, lambdaClient } from "../support/deploy.ts";
import { startLambent } from "../support/start-lambent.ts";

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

/** The cgroup of a process in each hierarchy, as directories; its parent is that of the Lambent it belongs to. */
function cgroupsOf(pid: string): string[] {
  return readFileSync(`/proc/${pid}/cgroup`, "utf8")
    .trim()
    .split("\n")
    .map((line) => line.split(":"))
    .filter(([, , path = ""]) => path.includes("lambent"))
    .map(([, controllers = "", path = ""]) => {
      const hierarchy =
        controllers === "" ? (existsSync("/sys/fs/cgroup/unified") ? "unified" : "") : controllers;
      return join("/sys/fs/cgroup", hierarchy, path);
    });
}

const subdirectories = (directory: string): string[] =>
  existsSync(directory)
    ? readdirSync(directory, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => join(directory, entry.name))
    : [];

describe("kill -9 of Lambent while functions run", () => {
  test("leaves no process or mount; the next start clears the cgroups, and everything acknowledged is there", async () => {
    const dataDirectory = await mkdtemp(join(tmpdir(), "lambent-crash-"));
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
    const groups = processesWith(marker).flatMap(cgroupsOf);
    assert.ok(groups.length >= 1, "the function runs in a cgroup");
    const instances = [...new Set(groups.map(dirname))];
    const leftOver = (): string[] => instances.flatMap(subdirectories);
    await first.kill();
    assert.equal(await running, "broken off");
    while (processesWith(marker).length > 0) {
      assert.ok(Date.now() < deadline + 10_000, "processes outlive Lambent");
      await sleep(50);
    }
    assert.equal(mounts(), mountsBefore);

    const second = await startLambent({ dataDirectory });
    assert.deepEqual(
      leftOver().filter((group) => groups.includes(group)),
      [],
    );
    await deploy(lambdaClient(second.endpoint), "fresh", {
      "index.mjs": "export const handler = async () => 1;",
    });
    const again = lambdaClient(second.endpoint);
    assert.equal((await invoke(again, "fresh")).body, 1);
    await assert.rejects(deploy(again, "sleeper", { "index.mjs": "export const handler = 1;" }), {
      name: "ResourceConflictException",
    });
    assert.equal(await second.stop(), 0);
    assert.deepEqual(leftOver(), []);
    assert.equal(mounts(), mountsBefore);
    await rm(dataDirectory, { recursive: true, force: true });
  });

  test("a second Lambent on the same data directory is refused and says so", async () => {
    const lambent = await startLambent();
    await assert.rejects(startLambent({ dataDirectory: lambent.dataDirectory }), /ended with [12]/);
    assert.equal(await lambent.stop(), 0);
  });
});

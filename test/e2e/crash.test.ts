import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
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

function cgroupsOfLambent(): string[] {
  const found: string[] = [];
  for (const hierarchy of ["memory", "cpu", "pids", "freezer", "unified", "."]) {
    try {
      const parent = `/sys/fs/cgroup/${hierarchy}/lambent`;
      for (const instance of readdirSync(parent, { withFileTypes: true })) {
        if (!instance.isDirectory()) continue;
        for (const entry of readdirSync(join(parent, instance.name), { withFileTypes: true })) {
          if (entry.isDirectory()) found.push(join(parent, instance.name, entry.name));
        }
      }
    } catch {
      // This hierarchy has no group of Lambent's.
    }
  }
  return found;
}

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
    await first.kill();
    assert.equal(await running, "broken off");
    while (processesWith(marker).length > 0) {
      assert.ok(Date.now() < deadline + 10_000, "processes outlive Lambent");
      await sleep(50);
    }
    assert.equal(mounts(), mountsBefore);

    const second = await startLambent({ dataDirectory });
    assert.deepEqual(cgroupsOfLambent(), []);
    await deploy(lambdaClient(second.endpoint), "fresh", {
      "index.mjs": "export const handler = async () => 1;",
    });
    const again = lambdaClient(second.endpoint);
    assert.equal((await invoke(again, "fresh")).body, 1);
    await assert.rejects(deploy(again, "sleeper", { "index.mjs": "export const handler = 1;" }), {
      name: "ResourceConflictException",
    });
    assert.equal(await second.stop(), 0);
    assert.deepEqual(cgroupsOfLambent(), []);
    assert.equal(mounts(), mountsBefore);
    await rm(dataDirectory, { recursive: true, force: true });
  });

  test("a second Lambent on the same data directory is refused and says so", async () => {
    const lambent = await startLambent();
    await assert.rejects(startLambent({ dataDirectory: lambent.dataDirectory }), /ended with [12]/);
    assert.equal(await lambent.stop(), 0);
  });
});

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, globSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { loopDeviceFiles } from "./loop-devices.ts";

const GONE_WITHIN_MS = 15_000;

/** What one Lambent, or one of its data-plane processes, has left of its sandboxes. */
export interface Leftovers {
  readonly processes: readonly string[];
  readonly controlGroups: readonly string[];
  readonly loopDevices: readonly string[];
  readonly workspaceIsMounted: boolean;
  readonly tables: readonly string[];
}

export const NOTHING_LEFT: Leftovers = {
  processes: [],
  controlGroups: [],
  loopDevices: [],
  workspaceIsMounted: false,
  tables: [],
};

/** As everything of a data directory is named. */
const instanceOf = (directory: string): string =>
  createHash("sha256").update(directory).digest("hex").slice(0, 12);

/** Looks at the machine by the marks of one directory. */
export async function leftoversOf(directory: string): Promise<Leftovers> {
  const instance = instanceOf(directory);
  const processes = globSync("/proc/[0-9]*/cgroup").filter(
    (path) => readQuietly(path).includes(`/lambent/${instance}`) && !hasEnded(path),
  );
  return {
    processes: processes.map((path) => `${path} ${readQuietly(path.replace("cgroup", "comm"))}`),
    controlGroups: globSync(`/sys/fs/cgroup/{,*/}{,*/}lambent/${instance}`),
    loopDevices: loopDeviceFiles().filter((file) => file.includes(directory)),
    workspaceIsMounted:
      readFileSync("/proc/1/mountinfo", "utf8").includes(`lambent-${instance}`) ||
      existsSync(`/run/lambent-${instance}/etc`),
    tables: tables().filter((name) => name.includes(instance)),
  };
}

/** Waits until nothing is left; fails with what there is. */
export async function untilNothingLeft(directory: string): Promise<void> {
  for (const deadlineMs = performance.now() + GONE_WITHIN_MS; ; await delay(100)) {
    const left = await leftoversOf(directory);
    const isNothing = JSON.stringify(left) === JSON.stringify(NOTHING_LEFT);
    if (isNothing) return;
    if (performance.now() > deadlineMs) assert.deepEqual(left, NOTHING_LEFT);
  }
}

/** The same of what runs or holds a volume; groups and mounts of a killed process are the next start's to remove. */
export async function untilNothingRuns(directory: string): Promise<void> {
  for (const deadlineMs = performance.now() + GONE_WITHIN_MS; ; await delay(100)) {
    const { processes, loopDevices } = await leftoversOf(directory);
    if (processes.length + loopDevices.length === 0) return;
    if (performance.now() > deadlineMs)
      assert.deepEqual({ processes, loopDevices }, { processes: [], loopDevices: [] });
  }
}

/** One that has ended stands in /proc until its parent asks for its status. */
function hasEnded(path: string): boolean {
  const stat = readQuietly(path.replace("cgroup", "stat"));
  return /^\) [ZX]|^$/.test(stat.slice(stat.lastIndexOf(")")));
}

function tables(): string[] {
  try {
    return execFileSync("nft", ["list", "tables"], { encoding: "utf8", stdio: "pipe" }).split("\n");
  } catch {
    // No nftables here, so no tables.
    return [];
  }
}

function readQuietly(path: string): string {
  try {
    return readFileSync(path, "latin1").trim();
  } catch {
    return "";
  }
}

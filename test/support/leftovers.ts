import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, globSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
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
  readonly interfaces: readonly string[];
  /** The workspace and its lock. */
  readonly runFiles: readonly string[];
  readonly hasScratchFiles: boolean;
}

export const NOTHING_LEFT: Leftovers = {
  processes: [],
  controlGroups: [],
  loopDevices: [],
  workspaceIsMounted: false,
  tables: [],
  interfaces: [],
  runFiles: [],
  hasScratchFiles: false,
};

/** As everything of a data directory is named. */
const instanceOf = (directory: string): string =>
  createHash("sha256").update(directory).digest("hex").slice(0, 12);

/** Looks at the machine by the marks of one directory. */
export async function leftoversOf(directory: string): Promise<Leftovers> {
  const instance = instanceOf(directory);
  const inGroups = globSync("/proc/[0-9]*/cgroup").filter(
    (path) => readQuietly(path).includes(`/lambent/${instance}`) && !hasEnded(path),
  );
  const processes = [...inGroups, ...namedBy(`lambent-${instance}`)];
  return {
    processes: processes.map((path) => `${path} ${readQuietly(join(dirname(path), "comm"))}`),
    controlGroups: globSync(`/sys/fs/cgroup/{,*/}{,*/}lambent/${instance}`),
    loopDevices: loopDeviceFiles().filter((file) => file.includes(directory)),
    workspaceIsMounted: readFileSync("/proc/1/mountinfo", "utf8").includes(`lambent-${instance}`),
    tables: tables().filter((name) => name.includes(instance)),
    interfaces: readdirSync("/sys/class/net").filter((name) => name.startsWith(`lmb${instance.slice(0, 6)}`)),
    runFiles: readdirSync("/run").filter((name) => name.includes(instance)),
    hasScratchFiles: existsSync(join(directory, "scratch")),
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

/** Kills whoever would remove what a Lambent leaves, so that the next start has to. Returns how many these were. */
export function killWatches(directory: string): number {
  return killNamedBy(`lambent-${instanceOf(directory)}.lock`);
}

/** Kills whoever would end sandboxes with a Lambent. */
export function killHelpers(directory: string): void {
  killNamedBy(`lambent-${instanceOf(directory)}/helper-`);
}

function killNamedBy(mark: string): number {
  const paths = namedBy(mark);
  for (const path of paths) process.kill(Number(path.split("/")[2]), "SIGKILL");
  return paths.length;
}

/** Lambent's own that have the mark in their parameters. */
function namedBy(mark: string): string[] {
  return globSync("/proc/[0-9]*/cmdline").filter(
    (path) => readQuietly(path).includes(mark) && !hasEnded(path),
  );
}

/** One that has ended stands in /proc until its parent asks for its status. */
function hasEnded(path: string): boolean {
  const stat = readQuietly(join(dirname(path), "stat"));
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

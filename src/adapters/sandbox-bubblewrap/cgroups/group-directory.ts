import { readFileSync, writeFileSync } from "node:fs";
import { readdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

const REMOVE_ATTEMPTS = 200;
const REMOVE_PAUSE_MS = 10;

export function isErrorWithCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}

/** The text of a control file; undefined when it, or its group, is not there. */
export function readControl(directory: string, file: string): string | undefined {
  try {
    return readFileSync(join(directory, file), "utf8");
  } catch (error) {
    if (isErrorWithCode(error, "ENOENT", "ENODEV", "EOPNOTSUPP")) return undefined;
    throw error;
  }
}

/** Throws when the kernel refuses the value. */
export function writeControl(directory: string, file: string, value: string | number): void {
  writeFileSync(join(directory, file), String(value));
}

/** A counter such as `oom_kill 3` in a file of `name value` lines. */
export function readCounter(directory: string, file: string, name: string): number {
  const text = readControl(directory, file) ?? "";
  return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1] ?? 0);
}

export function readProcessIds(directory: string): number[] {
  return (readControl(directory, "cgroup.procs") ?? "").split("\n").filter(Boolean).map(Number);
}

/** Kills what is in the group, repeatedly until it is empty: processes may fork while they are being killed. */
export function killProcesses(directory: string): void {
  for (let round = 0; round < 20; round++) {
    const processIds = readProcessIds(directory);
    if (processIds.length === 0) return;
    for (const processId of processIds) {
      try {
        process.kill(processId, "SIGKILL");
      } catch (error) {
        if (!isErrorWithCode(error, "ESRCH")) throw error;
      }
    }
  }
}

/** Removes a group whose processes are dying: the kernel refuses until the last one is reaped. Absent is fine. */
export function removeGroup(directory: string): Promise<void> {
  return emptyAndRemoveGroup(directory, () => undefined);
}

/** The same of a group that processes may still come into: `kill` ends those that are there, before each attempt. */
export async function emptyAndRemoveGroup(
  directory: string,
  kill: (directory: string) => void,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      kill(directory);
      await rmdir(directory);
      return;
    } catch (error) {
      if (isErrorWithCode(error, "ENOENT")) return;
      if (!isErrorWithCode(error, "EBUSY") || attempt === REMOVE_ATTEMPTS) throw error;
      await delay(REMOVE_PAUSE_MS);
    }
  }
}

/** Removes a group that others may still need; not empty, busy and absent are fine. */
export async function removeGroupIfEmpty(directory: string): Promise<void> {
  try {
    await rmdir(directory);
  } catch (error) {
    if (!isErrorWithCode(error, "ENOENT", "EBUSY", "ENOTEMPTY")) throw error;
  }
}

export async function childGroups(directory: string): Promise<string[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => join(directory, entry.name));
  } catch (error) {
    if (isErrorWithCode(error, "ENOENT")) return [];
    throw error;
  }
}

import { closeSync, fstatSync, openSync, readFileSync, statSync } from "node:fs";

/** Where a sandbox's first process has its place; its number alone could have become that of a stranger. */
export interface InsideProcess {
  readonly firstProcess: number;
  readonly parent: number;
  /** Name of its control group. */
  readonly group: string | undefined;
}

/**
 * A descriptor of the network namespace of a process, which must be a child of `parent`, in its group, and not in this
 * process's own namespace; otherwise it throws. The caller closes it.
 */
export function openNetworkNamespace({ firstProcess, parent, group }: InsideProcess): number {
  const namespace = openSync(`/proc/${firstProcess}/ns/net`, "r");
  try {
    // Checked after it was opened: an id whose process had ended could have become that of a stranger.
    const stat = readFileSync(`/proc/${firstProcess}/stat`, "latin1");
    const found = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
    const groups = group === undefined ? "" : readFileSync(`/proc/${firstProcess}/cgroup`, "latin1");
    if (found !== parent || (group !== undefined && !groups.includes(`/${group}\n`)))
      throw new Error("the sandbox has ended before it was connected");
    if (fstatSync(namespace).ino === statSync("/proc/self/ns/net").ino)
      throw new Error("the sandbox has no network namespace of its own");
    return namespace;
  } catch (error) {
    closeSync(namespace);
    throw error;
  }
}

import { closeSync, fstatSync, openSync, readFileSync, statSync } from "node:fs";

/**
 * A descriptor of the network namespace of a process, which must be a child of `parentProcessId` and not in this
 * process's own namespace; otherwise it throws. The caller closes it.
 */
export function openNetworkNamespace(processId: number, parentProcessId: number): number {
  const namespace = openSync(`/proc/${processId}/ns/net`, "r");
  try {
    // Checked after it was opened: an id whose process had ended could have become that of a stranger.
    const stat = readFileSync(`/proc/${processId}/stat`, "latin1");
    const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
    if (parent !== parentProcessId) throw new Error("the sandbox has ended before it was connected");
    if (fstatSync(namespace).ino === statSync("/proc/self/ns/net").ino)
      throw new Error("the sandbox has no network namespace of its own");
    return namespace;
  } catch (error) {
    closeSync(namespace);
    throw error;
  }
}

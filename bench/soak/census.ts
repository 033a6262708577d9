import { execFileSync } from "node:child_process";
import { globSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { loopDeviceFiles } from "../../test/support/loop-devices.ts";
import { instanceOf } from "../instance.ts";

/** What one Lambent holds of its machine. Everything is told apart from other Lambents by its data directory. */
export interface Census {
  /**
   * Open descriptors of the control process by kind: pipe, file, kinds of anonymous inodes, and sockets: of the host's TCP
   * by their state, Unix sockets, and those of sandboxes' network namespaces beyond the two listeners of each. Of the sandboxes
   * that wait, some get their listeners later than others, and which ones wait changes with what was invoked last.
   */
  readonly descriptors: Readonly<Record<string, number>>;
  /** Child processes of the control process, and processes in its control groups, by command. */
  readonly processes: Readonly<Record<string, number>>;
  /** In the control process's mount namespace. */
  readonly mounts: number;
  readonly controlGroups: number;
  readonly networkNamespaces: number;
  /** Interfaces of the host made by this Lambent. */
  readonly interfaces: number;
  readonly nftablesTables: number;
  readonly loopDevices: number;
  /** Files that are not the store's, the code's or the log's: scratch files, pipes. */
  readonly temporaryFiles: number;
}

function attempt<Value>(read: () => Value, otherwise: Value): Value {
  try {
    return read();
  } catch {
    return otherwise;
  }
}

const readQuietly = (path: string): string => attempt(() => readFileSync(path, "latin1"), "");

function countBy(values: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values.toSorted()) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

function kindOf(target: string): string {
  const named = /^(socket|pipe|net|mnt):\[/.exec(target)?.[1];
  if (named !== undefined) return named;
  if (target.startsWith("anon_inode:")) return target.slice("anon_inode:".length);
  if (target.startsWith("/sys/fs/cgroup")) return "control group";
  if (target.startsWith("/run/")) return "workspace";
  return "file";
}

const LISTENERS_PER_SANDBOX = 2;
/** As the kernel numbers them in /proc/net/tcp. */
const TCP_STATES: Readonly<Record<string, string>> = {
  "01": "connected",
  "08": "half closed",
  "0A": "listening",
};

/** Inodes of the host's sockets to what they are; a socket of another network namespace is not among them. */
function hostSockets(processId: number): Map<string, string> {
  const kinds = new Map<string, string>();
  for (const table of ["tcp", "tcp6"])
    for (const line of lines(readQuietly(`/proc/${processId}/net/${table}`)).slice(1)) {
      const [, , , state = "", , , , , , inode = ""] = line.trim().split(/\s+/);
      kinds.set(inode, `TCP socket, ${TCP_STATES[state] ?? state}`);
    }
  for (const line of lines(readQuietly(`/proc/${processId}/net/unix`)).slice(1))
    kinds.set(line.trim().split(/\s+/)[6] ?? "", "Unix socket");
  return kinds;
}

function descriptors(processId: number): Record<string, number> {
  const directory = `/proc/${processId}/fd`;
  const sockets = hostSockets(processId);
  const socketKind = (target: string): string | undefined =>
    sockets.get(/^socket:\[(\d+)\]$/.exec(target)?.[1] ?? "");
  const targets = attempt(() => readdirSync(directory), [])
    .map((name) => attempt(() => readlinkSync(join(directory, name)), ""))
    .filter((target) => target !== "");
  const sandboxes = targets.filter((target) => /^\/run\/.*-output$/.test(target)).length;
  const { socket = 0, ...counts } = countBy(targets.map((target) => socketKind(target) ?? kindOf(target)));
  const surplus = socket - LISTENERS_PER_SANDBOX * sandboxes;
  return surplus > 0 ? { ...counts, "socket of a sandbox that is gone": surplus } : counts;
}

/** Living ones; one that has ended waits in /proc until its parent asks for its status. */
function processesOf(instance: string, controlProcess: number): number[] {
  const all = globSync("/proc/[0-9]*").map((path) => Number(path.slice("/proc/".length)));
  return all.filter((processId) => {
    if (processId === controlProcess) return false;
    const stat = readQuietly(`/proc/${processId}/stat`);
    const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (state === undefined || state === "" || state === "Z" || state === "X") return false;
    if (Number(parent) === controlProcess) return true;
    return readQuietly(`/proc/${processId}/cgroup`).includes(`/lambent/${instance}/`);
  });
}

/** Which languages the sandboxes in reserve are for changes with what was invoked last. */
function commandOf(processId: number): string {
  const command = readQuietly(`/proc/${processId}/comm`).trim();
  return /^(node|MainThread|python[\d.]*|java|ruby[\d.]*)$/.test(command) ? "interpreter" : command;
}

function output(command: string, ...parameters: string[]): string {
  return attempt(() => execFileSync(command, parameters, { encoding: "utf8", stdio: "pipe" }), "");
}

function lines(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}

/** Counts what the Lambent with this process and data directory holds now; the process may have ended. */
export function takeCensus(controlProcess: number, dataDirectory: string): Census {
  const instance = instanceOf(dataDirectory);
  const processes = processesOf(instance, controlProcess);
  const own = readlinkQuietly(`/proc/self/ns/net`);
  const namespaces = new Set(processes.map((processId) => readlinkQuietly(`/proc/${processId}/ns/net`)));
  namespaces.delete(own);
  namespaces.delete("");
  const workspace = `/run/lambent-${instance}`;
  // The workspace is mounted in the control process's own mount namespace, seen through its root directory.
  const inside = `/proc/${controlProcess}/root${workspace}`;
  const mountTable = readQuietly(`/proc/${controlProcess}/mountinfo`);
  return {
    descriptors: descriptors(controlProcess),
    processes: countBy(processes.map(commandOf)),
    mounts: lines(mountTable).length,
    controlGroups: globSync([
      `/sys/fs/cgroup/*/lambent/${instance}/*/`,
      `/sys/fs/cgroup/lambent/${instance}/*/`,
    ]).length,
    networkNamespaces: namespaces.size,
    interfaces: lines(output("ip", "-oneline", "link")).filter((line) =>
      line.includes(`lmb${instance.slice(0, 6)}`),
    ).length,
    nftablesTables: lines(output("nft", "list", "tables")).filter((line) => line.includes(instance)).length,
    loopDevices: loopDeviceFiles().filter((file) => file.includes(dataDirectory)).length,
    temporaryFiles:
      attempt(() => readdirSync(join(inside, "pipes")), []).length +
      attempt(() => readdirSync(join(dataDirectory, "scratch")), []).length,
  };
}

function readlinkQuietly(path: string): string {
  return attempt(() => readlinkSync(path), "");
}

/** What `after` holds and `before` did not, one line each. */
export function leaks(before: Census, after: Census): string[] {
  return (Object.keys(before) as (keyof Census)[]).flatMap((name) => {
    const was = before[name];
    const is = after[name];
    if (typeof was === "number" || typeof is === "number")
      return Number(is) > Number(was) ? [`${name}: ${Number(was)} before, ${Number(is)} after`] : [];
    return Object.keys({ ...was, ...is })
      .filter((kind) => (is[kind] ?? 0) > (was[kind] ?? 0))
      .map((kind) => `${name}, ${kind}: ${was[kind] ?? 0} before, ${is[kind] ?? 0} after`);
  });
}

/** What is still there of a Lambent that has been stopped, one line each. */
export function leftovers(controlProcess: number, dataDirectory: string): string[] {
  const none: Census = {
    descriptors: {},
    processes: {},
    mounts: 0,
    controlGroups: 0,
    networkNamespaces: 0,
    interfaces: 0,
    nftablesTables: 0,
    loopDevices: 0,
    temporaryFiles: 0,
  };
  const mounted = lines(readQuietly("/proc/self/mountinfo")).filter(
    (line) => line.includes(dataDirectory) || line.includes(instanceOf(dataDirectory)),
  );
  return [
    ...leaks(none, takeCensus(controlProcess, dataDirectory)),
    ...mounted.map((line) => `mount on the host: ${line}`),
  ];
}

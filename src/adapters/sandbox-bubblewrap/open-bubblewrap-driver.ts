import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdir, realpath, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../ports/clock.ts";
import type { IsolationReport } from "../../ports/sandbox.ts";
import { BubblewrapDriver, type DriverParts } from "./bubblewrap-driver.ts";
import type { ControlGroups } from "./cgroups/control-group.ts";
import { openControlGroups } from "./cgroups/open-control-groups.ts";
import { HelperAccess } from "./helper/helper-access.ts";
import type { BuildingGround } from "./helper/sandbox-builder.ts";
import { BoundHostPaths, plainHostPaths } from "./host-paths.ts";
import { findRelayPrograms } from "./inside-relay.ts";
import { LateDirectories } from "./late-code/late-directories.ts";
import { watchLeftovers } from "./leftovers/leftover-watch.ts";
import type { Footprint } from "./leftovers/remove-leftovers.ts";
import { chooseNetwork } from "./network/choose-network.ts";
import type { NetworkPolicy } from "./network/network-policy.ts";
import { isInPrivateMountNamespace } from "./private-mount-namespace.ts";
import { findProgram, requireProgram } from "./programs.ts";
import { describeRootFileSystem } from "./root-file-system.ts";
import { ScratchVolumes } from "./scratch-volumes.ts";
import { hasSeccompFilter, seccompFilter } from "./seccomp/seccomp-filter.ts";
import { UnprivilegedUsers } from "./unprivileged-users.ts";
import { SANDBOX_HOST_NAME, SANDBOX_USER, Workspace } from "./workspace.ts";
import { WritableDirectories } from "./writable-directories.ts";
import { type Holder, openHolder } from "./zygote/holder.ts";
import { ZygoteLauncher, type ZygoteLauncherParts } from "./zygote/zygote-launcher.ts";
import { Zygotes } from "./zygote/zygotes.ts";

export interface BubblewrapDriverOptions {
  /** Absolute, existing and held by this process alone: what an earlier run for it has left is removed. */
  readonly dataDirectory: string;
  /** Directories from which many sandboxes will be shown something: code store, interpreters, runtimes. */
  readonly sharedDirectories: readonly string[];
  /** Those of file systems that functions may write to; none when it is not said. */
  readonly writableDirectories?: readonly string[];
  readonly clock: Clock;
  /** Where functions may connect to; `none` when it is not said. */
  readonly network?: NetworkPolicy;
  /** Told when programs that could be forked have to be started, and why. */
  readonly forkingFailed?: (error: unknown, command: string) => void;
  /** For the helper; the machine's when it is not said. Null: programs do the helper's work. */
  readonly compiler?: string | null;
}

/**
 * Opens the driver: removes leftovers of an earlier run, finds out what this machine allows and starts one sandbox
 * to see that it works. Rejects with the reason when it does not, leaving nothing behind.
 */
export async function openBubblewrapDriver(options: BubblewrapDriverOptions): Promise<BubblewrapDriver> {
  const { arch } = process;
  if (!hasSeccompFilter(arch)) throw new Error(`there is no system call filter for ${arch}`);
  const { programs, footprint, users } = await findRequirements(options);
  const { instance, isRoot, mounting, workspaceDirectory } = footprint;

  const closers: (() => Promise<void>)[] = [];
  try {
    const watch = await watchLeftovers(footprint);
    if (watch !== undefined) closers.unshift(() => watch.end());
    const groups = openControlGroups(instance, isRoot);
    await groups?.sweep();
    if (groups !== undefined) closers.unshift(() => groups.close());
    const policy = options.network ?? "none";
    const { network, networkReport, networkAdvice } = await chooseNetwork({ policy, instance, isRoot });
    if (network !== undefined) closers.unshift(() => network.close());
    const workspace = await Workspace.open(workspaceDirectory, mounting);
    closers.unshift(() => workspace.close());
    await workspace.nameServers(network?.nameServers ?? []);
    const seccompFile = join(workspace.directory, "seccomp.bpf");
    await writeFile(seccompFile, seccompFilter(arch), { mode: 0o600 });
    const rootFileSystem = describeRootFileSystem(workspace);
    const ground = mounting && users !== undefined ? groundOf(workspace, seccompFile, users) : undefined;
    const { helpers, scratch, lateDirectories } = await openMounting(workspace, ground, { options, closers });
    const pipesDirectory = workspace.pipes;
    const holder = await openHolderFor({ mounting, groups, pipesDirectory, closers });
    const launchSettings = {
      ...programs,
      seccompFile,
      pipesDirectory,
      users,
      groups,
      helpers,
      holder,
      scratchVolumes: scratch,
      mountPoints: lateDirectories && { volumes: workspace.volumes, late: lateDirectories.directory },
    };
    const writable = new WritableDirectories(options.writableDirectories ?? []);
    const hostPaths = mounting
      ? await BoundHostPaths.open(workspace.mounts, options.sharedDirectories, writable)
      : plainHostPaths(writable);
    const driver = new BubblewrapDriver({
      clock: options.clock,
      report: describe({
        groups,
        diskScratch: scratch !== undefined,
        isRoot,
        mounting,
        networkReport,
        networkAdvice,
      }),
      network,
      relayPrograms: findRelayPrograms(),
      launchSettings,
      rootFileSystem,
      hostPaths,
      lateDirectories,
      zygotes: openZygotes({ ...launchSettings, rootFileSystem, hostPaths }, options),
      close: () => runAll(closers),
    });
    closers.unshift(() => driver.discard());
    await tryOut(driver, workspace);
    closers.shift();
    return driver;
  } catch (error) {
    await runAll(closers);
    throw error;
  }
}

/** For the helper to build sandboxes on. */
function groundOf(workspace: Workspace, seccompFile: string, users: UnprivilegedUsers): BuildingGround {
  const rootFileSystem = describeRootFileSystem(workspace);
  const inside = { ...SANDBOX_USER, hostName: SANDBOX_HOST_NAME };
  return { workspaceDirectory: workspace.directory, rootFileSystem, seccompFile, users, inside };
}

function compilerFor({ compiler = findProgram("cc") }: BubblewrapDriverOptions): string | undefined {
  return compiler ?? undefined;
}

/** What needs a mount namespace of our own; nothing without any ground. */
async function openMounting(
  workspace: Workspace,
  ground: BuildingGround | undefined,
  {
    options,
    closers,
  }: { readonly options: BubblewrapDriverOptions; readonly closers: (() => Promise<void>)[] },
): Promise<
  Partial<Pick<DriverParts, "lateDirectories"> & { helpers: HelperAccess; scratch: ScratchVolumes }>
> {
  if (ground === undefined) return {};
  const dataDirectory = await realpath(options.dataDirectory);
  const helpers = new HelperAccess(ground, join(dataDirectory, "cache"), compilerFor(options));
  closers.unshift(() => helpers.close());
  const directories = { files: ScratchVolumes.filesIn(dataDirectory), mounts: workspace.volumes };
  // No loop devices, as in many containers, or no mkfs.ext4: the report says that /tmp is memory then.
  const scratch = await ScratchVolumes.open(directories, helpers).catch(() => undefined);
  if (scratch !== undefined) closers.unshift(() => scratch.close());
  const lateDirectories = await LateDirectories.open(workspace.directory, helpers);
  closers.unshift(() => lateDirectories.close());
  return { helpers, lateDirectories, ...(scratch !== undefined && { scratch }) };
}

/** Undefined where no sandbox can wait for its function, or nothing would limit what is forked. */
async function openHolderFor(parts: {
  readonly mounting: boolean;
  readonly groups: ControlGroups | undefined;
  readonly pipesDirectory: string;
  readonly closers: (() => Promise<void>)[];
}): Promise<Holder | undefined> {
  const { mounting, groups, pipesDirectory, closers } = parts;
  if (!mounting || groups?.limits.processes !== true) return undefined;
  const holder = await openHolder(pipesDirectory);
  if (holder !== undefined) closers.unshift(async () => holder.close());
  return holder;
}

/** Undefined where nothing can hold a sandbox for what is forked, or nothing would limit it. */
function openZygotes(
  parts: Omit<ZygoteLauncherParts, "clock" | "groups"> &
    Pick<DriverParts["launchSettings"], "groups" | "holder">,
  { clock, forkingFailed }: BubblewrapDriverOptions,
): Zygotes | undefined {
  const { groups, holder } = parts;
  if (groups === undefined || holder === undefined) return undefined;
  const launcher = new ZygoteLauncher({ ...parts, clock, groups });
  return new Zygotes({
    clock,
    start: (...kind) => launcher.start(...kind),
    failed: forkingFailed ?? (() => undefined),
  });
}

/** Rejects when a sandbox does not work here. */
async function tryOut(driver: BubblewrapDriver, workspace: Workspace): Promise<void> {
  const empty = join(workspace.directory, "empty");
  await mkdir(empty, { mode: 0o755 });
  await driver.probe(["/usr/bin/true"], empty);
}

interface Requirements {
  readonly programs: { readonly bubblewrap: string; readonly prlimit: string };
  readonly footprint: Footprint;
  readonly users: UnprivilegedUsers | undefined;
}

/** Throws when something is missing without which there is no sandbox. */
async function findRequirements(options: BubblewrapDriverOptions): Promise<Requirements> {
  const bubblewrap = requireProgram("bwrap", "bubblewrap");
  const prlimit = requireProgram("prlimit", "util-linux");
  const dataDirectory = await realpath(options.dataDirectory);
  const instance = createHash("sha256").update(dataDirectory).digest("hex").slice(0, 12);
  const isRoot = process.getuid?.() === 0;
  const users = isRoot
    ? UnprivilegedUsers.open(instance, readFileSync("/proc/self/uid_map", "utf8"))
    : undefined;
  if (isRoot && users === undefined) throw new Error("root without other user ids to run functions as");
  const footprint = {
    instance,
    dataDirectory,
    workspaceDirectory: isRoot ? join("/run", `lambent-${instance}`) : join(dataDirectory, "sandboxes"),
    isRoot,
    mounting: isRoot && isInPrivateMountNamespace(),
  };
  return { programs: { bubblewrap, prlimit }, footprint, users };
}

async function runAll(closers: readonly (() => Promise<void>)[]): Promise<void> {
  for (const close of closers) await close();
}

interface Circumstances {
  readonly groups: ControlGroups | undefined;
  readonly diskScratch: boolean;
  readonly isRoot: boolean;
  readonly mounting: boolean;
  readonly networkReport: IsolationReport["network"];
  readonly networkAdvice: readonly string[];
}

/** What is in force, in one line, and what is missing. */
function describe(circumstances: Circumstances): IsolationReport {
  const { groups, diskScratch, isRoot, mounting, networkReport, networkAdvice } = circumstances;
  const limits = {
    memory: groups?.limits.memory ?? false,
    cpu: groups?.limits.cpu ?? false,
    // Without a control group, by the sandbox's user namespace.
    processes: true,
  };
  const missing = Object.entries(limits)
    .filter(([, limited]) => !limited)
    .map(([name]) => name);
  const parts = [
    "bubblewrap: own mount, process, network and user namespaces, read-only root, seccomp",
    isRoot ? "a host user per environment" : "the host user who started Lambent",
    groups === undefined ? "no control groups" : `limits by ${groups.description}`,
    `/tmp ${diskScratch ? "on disk" : "in memory, and lost when an environment is reset"}`,
  ];
  const advice: string[] = [...networkAdvice];
  if (missing.length > 0)
    advice.push(
      `no limit on ${missing.join(" and ")}: ${
        isRoot
          ? "this machine's control groups cannot be written (a container? give it --privileged and --cgroupns=private)"
          : "start Lambent as root, or with: systemd-run --user --scope -p Delegate=yes lambent start"
      }`,
    );
  if (isRoot && !mounting)
    advice.push("no mount namespace of its own could be made: code must lie where every user can read it");
  if (isRoot && mounting && !diskScratch)
    advice.push("/tmp is in memory: loop devices and mkfs.ext4 (package e2fsprogs) would put it on disk");
  return {
    driver: "bubblewrap",
    isolates: true,
    summary: parts.join("; "),
    limits,
    network: networkReport,
    advice,
  };
}

import { accessSync, constants, existsSync, mkdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import {
  type ControlGroup,
  type ControlGroups,
  CPU_PERIOD_US,
  cpuQuotaUs,
  type GroupEntrance,
  type GroupLimits,
} from "./control-group.ts";
import {
  childGroups,
  emptyAndRemoveGroup,
  isErrorWithCode,
  killProcesses,
  readControl,
  readCounter,
  readProcessIds,
  removeGroup,
  removeGroupIfEmpty,
  writeControl,
} from "./group-directory.ts";

const CONTROLLERS = ["memory", "cpu", "pids"] as const;
type Controller = (typeof CONTROLLERS)[number];

class ControlGroupV2 implements ControlGroup {
  readonly #directory: string;
  readonly #controllers: ReadonlySet<Controller>;
  /** What was written last: a sandbox that has waited has most of its function's limits already. */
  readonly #written = new Map<string, string | number>();
  #hasSwapLimit: boolean | undefined;

  constructor(directory: string, controllers: ReadonlySet<Controller>) {
    this.#directory = directory;
    this.#controllers = controllers;
  }

  get name(): string {
    return basename(this.#directory);
  }

  entrance(): GroupEntrance {
    return { group: this.#directory, taskFiles: [] };
  }

  async attach(processId: number): Promise<void> {
    await writeFile(join(this.#directory, "cgroup.procs"), String(processId));
  }

  setLimits(limits: GroupLimits): void {
    if (this.#controllers.has("memory")) {
      this.#write("memory.max", limits.memoryBytes);
      // Absent on kernels without swap accounting.
      this.#hasSwapLimit ??= existsSync(join(this.#directory, "memory.swap.max"));
      if (this.#hasSwapLimit) this.#write("memory.swap.max", 0);
      // Half an environment is worth nothing: out of memory ends all of it.
      this.#write("memory.oom.group", 1);
    }
    if (this.#controllers.has("pids")) this.#write("pids.max", limits.processes);
    this.setCpus(limits.cpus);
  }

  setCpus(cpus: number): void {
    if (this.#controllers.has("cpu")) this.#write("cpu.max", `${cpuQuotaUs(cpus)} ${CPU_PERIOD_US}`);
  }

  #write(file: string, value: string | number): void {
    if (this.#written.get(file) === value) return;
    writeControl(this.#directory, file, value);
    this.#written.set(file, value);
  }

  processIds(): number[] {
    return readProcessIds(this.#directory);
  }

  memoryPeakBytes(): number | undefined {
    // Since Linux 5.19.
    const text = readControl(this.#directory, "memory.peak");
    return text === undefined ? undefined : Number(text);
  }

  outOfMemory(): boolean {
    return readCounter(this.#directory, "memory.events", "oom_kill") > 0;
  }

  freeze(): void {
    writeControl(this.#directory, "cgroup.freeze", 1);
  }

  thaw(): void {
    writeControl(this.#directory, "cgroup.freeze", 0);
  }

  kill(): void {
    killGroup(this.#directory);
  }

  remove(): Promise<void> {
    return removeGroup(this.#directory);
  }
}

/** cgroup.kill is there since Linux 5.14; it reaches frozen processes too. */
function killGroup(directory: string): void {
  if (existsSync(join(directory, "cgroup.kill"))) writeControl(directory, "cgroup.kill", 1);
  else {
    writeControl(directory, "cgroup.freeze", 0);
    killProcesses(directory);
  }
}

/** The groups below `instance`, of whose controllers the named ones are turned on. */
export class ControlGroupsV2 implements ControlGroups {
  readonly limits: ControlGroups["limits"];
  readonly description = "cgroup v2";
  readonly #instance: string;
  readonly #controllers: ReadonlySet<Controller>;

  constructor(instance: string, controllers: ReadonlySet<Controller>) {
    this.#instance = instance;
    this.#controllers = controllers;
    this.limits = {
      memory: controllers.has("memory"),
      cpu: controllers.has("cpu"),
      processes: controllers.has("pids"),
    };
  }

  get directories(): string[] {
    return [this.#instance];
  }

  create(name: string): ControlGroup {
    const directory = join(this.#instance, name);
    mkdirSync(directory, { recursive: true });
    return new ControlGroupV2(directory, this.#controllers);
  }

  async sweep(): Promise<void> {
    const groups = await childGroups(this.#instance);
    await Promise.all(groups.map((directory) => emptyAndRemoveGroup(directory, killGroup)));
  }

  async close(): Promise<void> {
    await removeGroupIfEmpty(this.#instance);
    await removeGroupIfEmpty(dirname(this.#instance));
  }
}

/** Where this process may make groups, and how it stands in the hierarchy. */
export interface V2Position {
  readonly mount: string;
  /** Of this process, from /proc/self/cgroup; "/" in a container's own cgroup namespace. */
  readonly ownPath: string;
  readonly isRoot: boolean;
}

/**
 * The group below which ours is made. Root uses the top, outside every service's tree, so that a kill of the
 * service does not reach into it half-way. Others need a delegated tree (`systemd-run --user --scope`): the nearest
 * group above their own that they may write, as a group with processes cannot have limited children. Undefined:
 * none.
 */
export function baseGroup(position: V2Position): string | undefined {
  const { mount, ownPath, isRoot } = position;
  if (isRoot) return isWritableGroup(mount) ? mount : undefined;
  for (
    let group = dirname(join(mount, ownPath));
    !relative(mount, group).startsWith("..");
    group = dirname(group)
  ) {
    if (isWritableGroup(group)) return group;
    if (group === mount) return undefined;
  }
  return undefined;
}

function isWritableGroup(group: string): boolean {
  try {
    for (const path of [group, join(group, "cgroup.procs"), join(group, "cgroup.subtree_control")])
      accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Turns on, for the children of a group, each of our controllers that it has. */
function enableControllers(group: string): void {
  const available = (readControl(group, "cgroup.controllers") ?? "").trim().split(" ");
  for (const controller of CONTROLLERS) {
    if (!available.includes(controller)) continue;
    try {
      writeControl(group, "cgroup.subtree_control", `+${controller}`);
    } catch (error) {
      if (!isErrorWithCode(error, "EBUSY")) continue;
      // The top of a container's namespace holds the container's processes, and a group with processes cannot have
      // limited children: they move one step down.
      moveProcessesDown(group);
      writeControl(group, "cgroup.subtree_control", `+${controller}`);
    }
  }
}

function moveProcessesDown(group: string): void {
  const below = join(group, "lambent-container");
  mkdirSync(below, { recursive: true });
  for (const processId of readProcessIds(group)) {
    try {
      writeControl(below, "cgroup.procs", processId);
    } catch (error) {
      if (!isErrorWithCode(error, "ESRCH")) throw error;
    }
  }
}

/** Version 2 with the memory controller. Undefined when no group with limits can be made. */
export function openControlGroupsV2(position: V2Position, instance: string): ControlGroups | undefined {
  const base = baseGroup(position);
  if (base === undefined) return undefined;
  const parent = join(base, "lambent");
  const directory = join(parent, instance);
  try {
    mkdirSync(directory, { recursive: true });
    for (const group of [base, parent, directory]) enableControllers(group);
  } catch {
    return undefined;
  }
  const enabled = (readControl(directory, "cgroup.subtree_control") ?? "").trim().split(" ");
  return new ControlGroupsV2(directory, new Set(CONTROLLERS.filter((name) => enabled.includes(name))));
}

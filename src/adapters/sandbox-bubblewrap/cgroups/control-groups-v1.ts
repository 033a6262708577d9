import { existsSync, mkdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CgroupMounts } from "./cgroup-mounts.ts";
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
  killProcesses,
  readControl,
  readCounter,
  readProcessIds,
  removeGroup,
  removeGroupIfEmpty,
  writeControl,
} from "./group-directory.ts";

const CONTROLLERS = ["memory", "cpu", "pids", "freezer"] as const;
/** Absent when swap is not accounted. */
const WITH_SWAP = "memory.memsw.limit_in_bytes";
type Controller = (typeof CONTROLLERS)[number];

/** The group's directory in each hierarchy; a missing one means that the machine cannot limit that. */
type Directories = Readonly<Partial<Record<Controller | "unified", string>>>;

/** Controllers may share a hierarchy. */
const distinct = (directories: Directories): string[] => [...new Set(Object.values(directories))];

class ControlGroupV1 implements ControlGroup {
  readonly #directories: Directories;
  /** What was written last: a sandbox that has waited has most of its function's limits already. */
  readonly #written = new Map<string, number>();
  #accountsSwap: boolean | undefined;

  readonly name: string;

  constructor(name: string, directories: Directories) {
    this.name = name;
    this.#directories = directories;
  }

  entrance(): GroupEntrance {
    const { unified = "", ...limiting } = this.#directories;
    const taskFiles = [...new Set(Object.values(limiting))].map((directory) => join(directory, "tasks"));
    return { group: unified, taskFiles };
  }

  async attach(processId: number): Promise<void> {
    for (const directory of distinct(this.#directories))
      await writeFile(join(directory, "cgroup.procs"), String(processId));
  }

  setLimits(limits: GroupLimits): void {
    const { memory, pids } = this.#directories;
    if (memory !== undefined) {
      // Memory and swap together: nothing beyond the limit goes to swap.
      this.#accountsSwap ??= readControl(memory, WITH_SWAP) !== undefined;
      const files = ["memory.limit_in_bytes", ...(this.#accountsSwap ? [WITH_SWAP] : [])];
      // At no moment may the first be above the second.
      if ((this.#written.get(WITH_SWAP) ?? Number.POSITIVE_INFINITY) < limits.memoryBytes) files.reverse();
      for (const file of files) this.#write(memory, file, limits.memoryBytes);
      if (!this.#accountsSwap) this.#write(memory, "memory.swappiness", 0);
    }
    if (pids !== undefined) this.#write(pids, "pids.max", limits.processes);
    this.setCpus(limits.cpus);
  }

  setCpus(cpus: number): void {
    const { cpu } = this.#directories;
    if (cpu === undefined) return;
    this.#write(cpu, "cpu.cfs_period_us", CPU_PERIOD_US);
    this.#write(cpu, "cpu.cfs_quota_us", cpuQuotaUs(cpus));
  }

  #write(directory: string, file: string, value: number): void {
    if (this.#written.get(file) === value) return;
    writeControl(directory, file, value);
    this.#written.set(file, value);
  }

  processIds(): number[] {
    return readProcessIds(this.#anyDirectory());
  }

  memoryPeakBytes(): number | undefined {
    const { memory } = this.#directories;
    if (memory === undefined) return undefined;
    const text = readControl(memory, "memory.max_usage_in_bytes");
    return text === undefined ? undefined : Number(text);
  }

  outOfMemory(): boolean {
    const { memory } = this.#directories;
    return memory !== undefined && readCounter(memory, "memory.oom_control", "oom_kill") > 0;
  }

  freeze(): void {
    const { unified, freezer } = this.#directories;
    if (freezer !== undefined) writeControl(freezer, "freezer.state", "FROZEN");
    else if (unified !== undefined) writeControl(unified, "cgroup.freeze", 1);
  }

  thaw(): void {
    const { unified, freezer } = this.#directories;
    if (freezer !== undefined) writeControl(freezer, "freezer.state", "THAWED");
    else if (unified !== undefined) writeControl(unified, "cgroup.freeze", 0);
  }

  kill(): void {
    const { unified } = this.#directories;
    if (unified !== undefined && existsSync(join(unified, "cgroup.kill")))
      writeControl(unified, "cgroup.kill", 1);
    else {
      this.thaw();
      killProcesses(this.#anyDirectory());
    }
  }

  async remove(): Promise<void> {
    for (const directory of new Set(Object.values(this.#directories))) await removeGroup(directory);
  }

  #anyDirectory(): string {
    const [directory] = Object.values(this.#directories);
    if (directory === undefined) throw new Error("a control group without any hierarchy");
    return directory;
  }
}

function thawAndKill(directory: string): void {
  const freezerState = readControl(directory, "freezer.state");
  if (freezerState !== undefined) writeControl(directory, "freezer.state", "THAWED");
  killProcesses(directory);
}

class ControlGroupsV1 implements ControlGroups {
  readonly limits: ControlGroups["limits"];
  readonly description: string;
  /** `<hierarchy>/lambent/<instance>` per controller. */
  readonly #instances: Directories;

  constructor(instances: Directories) {
    this.#instances = instances;
    this.description = instances.unified === undefined ? "cgroup v1" : "cgroup v1 with v2";
    this.limits = {
      memory: instances.memory !== undefined,
      cpu: instances.cpu !== undefined,
      processes: instances.pids !== undefined,
    };
  }

  get directories(): string[] {
    return distinct(this.#instances);
  }

  create(name: string): ControlGroup {
    const directories = Object.fromEntries(
      Object.entries(this.#instances).map(([controller, instance]) => [controller, join(instance, name)]),
    );
    for (const directory of Object.values(directories)) mkdirSync(directory, { recursive: true });
    return new ControlGroupV1(name, directories);
  }

  async sweep(): Promise<void> {
    for (const instance of Object.values(this.#instances)) {
      const groups = await childGroups(instance);
      await Promise.all(groups.map((directory) => emptyAndRemoveGroup(directory, thawAndKill)));
    }
  }

  async close(): Promise<void> {
    for (const instance of new Set(Object.values(this.#instances))) {
      await removeGroupIfEmpty(instance);
      await removeGroupIfEmpty(join(instance, ".."));
    }
  }
}

/** Version 1, or version 1 beside an empty version 2 ("hybrid"). Undefined when no group can be made. */
export function openControlGroupsV1(mounts: CgroupMounts, instance: string): ControlGroups | undefined {
  const bases = new Map<string, string | undefined>([["unified", mounts.v2]]);
  for (const name of CONTROLLERS) bases.set(name, mounts.v1.get(name));
  const instances: [string, string][] = [];
  let freezes = false;
  for (const [name, base] of bases) {
    // The version 2 hierarchy freezes four times as fast, and needs no controller for it: where it does, groups in the
    // freezer's would only cost their making.
    if (base === undefined || (name === "freezer" && freezes)) continue;
    const directory = join(base, "lambent", instance);
    try {
      mkdirSync(directory, { recursive: true });
      instances.push([name, directory]);
      if (name === "unified") freezes = existsSync(join(directory, "cgroup.freeze"));
    } catch {
      // Mounted read-only, as in many containers, or not ours to write: this one is not available.
    }
  }
  return instances.length === 0 ? undefined : new ControlGroupsV1(Object.fromEntries(instances));
}

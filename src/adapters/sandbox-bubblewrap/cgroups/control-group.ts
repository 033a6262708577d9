/** Limits of one execution environment. */
export interface GroupLimits {
  readonly memoryBytes: number;
  /** Processes and threads together. */
  readonly processes: number;
  /** CPUs' worth of time, 1 = one of them all the time. */
  readonly cpus: number;
}

/** For a process that is being started. */
export interface GroupEntrance {
  /** Directory of the group in version 2, to start it in; empty where there is none. */
  readonly group: string;
  /** Files of version 1 to which it writes that it is itself meant. */
  readonly taskFiles: readonly string[];
}

/**
 * The control group of one execution environment, in whatever hierarchies this machine has. Reading and writing is
 * synchronous where the kernel answers from memory (tens of microseconds); `attach` is not, because moving a process
 * may wait for a grace period of ten milliseconds.
 */
export interface ControlGroup {
  readonly name: string;
  /** How a process gets in by itself, which waits for nobody. */
  entrance(): GroupEntrance;
  /** Moves a process in; what it starts later belongs to the group from its first instruction. */
  attach(processId: number): Promise<void>;
  setLimits(limits: GroupLimits): void;
  setCpus(cpus: number): void;
  /** Ids in the host's process namespace. */
  processIds(): number[];
  /** Highest charge so far, page cache included; undefined without a memory controller. */
  memoryPeakBytes(): number | undefined;
  /** What is charged now for pages of files, without memory that only looks like files (tmpfs, shared segments). */
  filePageBytes(): number;
  /** Whether the kernel has killed a process of the group for lack of memory. */
  outOfMemory(): boolean;
  /** Stops every process of the group where it stands, until `thaw`. */
  freeze(): void;
  thaw(): void;
  /** Kills every process of the group. */
  kill(): void;
  /** Removes the group; its processes must be dead or dying. */
  remove(): Promise<void>;
}

/** Every control group of one Lambent: `lambent/<instance>/<environment>` in each hierarchy. */
export interface ControlGroups {
  readonly limits: { readonly memory: boolean; readonly cpu: boolean; readonly processes: boolean };
  /** For the report, e.g. "cgroup v1". */
  readonly description: string;
  /** Below which the groups of environments are, one in each hierarchy. */
  readonly directories: readonly string[];
  create(name: string): ControlGroup;
  /** Kills and removes what an earlier run of the same instance left behind. */
  sweep(): Promise<void>;
  /** Removes the instance's own groups; those of environments must be gone. */
  close(): Promise<void>;
}

/** Short enough that 128 MB (7 % of a CPU) waits 19 ms at worst instead of 93 ms; long enough for exact shares. */
export const CPU_PERIOD_US = 20_000;
/** The kernel refuses less. */
const CPU_QUOTA_US_MIN = 1_000;

export function cpuQuotaUs(cpus: number): number {
  return Math.max(CPU_QUOTA_US_MIN, Math.round(cpus * CPU_PERIOD_US));
}

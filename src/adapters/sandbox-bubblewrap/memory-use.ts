import type { ControlGroup } from "./cgroups/control-group.ts";
import { EndedChildren } from "./ended-children.ts";
import type { Launch } from "./launch.ts";
import { readProcFile } from "./proc-files.ts";

const KIBIBYTE = 1_024;

const PEAK = /^VmHWM:\s*(\d+) kB/m;
const OF_FILES = /^RssFile:\s*(\d+) kB/m;

function statusBytes(status: string, line: RegExp): number {
  return Number(line.exec(status)?.[1] ?? 0) * KIBIBYTE;
}

function childrenOf(processId: number): number[] {
  return readProcFile(`/proc/${processId}/task/${processId}/children`).split(" ").filter(Boolean).map(Number);
}

/**
 * The highest memory use of one sandbox, for "Max Memory Used". The control group's own peak would be wrong: it
 * counts the page cache of every file that the function has read or written, and does not count the part of the
 * interpreter that another sandbox has loaded before. So, as AWS appears to, this takes the peak resident set that
 * the kernel keeps for each process, summed up. Processes that share pages after a fork would count double; there
 * the group's peak plus the shared text is the tighter bound. The smaller of the two is taken: never too little.
 * Of processes that have come and gone between two questions, and when all are gone, the group's peak without what it still
 * has of files is the nearest that can be known; files that were removed since are in it, but of children that have ended no
 * more is counted than they can have had.
 */
export class MemoryUse {
  readonly #launchedProcessId: number;
  readonly #group: ControlGroup | undefined;
  /** Of its program, but charged to the process that it was forked from. */
  readonly #sharedBytes: number;
  /** The first process inside, which reaps the others. */
  #reaperProcessId: number | undefined;
  readonly #endedChildren = new EndedChildren();
  #peakBytes: number | undefined;

  constructor({
    processId,
    isFirstProcess,
    group,
    sharedBytes = 0,
  }: Pick<Launch, "processId" | "isFirstProcess" | "group" | "sharedBytes">) {
    this.#launchedProcessId = processId;
    this.#reaperProcessId = isFirstProcess ? processId : undefined;
    this.#group = group;
    this.#sharedBytes = sharedBytes;
  }

  /** Bytes; never falls. */
  peakBytes(): number | undefined {
    const processIds = this.#processIds();
    const statuses = processIds.map((id) => readProcFile(`/proc/${id}/status`));
    const resident = statuses.reduce((sum, status) => sum + statusBytes(status, PEAK), 0);
    const charged = this.#group?.memoryPeakBytes();
    if (resident === 0)
      return charged === undefined ? this.#peakBytes : this.#atLeast(this.#ownBytes(charged));
    if (charged === undefined) return this.#atLeast(resident);
    const text = Math.max(...statuses.map((status) => statusBytes(status, OF_FILES)));
    this.#atLeast(Math.min(resident, charged + text + this.#sharedBytes));
    const ended = this.#endedChildren.bytesSinceLast([this.#reaperProcessId ?? 0, ...processIds]);
    if (ended > 0) this.#atLeast(Math.min(resident + ended, this.#ownBytes(charged) + text));
    return this.#peakBytes;
  }

  #atLeast(bytes: number): number {
    this.#peakBytes = Math.max(this.#peakBytes ?? 0, bytes);
    return this.#peakBytes;
  }

  #ownBytes(chargedBytes: number): number {
    return chargedBytes - (this.#group?.filePageBytes() ?? 0) + this.#sharedBytes;
  }

  /** Host id of the first process inside, where it is known from elsewhere. */
  reaperIs(processId: number): void {
    this.#reaperProcessId = processId;
  }

  /** Host id of the first process inside; undefined before there is one. */
  reaperProcessId(): number | undefined {
    this.#reaperProcessId ??= childrenOf(this.#launchedProcessId)[0];
    return this.#reaperProcessId;
  }

  #processIds(): number[] {
    const reaper = this.reaperProcessId();
    if (reaper === undefined) return [];
    if (this.#group === undefined) return childrenOf(reaper);
    return this.#group.processIds().filter((id) => id !== reaper && id !== this.#launchedProcessId);
  }
}

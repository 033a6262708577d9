import { readProcFile } from "./proc-files.ts";

/** The largest pages that a kernel has without huge ones. */
const PAGE_BYTES = process.arch === "x64" ? 4_096 : 65_536;
/** Behind the program's name, which may contain anything: page faults of children that have ended and were waited for. */
const CHILDREN_FAULTS_FIELD = 8;
const HUGE_PAGES = "/sys/kernel/mm/transparent_hugepage";

/** What one page fault adds to a process at most. */
function bytesPerFault(): number {
  if (!readProcFile(`${HUGE_PAGES}/enabled`).includes("[always]")) return PAGE_BYTES;
  return Number(readProcFile(`${HUGE_PAGES}/hpage_pmd_size`)) || PAGE_BYTES;
}

function childrenFaults(processId: number): number {
  const stat = readProcFile(`/proc/${processId}/stat`);
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[CHILDREN_FAULTS_FIELD] ?? 0);
}

/**
 * What processes have used that are gone, of which the kernel keeps no size: a page fault for each page that they had, which
 * their parents inherit. That says too much, of pages that were given back and taken again.
 */
export class EndedChildren {
  readonly #bytesPerFault = bytesPerFault();
  #faults = 0;

  /** Bytes, at most, that those took which have ended since the last call. */
  bytesSinceLast(parents: readonly number[]): number {
    const faults = parents.reduce((sum, processId) => sum + childrenFaults(processId), 0);
    const grown = Math.max(0, faults - this.#faults);
    this.#faults = faults;
    return grown * this.#bytesPerFault;
  }
}

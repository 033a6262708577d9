import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Short, so that a process that has used its share up stands still for milliseconds only. */
const PERIOD_US = 10_000;
const ROOTS = ["/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"];
const UNIFIED = "/sys/fs/cgroup";

interface Hierarchy {
  readonly root: string;
  readonly limit: (directory: string, quotaUs: number) => void;
}

function hierarchy(): Hierarchy {
  const root = ROOTS.find(
    (path) => existsSync(join(path, "cpu.cfs_quota_us")) || existsSync(join(path, "tasks")),
  );
  if (root !== undefined)
    return {
      root,
      limit: (directory, quotaUs) => {
        writeFileSync(join(directory, "cpu.cfs_period_us"), String(PERIOD_US));
        writeFileSync(join(directory, "cpu.cfs_quota_us"), String(quotaUs));
      },
    };
  const controllers = readFileSync(join(UNIFIED, "cgroup.controllers"), "utf8");
  if (!controllers.split(/\s/).includes("cpu"))
    throw new Error("this machine has no control group for processors");
  writeFileSync(join(UNIFIED, "cgroup.subtree_control"), "+cpu");
  return {
    root: UNIFIED,
    limit: (directory, quotaUs) => writeFileSync(join(directory, "cpu.max"), `${quotaUs} ${PERIOD_US}`),
  };
}

/**
 * Holds a running process, without what it has started, to a share of one processor. Needs root. The returned function
 * lets it go.
 */
export function holdToShare(processId: number, share: number): () => void {
  const { root, limit } = hierarchy();
  const directory = join(root, `lambent-bench-${processId}`);
  mkdirSync(directory, { recursive: true });
  limit(directory, Math.round(share * PERIOD_US));
  writeFileSync(join(directory, "cgroup.procs"), String(processId));
  return () => {
    try {
      writeFileSync(join(root, "cgroup.procs"), String(processId));
    } catch {
      // It has ended.
    }
    try {
      rmdirSync(directory);
    } catch {
      // What it has started meanwhile is still in there; the group goes with the machine's next start.
    }
  };
}

/** Ties a running process, without what it has started, to one processor. */
export function pin(processId: number, processor: number): void {
  execFileSync("taskset", ["--all-tasks", "--cpu-list", "--pid", String(processor), String(processId)], {
    stdio: "ignore",
  });
}

import { existsSync, lstatSync, readlinkSync, type Stats } from "node:fs";
import { join } from "node:path";
import type { RootFileSystem } from "./bubblewrap-arguments.ts";
import type { Workspace } from "./workspace.ts";

const TOP_NAMES = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];
/**
 * /usr is what the distribution and `make install` put there for every user of the machine, and programs need it.
 * Settings of administrators and sources are not part of that.
 */
const ADMINISTRATORS_DIRECTORIES = ["/usr/etc", "/usr/src", "/usr/local/etc", "/usr/local/src"];
/** Of the process-independent files in /proc, those that tell about the host rather than about its size. */
const TELLING_PROC_FILES = [
  "cmdline",
  "config.gz",
  "interrupts",
  "kallsyms",
  "key-users",
  "keys",
  "latency_stats",
  "modules",
  "sched_debug",
  "timer_list",
];
const OTHERS_MAY_READ = 0o004;

function statusOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

/** Looks at this machine once: what every sandbox's root directory is made of. */
export function describeRootFileSystem(workspace: Workspace): RootFileSystem {
  const links = TOP_NAMES.filter((name) => statusOf(join("/", name))?.isSymbolicLink() === true);
  return {
    etc: workspace.etc,
    etcMounts: workspace.etcMounts,
    topLinks: Object.fromEntries(links.map((name) => [name, readlinkSync(join("/", name))])),
    topDirectories: TOP_NAMES.filter((name) => statusOf(join("/", name))?.isDirectory() === true),
    hiddenDirectories: ADMINISTRATORS_DIRECTORIES.filter((path) => statusOf(path)?.isDirectory() === true),
    hiddenProcFiles: TELLING_PROC_FILES.map((name) => join("/proc", name)).filter((path) => {
      // What only root may read stays unreadable for the sandbox's user.
      return existsSync(path) && ((statusOf(path)?.mode ?? 0) & OTHERS_MAY_READ) !== 0;
    }),
  };
}

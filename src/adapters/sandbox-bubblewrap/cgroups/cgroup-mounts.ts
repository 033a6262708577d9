/** Where the kernel's control group hierarchies are mounted. */
export interface CgroupMounts {
  /** Controller → mount point, for hierarchies of version 1. */
  readonly v1: ReadonlyMap<string, string>;
  /** Mount point of the version 2 hierarchy. */
  readonly v2: string | undefined;
}

/** mountinfo writes space, tab, newline and backslash as octal escapes. */
function unescapeMountPath(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** Reads the text of /proc/self/mountinfo (proc_pid_mountinfo(5)). */
export function parseCgroupMounts(mountinfo: string): CgroupMounts {
  const v1 = new Map<string, string>();
  let v2: string | undefined;
  for (const line of mountinfo.split("\n")) {
    const [mount = "", filesystem = ""] = line.split(" - ");
    const path = unescapeMountPath(mount.split(" ")[4] ?? "");
    const [type, , options = ""] = filesystem.split(" ");
    if (type === "cgroup2") v2 ??= path;
    else if (type === "cgroup") {
      for (const controller of options.split(",")) if (!v1.has(controller)) v1.set(controller, path);
    }
  }
  return { v1, v2 };
}

/** The path of this process in the version 2 hierarchy, from the text of /proc/self/cgroup. */
export function ownV2Path(selfCgroup: string): string | undefined {
  return /^0::(.*)$/m.exec(selfCgroup)?.[1];
}

import { join } from "node:path";
import {
  DEVICES,
  EMPTY_DIRECTORIES,
  type RootFileSystem,
  STANDARD_STREAM_LINKS,
} from "../bubblewrap-arguments.ts";

/** Where something will be mounted in a sandbox. */
export interface MountPoint {
  readonly path: string;
  readonly isFile?: boolean | undefined;
}

const ROOT = "/";
/** What is in a sandbox's root directory for the sandbox's own mounts. */
const OWN_DIRECTORIES = ["/proc", "/dev", "/tmp", "/var/task"];
const HIDDEN_BYTES = "4096";

/** The first directory of a path. */
const topOf = (path: string): string => path.split("/")[1] ?? "";

/** Whether sandboxes with these mount points can begin with a template: they lie beside what the host is shown of. */
export function fitTemplate(root: RootFileSystem, mountPoints: readonly MountPoint[]): boolean {
  const taken = ["usr", "etc", "proc", "dev", "tmp", ...Object.keys(root.topLinks), ...root.topDirectories];
  return mountPoints.every(
    ({ path }) => !taken.includes(topOf(path)) && path.startsWith("/") && !path.includes("/.."),
  );
}

/**
 * The steps by which the helper makes a template (`template-source.ts`): what bwrap makes of `rootOptions`, and the empty
 * places where the rest will be mounted. Directories come first, while there are no links that could lead out of it.
 */
export function templateSteps(root: RootFileSystem, mountPoints: readonly MountPoint[]): string[] {
  const readOnly = (path: string, source: string): string[] => ["bind", path, source];
  const emptied = (path: string): string[] => ["memory", path, HIDDEN_BYTES, "close", path, ""];
  const tops = ["/usr", "/etc", ...root.topDirectories.map((name) => join(ROOT, name))];
  const directories = [...tops, ...OWN_DIRECTORIES, ...EMPTY_DIRECTORIES];
  return [
    ...directories.flatMap((path) => ["directory", path, ""]),
    ...mountPoints.flatMap(({ path, isFile }) => [isFile === true ? "file" : "directory", path, ""]),
    ...readOnly("/usr", "/usr"),
    ...root.hiddenDirectories.flatMap(emptied),
    ...Object.entries(root.topLinks).flatMap(([name, target]) => ["link", join(ROOT, name), target]),
    ...root.topDirectories.flatMap((name) => readOnly(join(ROOT, name), join(ROOT, name))),
    ...readOnly("/etc", root.etc),
    ...root.etcMounts.flatMap((name) => readOnly(join("/etc", name), join("/etc", name))),
    "devices",
    "/dev",
    "",
    ...DEVICES.flatMap((name) => ["device", `/dev/${name}`, `/dev/${name}`]),
    ...Object.entries(STANDARD_STREAM_LINKS).flatMap(([name, end]) => [
      "link",
      `/dev/${name}`,
      `/proc/self/fd${end}`,
    ]),
    "close",
    "/dev",
    "",
    "close",
    ROOT,
    "",
  ];
}

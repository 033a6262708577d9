import { join } from "node:path";
import { SANDBOX_HOST_NAME, SANDBOX_USER } from "./workspace.ts";

/** What is shown inside, with paths that the sandbox's user can open on the host. */
export interface SandboxView {
  readonly rootFileSystem: RootFileSystem;
  readonly mounts: readonly { readonly source: string; readonly sandboxPath: string }[];
  readonly codeDirectory: string;
  readonly fileSystems: readonly { readonly source: string; readonly sandboxPath: string }[];
  /** Shown at /opt, which is empty without it. */
  readonly layersDirectory?: string | undefined;
  readonly scratch: { readonly path: string } | { readonly sizeBytes: number };
  readonly environmentVariables: Readonly<Record<string, string>>;
  /** The command is the first process inside, and not a child of one of bwrap's. */
  readonly isFirstProcess?: boolean | undefined;
}

/** What is the same for every sandbox on this machine. */
export interface RootFileSystem {
  readonly etc: string;
  /** Directories of the host's /etc shown below `etc`. */
  readonly etcMounts: readonly string[];
  /** Of the links at the top (bin, lib …), those that this machine has: name → target. */
  readonly topLinks: Readonly<Record<string, string>>;
  /** Where such a name is a directory of its own instead. */
  readonly topDirectories: readonly string[];
  /** Directories below /usr that an administrator writes to, shown empty. */
  readonly hiddenDirectories: readonly string[];
  /** Files below /proc that tell about the host, shown empty. */
  readonly hiddenProcFiles: readonly string[];
}

export const DEVICES = ["null", "zero", "full", "random", "urandom"];
export const STANDARD_STREAM_LINKS = { fd: "", stdin: "/0", stdout: "/1", stderr: "/2" } as const;
/** AWS: /opt is for layers and /mnt for file systems; both are there without any. */
export const EMPTY_DIRECTORIES = ["/opt", "/mnt"];

/** One option of bwrap with its values. */
export type Option = readonly string[];

function namespaceOptions(): Option[] {
  const { uid, gid } = SANDBOX_USER;
  return [
    ["--unshare-all"],
    ["--die-with-parent"],
    ["--new-session"],
    ["--cap-drop", "ALL"],
    ["--uid", String(uid)],
    ["--gid", String(gid)],
    ["--hostname", SANDBOX_HOST_NAME],
  ];
}

/** The root directory with everything but the function, its runtime and /tmp. */
export function rootOptions(root: RootFileSystem): Option[] {
  return [
    ["--ro-bind", "/usr", "/usr"],
    ...root.hiddenDirectories.flatMap((path) => emptyDirectory(path)),
    ...Object.entries(root.topLinks).map(([name, target]) => ["--symlink", target, `/${name}`]),
    ...root.topDirectories.map((name) => ["--ro-bind", `/${name}`, `/${name}`]),
    ["--ro-bind", root.etc, "/etc"],
    ...root.etcMounts.map((name) => ["--ro-bind", join("/etc", name), join("/etc", name)]),
    ["--proc", "/proc"],
    ...root.hiddenProcFiles.map((path) => ["--ro-bind", "/dev/null", path]),
    ...deviceOptions(),
    ...EMPTY_DIRECTORIES.map((path) => ["--dir", path]),
  ];
}

function emptyDirectory(path: string): Option[] {
  return [
    ["--size", "4096"],
    ["--tmpfs", path],
    ["--remount-ro", path],
  ];
}

/** Without /dev/shm, as on AWS: semaphores and shared memory by name are "not implemented" there. */
function deviceOptions(): Option[] {
  return [
    ["--size", "65536"],
    ["--tmpfs", "/dev"],
    ...DEVICES.map((name) => ["--dev-bind", `/dev/${name}`, `/dev/${name}`]),
    ...Object.entries(STANDARD_STREAM_LINKS).map(([name, end]) => [
      "--symlink",
      `/proc/self/fd${end}`,
      `/dev/${name}`,
    ]),
    ["--remount-ro", "/dev"],
  ];
}

function scratchOptions(scratch: SandboxView["scratch"]): Option[] {
  if ("path" in scratch) return [["--bind", scratch.path, "/tmp"]];
  return [
    ["--perms", "1777"],
    ["--size", String(scratch.sizeBytes)],
    ["--tmpfs", "/tmp"],
  ];
}

/**
 * The options of bwrap for one sandbox, in the order in which it carries them out. They go through a pipe: on a
 * command line every user of the machine could read the function's environment variables.
 * Throws when a value contains a NUL character, which would end the option in its middle.
 */
export function bubblewrapOptions(view: SandboxView, seccompDescriptor: number): Buffer {
  // Shorter paths first: a mount point below another mount must find it there.
  const mounts = [...view.mounts].sort((a, b) => a.sandboxPath.length - b.sandboxPath.length);
  const options: Option[] = [
    ...namespaceOptions(),
    ...(view.isFirstProcess === true ? [["--as-pid-1"]] : []),
    ["--seccomp", String(seccompDescriptor)],
    ...rootOptions(view.rootFileSystem),
    ...scratchOptions(view.scratch),
    ["--ro-bind", view.codeDirectory, "/var/task"],
    ...(view.layersDirectory === undefined ? [] : [["--ro-bind", view.layersDirectory, "/opt"]]),
    ...mounts.map(({ source, sandboxPath }) => ["--ro-bind", source, sandboxPath]),
    ...view.fileSystems.map(({ source, sandboxPath }) => ["--bind", source, sandboxPath]),
    ["--remount-ro", "/"],
    ["--chdir", "/var/task"],
    ["--clearenv"],
    ...Object.entries(view.environmentVariables).map(([name, value]) => ["--setenv", name, value]),
  ];
  return encodeOptions(options);
}

/** Options as bwrap reads them from a pipe. Throws when one of them contains a NUL character. */
export function encodeOptions(options: readonly Option[]): Buffer {
  const words = options.flat();
  if (words.some((word) => word.includes("\0")))
    throw new Error("an environment variable or path contains a NUL character");
  return Buffer.from(words.map((word) => `${word}\0`).join(""));
}

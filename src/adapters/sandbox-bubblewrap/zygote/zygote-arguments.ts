import { encodeOptions, type Option, type RootFileSystem, rootOptions } from "../bubblewrap-arguments.ts";

/** Joining namespaces, reading who a process is and which descriptors it has, asking a child to end. */
const CAPABILITIES = ["CAP_SYS_ADMIN", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_KILL"];

export interface ZygoteView {
  readonly rootFileSystem: RootFileSystem;
  readonly mounts: readonly { readonly source: string; readonly sandboxPath: string }[];
  /** Where the control groups of sandboxes are, which its children join. */
  readonly groupDirectories: readonly string[];
  readonly environmentVariables: Readonly<Record<string, string>>;
}

/**
 * The options of bwrap for a zygote: the file system of a sandbox, so that what its children have loaded has the paths
 * that it has in theirs, and no network. It stays root and among the host's processes, which it takes to enter sandboxes.
 */
export function zygoteOptions(view: ZygoteView): Buffer {
  const mounts = [...view.mounts].sort((a, b) => a.sandboxPath.length - b.sandboxPath.length);
  const options: Option[] = [
    ["--unshare-net"],
    ["--unshare-ipc"],
    ["--unshare-uts"],
    ["--die-with-parent"],
    ["--new-session"],
    ["--cap-drop", "ALL"],
    ...CAPABILITIES.map((name) => ["--cap-add", name]),
    ...rootOptions(view.rootFileSystem),
    ["--dir", "/var/task"],
    ...mounts.map(({ source, sandboxPath }) => ["--ro-bind", source, sandboxPath]),
    ...view.groupDirectories.map((directory) => ["--bind", directory, directory]),
    ["--remount-ro", "/"],
    ["--chdir", "/var/task"],
    ["--clearenv"],
    ...Object.entries(view.environmentVariables).map(([name, value]) => ["--setenv", name, value]),
  ];
  return encodeOptions(options);
}

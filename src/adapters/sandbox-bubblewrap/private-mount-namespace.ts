import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, readlinkSync } from "node:fs";

/** `<process id>:<mount namespace before>`. Children inherit the variable, but not the process id. */
const MARKER = "_LAMBENT_MOUNT_NAMESPACE_OF";
const UNSHARE = "/usr/bin/unshare";
const UMOUNT = "/usr/bin/umount";
const UNSHARE_PARAMETERS = ["--mount", "--propagation", "private"];

function currentMountNamespace(): string {
  return readlinkSync("/proc/self/ns/mnt");
}

/** Whether this process has a mount namespace of its own, so that mounts made here end with it. */
export function isInPrivateMountNamespace(): boolean {
  const [processId, before] = (process.env[MARKER] ?? "").split(/:(.*)/s);
  return processId === String(process.pid) && before !== currentMountNamespace();
}

/**
 * Lets go of the mounts that whoever started this process has made for sandboxes of its own. They were copied into this
 * process's namespace, and would be kept alive here when they are unmounted there.
 */
export function releaseInheritedMounts(): void {
  if (!isInPrivateMountNamespace()) return;
  const mounted = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "");
  const tops = mounted.filter((path) => /^\/run\/lambent-[^/]+$/.test(path));
  for (const path of new Set(tops)) spawnSync(UMOUNT, ["--recursive", "--lazy", path], { stdio: "ignore" });
}

/**
 * Puts this program into a mount namespace of its own, by replacing itself with itself: same process id, `argv` as
 * the arguments after Node's own. Call before anything has been opened or printed. What is mounted from then on is
 * seen by this process and its children only, and is gone with them, even after kill -9.
 *
 * Does nothing when it is done already, on other systems than Linux, without root, and where the kernel refuses
 * (containers without CAP_SYS_ADMIN); `isInPrivateMountNamespace` tells.
 */
export function enterPrivateMountNamespace(argv: readonly string[]): void {
  if (process.platform !== "linux" || process.getuid?.() !== 0 || isInPrivateMountNamespace()) return;
  if (process.execve === undefined || !existsSync(UNSHARE)) return;
  const allowed = spawnSync(UNSHARE, [...UNSHARE_PARAMETERS, "true"], { stdio: "ignore" }).status === 0;
  if (!allowed) return;
  const marker = `${process.pid}:${currentMountNamespace()}`;
  const command = [process.execPath, ...process.execArgv, ...argv];
  process.execve(UNSHARE, [UNSHARE, ...UNSHARE_PARAMETERS, "--", ...command], {
    ...process.env,
    [MARKER]: marker,
  });
}

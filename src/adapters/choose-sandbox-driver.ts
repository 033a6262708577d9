import { readFileSync } from "node:fs";
import { OperatorError } from "../core/operator-error.ts";
import type { Clock } from "../ports/clock.ts";
import type { SandboxDriver } from "../ports/sandbox.ts";
import {
  bubblewrapInstallCommand,
  canInstallBubblewrap,
  installBubblewrap,
} from "./sandbox-bubblewrap/install-bubblewrap.ts";
import { findProgram, openBubblewrapDriver } from "./sandbox-bubblewrap/open-bubblewrap-driver.ts";
import { openProcessDriver } from "./sandbox-process/process-driver.ts";

export interface SandboxDriverOptions {
  /** "auto" isolates where that is possible. */
  readonly preference: "auto" | "bubblewrap" | "process";
  /** Whether a missing bubblewrap may be installed. */
  readonly allowInstall: boolean;
  /** Existing, and locked by this process: what an earlier run for it has left behind is removed. */
  readonly dataDirectory: string;
  /** Directories from which sandboxes are shown something: code store, interpreters, runtimes. */
  readonly sharedDirectories: readonly string[];
  /** Tells the operator what takes time. */
  readonly announce: (line: string) => void;
  readonly clock: Clock;
}

/** Kernel settings that keep users from making namespaces: file, value, the command that changes it. */
const NAMESPACE_SETTINGS = [
  {
    file: "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
    forbids: "1",
    command: "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
  },
  {
    file: "/proc/sys/kernel/unprivileged_userns_clone",
    forbids: "0",
    command: "sysctl -w kernel.unprivileged_userns_clone=1",
  },
  {
    file: "/proc/sys/user/max_user_namespaces",
    forbids: "0",
    command: "sysctl -w user.max_user_namespaces=15000",
  },
];

/**
 * Opens the best sandbox driver that works on this machine; "works" is found out by starting a sandbox. Falls back
 * to plain processes, which isolate nothing, and says why. Throws `OperatorError` when bubblewrap was asked for and
 * is not to be had.
 */
export async function chooseSandboxDriver(options: SandboxDriverOptions): Promise<SandboxDriver> {
  const { preference, dataDirectory } = options;
  if (preference === "process")
    return openProcessDriver({ dataDirectory, reason: "as configured", advice: [] });
  const failure = await tryBubblewrap(options);
  if ("driver" in failure) return failure.driver;
  if (preference === "bubblewrap")
    throw new OperatorError(`functions cannot be isolated: ${failure.reason}`, failure.advice.join("; "));
  return openProcessDriver({ dataDirectory, ...failure });
}

type Attempt =
  | { readonly driver: SandboxDriver }
  | { readonly reason: string; readonly advice: readonly string[] };

async function tryBubblewrap(options: SandboxDriverOptions): Promise<Attempt> {
  if (process.platform !== "linux")
    return {
      reason: "isolation needs Linux",
      advice: ["run Lambent on Linux, in a virtual machine for instance"],
    };
  const isRoot = process.getuid?.() === 0;
  const isThere = (): boolean => findProgram("bwrap") !== undefined;
  if (!isThere() && options.allowInstall && canInstallBubblewrap()) await installBubblewrap(options.announce);
  if (!isThere()) {
    const command =
      bubblewrapInstallCommand(isRoot) ?? "install bubblewrap (https://github.com/containers/bubblewrap)";
    return { reason: "bubblewrap is not installed", advice: [`for isolation: ${command}`] };
  }
  try {
    return { driver: await openBubblewrapDriver(options) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { reason: `bubblewrap does not work here: ${reason}`, advice: namespaceAdvice(isRoot) };
  }
}

function namespaceAdvice(isRoot: boolean): string[] {
  const forbidding = NAMESPACE_SETTINGS.filter(({ file, forbids }) => setting(file) === forbids);
  const commands = forbidding.map(({ command }) => `for isolation: ${isRoot ? "" : "sudo "}${command}`);
  return commands.length > 0
    ? commands
    : ["in a container, isolation needs it to be started with --privileged"];
}

function setting(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    // A kernel without this setting.
    return undefined;
  }
}

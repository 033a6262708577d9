import { readFileSync } from "node:fs";
import { OperatorError } from "../core/operator-error.ts";
import type { Clock } from "../ports/clock.ts";
import type { SandboxDriver } from "../ports/sandbox.ts";
import {
  canInstallPackages,
  type InstallablePackage,
  installCommand,
  installPackage,
} from "./sandbox-bubblewrap/install-package.ts";
import { NetworkUnavailableError } from "./sandbox-bubblewrap/network/choose-network.ts";
import type { NetworkPolicy } from "./sandbox-bubblewrap/network/network-policy.ts";
import { openBubblewrapDriver } from "./sandbox-bubblewrap/open-bubblewrap-driver.ts";
import { findProgram } from "./sandbox-bubblewrap/programs.ts";
import { openProcessDriver } from "./sandbox-process/process-driver.ts";

export interface SandboxDriverOptions {
  /** "auto" isolates where that is possible. */
  readonly preference: "auto" | "bubblewrap" | "process";
  /** Where functions may connect to; "auto" is "internet" where that can be done, and "none" elsewhere. */
  readonly network: NetworkPolicy;
  /** Whether missing programs may be installed. */
  readonly allowInstall: boolean;
  /** Existing, and locked by this process: what an earlier run for it has left behind is removed. */
  readonly dataDirectory: string;
  /** Directories from which sandboxes are shown something: code store, interpreters, runtimes. */
  readonly sharedDirectories: readonly string[];
  /** Those of file systems that functions may write to. */
  readonly writableDirectories: readonly string[];
  /** Tells the operator what takes time. */
  readonly announce: (line: string) => void;
  /** Told when programs that could be forked have to be started, and why. */
  readonly forkingFailed?: (error: unknown, command: string) => void;
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
 * to plain processes, which isolate nothing, and says why. Throws `OperatorError` when bubblewrap or a network policy
 * was asked for and is not to be had.
 */
export async function chooseSandboxDriver(options: SandboxDriverOptions): Promise<SandboxDriver> {
  const { preference, network, dataDirectory } = options;
  if (preference === "process") {
    refusePolicyOfPlainProcesses(network);
    return openProcessDriver({ dataDirectory, reason: "as configured", advice: [] });
  }
  const failure = await tryBubblewrap(options);
  if ("driver" in failure) return failure.driver;
  if (preference === "bubblewrap")
    throw new OperatorError(`functions cannot be isolated: ${failure.reason}`, failure.advice.join("; "));
  refusePolicyOfPlainProcesses(network);
  return openProcessDriver({ dataDirectory, ...failure });
}

function refusePolicyOfPlainProcesses(network: NetworkPolicy): void {
  if (network === "auto") return;
  throw new OperatorError(
    `the network policy ${network} cannot be kept: functions run as plain processes here, which have this machine's network`,
    "Leave --network away, or have functions isolated (--isolation bubblewrap).",
  );
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
  if (!(await provide("bwrap", "bubblewrap", options))) {
    const command =
      installCommand("bubblewrap", isRoot) ?? "install bubblewrap (https://github.com/containers/bubblewrap)";
    return { reason: "bubblewrap is not installed", advice: [`for isolation: ${command}`] };
  }
  if (isRoot && options.network !== "none") await provide("nft", "nftables", options);
  try {
    return { driver: await openBubblewrapDriver(options) };
  } catch (error) {
    if (error instanceof NetworkUnavailableError)
      throw new OperatorError(
        `the network policy ${options.network} cannot be kept: ${error.message}`,
        "Mend that, or start with --network none.",
      );
    if (error instanceof OperatorError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    return { reason: `bubblewrap does not work here: ${reason}`, advice: namespaceAdvice(isRoot) };
  }
}

/** Whether a program is there, in the end. */
async function provide(
  program: string,
  name: InstallablePackage,
  { allowInstall, announce }: SandboxDriverOptions,
): Promise<boolean> {
  if (findProgram(program) === undefined && allowInstall && canInstallPackages())
    await installPackage(name, announce);
  return findProgram(program) !== undefined;
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

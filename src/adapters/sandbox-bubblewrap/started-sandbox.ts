import { closeSync } from "node:fs";
import type { SandboxView } from "./bubblewrap-arguments.ts";
import type { ControlGroup, GroupEntrance } from "./cgroups/control-group.ts";
import { type HandOverChannel, LISTENER_PORTS } from "./hand-over-channel.ts";
import type { ProgramEnd, SandboxHelper } from "./helper/sandbox-helper.ts";
import type { LaunchCommand } from "./launch-command.ts";
import type { LaunchSettings } from "./launch-settings.ts";
import type { OutputPipe } from "./named-pipes.ts";
import { type InsideProcess, openNetworkNamespace } from "./network-namespace.ts";
import type { ScratchVolume } from "./scratch-volumes.ts";
import type { UnprivilegedUser } from "./unprivileged-users.ts";

/** Descriptors of the program inside; those behind them are not for it. */
export const CHANNEL_DESCRIPTOR = 3;
export const TELEMETRY_DESCRIPTOR = 4;
/** AWS: the limit of open files in an environment. */
export const OPEN_FILES_MAX = 1_024;
/** When the whole machine runs out of memory, functions go before Lambent does. */
export const OOM_SCORE_ADJUSTMENT = 500;

export interface SandboxStart {
  readonly command: LaunchCommand;
  readonly user: UnprivilegedUser | undefined;
  readonly group: ControlGroup | undefined;
  /** What it will show as /tmp. */
  readonly scratch: ScratchVolume | undefined;
  /**
   * What the program writes to standard output, standard error and as framed records, in one pipe that keeps the order;
   * and what is told of the sandbox. Their write ends are closed here.
   */
  readonly outputs: readonly OutputPipe[];
}

/** Something under its limits that waits to be told what to show: a bwrap, or the first process of a sandbox. */
export interface StartedSandbox {
  readonly processId: number;
  /** It is the first process inside, and no bwrap. */
  readonly isFirstProcess: boolean;
  readonly ended: Promise<ProgramEnd>;
  readonly handOver: HandOverChannel;
  /** Tells it, which starts the program; undefined: it is to give up. Throws for what cannot be told. */
  show(view: SandboxView | undefined): void;
  /** What /proc tells that the first process of a held sandbox runs as soon as the sandbox stands. */
  readonly holder: string | undefined;
  /** The process that has the first one inside as a child. */
  readonly parentOfFirst: number;
  kill(): void;
  /** They are opened for the program, which is not started before the hand-over has ended; otherwise it opens them. */
  readonly hasListeners: boolean;
  /** Opens them, once the first process is known, where that is not done already. */
  readonly listen?: (firstProcess: number) => Promise<void>;
}

/** The descriptor that a holder of sandboxes reads; undefined for every other program, which has no input. */
export const heldInput = ({ holder }: LaunchSettings, command: readonly string[]): number | undefined =>
  command.join() === holder?.command.join() ? holder.input : undefined;

/** How the helper finds a descriptor of this process. */
export const descriptorPath = (descriptor: number | undefined): string =>
  `/proc/${process.pid}/fd/${descriptor}`;

/** The descriptors of the program inside as the helper is told of them. */
export function programDescriptors(
  settings: LaunchSettings,
  command: LaunchCommand,
  outputs: readonly OutputPipe[],
): { words: string[]; information: string; isHeld: boolean } {
  const [output, information = ""] = outputs.map((pipe) => descriptorPath(pipe.writeDescriptor));
  const held = heldInput(settings, command.words);
  const isHeld = held !== undefined;
  const words = [
    isHeld ? `r${descriptorPath(held)}` : "r/dev/null",
    `w${output}`,
    `w${output}`,
    isHeld ? "channel" : "gate",
    command.isFunctions === true ? "none" : `w${output}`,
  ];
  return { words, information, isHeld };
}

/** Name and port of each listener, as the helper is told of them. */
export const LISTENER_WORDS = Object.entries(LISTENER_PORTS).flatMap(([name, port]) => [name, String(port)]);

/** How a process gets into a control group, if there is one. */
export function entranceOf(group: ControlGroup | undefined): GroupEntrance {
  return group?.entrance() ?? { group: "", taskFiles: [] };
}

/** Puts a sandbox's listeners into its network namespace, and their handles into its hand-over. */
export async function openListeners(
  helper: SandboxHelper,
  processId: number,
  inside: InsideProcess,
): Promise<void> {
  const namespace = openNetworkNamespace(inside);
  try {
    await helper.ask("listen", String(processId), String(namespace), ...LISTENER_WORDS);
  } finally {
    closeSync(namespace);
  }
}

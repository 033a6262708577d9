import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, constants, openSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { Writable } from "node:stream";
import type { ControlGroup } from "./cgroups/control-group.ts";
import { channelOf, HandOverChannel, LISTENER_PORTS } from "./hand-over-channel.ts";
import { connectChannel } from "./helper/channel-end.ts";
import type { ProgramEnd, SandboxHelper } from "./helper/sandbox-helper.ts";
import type { LaunchCommand } from "./launch-command.ts";
import type { LaunchSettings } from "./launch-settings.ts";
import { makeInputPipe, type OutputPipe } from "./named-pipes.ts";
import { openNetworkNamespace } from "./network-namespace.ts";
import type { ScratchVolume } from "./scratch-volumes.ts";
import type { UnprivilegedUser } from "./unprivileged-users.ts";

/** Descriptors of bwrap. The first five stay with the program inside; the others bwrap reads and closes. */
export const TELEMETRY_DESCRIPTOR = 4;
const CHANNEL_DESCRIPTOR = 3;
const OPTIONS_DESCRIPTOR = 5;
export const SECCOMP_DESCRIPTOR = 6;
const INFORMATION_DESCRIPTOR = 7;
/** AWS: the limit of open files in an environment. */
export const OPEN_FILES_MAX = 1_024;
/** No core dumps, they would fill /tmp. */
const RESOURCE_LIMITS = [`--nofile=${OPEN_FILES_MAX}:${OPEN_FILES_MAX}`, "--core=0:0"];
/** When the whole machine runs out of memory, functions go before Lambent does. */
export const OOM_SCORE_ADJUSTMENT = 500;

export interface BubblewrapStart {
  /** That bwrap will run. */
  readonly command: LaunchCommand;
  readonly user: UnprivilegedUser | undefined;
  readonly group: ControlGroup | undefined;
  /** What it will show as /tmp. */
  readonly scratch: ScratchVolume | undefined;
  /** Standard output, standard error, telemetry, and what bwrap tells of the sandbox. Their write ends are closed here. */
  readonly outputs: readonly OutputPipe[];
}

/** A bwrap under its limits, which waits for its options. */
export interface StartedBubblewrap {
  readonly processId: number;
  readonly ended: Promise<ProgramEnd>;
  readonly handOver: HandOverChannel;
  readonly options: Writable;
  kill(): void;
  /**
   * Opens the sandbox's listeners, once its first process is known; they arrive at the hand-over's channel, and the
   * program is not started before that has ended. Undefined: the program opens them by itself.
   */
  readonly listen?: (firstProcess: number) => Promise<void>;
}

/** Starts a bwrap, through the helper where there is one. Leaves nothing behind when it rejects. */
export async function startBubblewrap(
  settings: LaunchSettings,
  id: string,
  start: BubblewrapStart,
): Promise<StartedBubblewrap> {
  const helper = settings.helpers?.now;
  try {
    if (helper === undefined && start.command.isFunctions === true)
      throw new Error("a function's own program cannot open its listeners");
    return await (helper === undefined
      ? startByNode(settings, start)
      : startByHelper(helper, settings, { id, ...start }));
  } finally {
    for (const { writeDescriptor } of start.outputs) closeSync(writeDescriptor);
  }
}

function bubblewrapCommand(
  settings: LaunchSettings,
  command: readonly string[],
  waitsForChannel = false,
): string[] {
  const parameters = ["--args", String(OPTIONS_DESCRIPTOR), "--info-fd", String(INFORMATION_DESCRIPTOR)];
  // It ends with the channel: bwrap reads nothing then, closes it and goes on.
  if (waitsForChannel) parameters.push("--block-fd", String(CHANNEL_DESCRIPTOR));
  return [settings.bubblewrap, ...parameters, "--", ...command];
}

/** The descriptor that a holder of sandboxes reads; undefined for every other program, which has no input. */
const heldInput = ({ holder }: LaunchSettings, command: readonly string[]): number | undefined =>
  command.join() === holder?.command.join() ? holder.input : undefined;

/** The helper's child goes into its group by itself, before it becomes bwrap. */
async function startByHelper(
  helper: SandboxHelper,
  settings: LaunchSettings,
  { id, command, user, group, scratch, outputs }: BubblewrapStart & { readonly id: string },
): Promise<StartedBubblewrap> {
  const input = await makeInputPipe(settings.pipesDirectory, `${id}-options`, { owner: user, helper });
  try {
    const ours = (descriptor: number | undefined): string => `/proc/${process.pid}/fd/${descriptor}`;
    const [stdout, stderr, telemetry, information] = outputs.map((pipe) => ours(pipe.writeDescriptor));
    const held = heldInput(settings, command.words);
    // What is forked into a sandbox opens its listeners itself, as it has all that it needs for that.
    const listens = held === undefined;
    const descriptors = [
      held === undefined ? "r/dev/null" : `r${ours(held)}`,
      `w${stdout}`,
      `w${stderr}`,
      listens ? "gate" : "channel",
      command.isFunctions === true ? "none" : `w${telemetry}`,
      `r${ours(input.readDescriptor)}`,
      `r${settings.seccompFile}`,
      `b${information}`,
    ];
    const entrance = group?.entrance() ?? { group: "", taskFiles: [] };
    // The helper takes channels in the order of launches: nothing may come between these two.
    const handOver = new HandOverChannel(connectChannel(helper.channelPath), { acknowledges: !listens });
    const launching = helper.launch(
      String(user ?? ""),
      String(OOM_SCORE_ADJUSTMENT),
      String(OPEN_FILES_MAX),
      settings.mountPoints?.volumes ?? "",
      scratch?.path ?? "",
      settings.mountPoints?.late ?? "",
      entrance.group,
      String(descriptors.length),
      ...descriptors,
      String(entrance.taskFiles.length),
      ...entrance.taskFiles,
      ...bubblewrapCommand(settings, command.words, listens),
    );
    const { processId, ended } = await launching.catch((error: unknown) => {
      handOver.close();
      throw error;
    });
    return {
      processId,
      ended,
      handOver,
      options: input.writer,
      kill: () => helper.kill(processId),
      ...(listens && { listen: (firstProcess) => openListeners(helper, processId, firstProcess) }),
    };
  } catch (error) {
    input.writer.destroy();
    throw error;
  } finally {
    closeSync(input.readDescriptor);
  }
}

async function openListeners(helper: SandboxHelper, processId: number, firstProcess: number): Promise<void> {
  const namespace = openNetworkNamespace(firstProcess, processId);
  try {
    const ports = Object.entries(LISTENER_PORTS).flatMap(([name, port]) => [name, String(port)]);
    await helper.ask("listen", String(processId), String(namespace), ...ports);
  } finally {
    closeSync(namespace);
  }
}

async function startByNode(
  settings: LaunchSettings,
  { command, user, group, outputs }: BubblewrapStart,
): Promise<StartedBubblewrap> {
  const child = spawnBubblewrap(settings, { command, user, outputs });
  const ended = new Promise<ProgramEnd>((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal }));
    child.once("error", () => resolve({ code: null, signal: null }));
  });
  const kill = (): void => void child.kill("SIGKILL");
  const handOver = new HandOverChannel(channelOf(child));
  try {
    const options = child.stdio.at(OPTIONS_DESCRIPTOR);
    const processId = child.pid;
    if (processId === undefined || !(options instanceof Writable))
      throw new Error(`bubblewrap could not be started: ${child.spawnfile}`);
    await writeFile(`/proc/${processId}/oom_score_adj`, String(OOM_SCORE_ADJUSTMENT));
    await group?.attach(processId);
    return { processId, ended, handOver, options, kill };
  } catch (error) {
    kill();
    handOver.close();
    await ended;
    throw error;
  }
}

function spawnBubblewrap(
  settings: LaunchSettings,
  { command, user, outputs }: Pick<BubblewrapStart, "command" | "user" | "outputs">,
): ChildProcess {
  const [stdout, stderr, telemetry, information] = outputs.map(({ writeDescriptor }) => writeDescriptor);
  const input = heldInput(settings, command.words) ?? "ignore";
  const seccomp = openSync(settings.seccompFile, constants.O_RDONLY);
  try {
    const bubblewrap = bubblewrapCommand(settings, command.words);
    return spawn(settings.prlimit, [...RESOURCE_LIMITS, "--", ...bubblewrap], {
      cwd: "/",
      env: {},
      stdio: [input, stdout, stderr, "ipc", telemetry, "pipe", seccomp, information],
      ...(user !== undefined && { uid: user, gid: user }),
    });
  } finally {
    closeSync(seccomp);
  }
}

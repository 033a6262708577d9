import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, constants, openSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { Writable } from "node:stream";
import { bubblewrapOptions } from "./bubblewrap-arguments.ts";
import { channelOf, HandOverChannel } from "./hand-over-channel.ts";
import { connectChannel } from "./helper/channel-end.ts";
import type { ProgramEnd, SandboxHelper } from "./helper/sandbox-helper.ts";
import type { LaunchSettings } from "./launch-settings.ts";
import { makeInputPipe } from "./named-pipes.ts";
import {
  CHANNEL_DESCRIPTOR,
  descriptorPath,
  entranceOf,
  heldInput,
  OOM_SCORE_ADJUSTMENT,
  OPEN_FILES_MAX,
  openListeners,
  programDescriptors,
  type SandboxStart,
  type StartedSandbox,
} from "./started-sandbox.ts";

/** Descriptors of bwrap behind those of the program inside; it reads and closes them. */
const OPTIONS_DESCRIPTOR = 5;
const SECCOMP_DESCRIPTOR = 6;
const INFORMATION_DESCRIPTOR = 7;
/** No core dumps, they would fill /tmp. */
const RESOURCE_LIMITS = [`--nofile=${OPEN_FILES_MAX}:${OPEN_FILES_MAX}`, "--core=0:0"];

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

/**
 * A bwrap that the helper has started; its child goes into its group by itself, before it becomes bwrap. Leaves nothing
 * behind when it rejects.
 */
export async function startByHelper(
  helper: SandboxHelper,
  settings: LaunchSettings,
  { id, command, user, group, scratch, outputs }: SandboxStart & { readonly id: string },
): Promise<StartedSandbox> {
  const input = await makeInputPipe(settings.pipesDirectory, `${id}-options`, { owner: user, helper });
  try {
    const { words: programs, information, isHeld } = programDescriptors(settings, command, outputs);
    // What is forked into it opens its listeners itself.
    const listens = !isHeld;
    const descriptors = [
      ...programs,
      `r${descriptorPath(input.readDescriptor)}`,
      `r${settings.seccompFile}`,
      `b${information}`,
    ];
    const entrance = entranceOf(group);
    // The helper takes channels in the order of launches: nothing may come between these two.
    const handOver = new HandOverChannel(connectChannel(helper.channelPath), { acknowledges: !listens });
    const launching = helper.launch(
      "launch",
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
      isFirstProcess: false,
      ended,
      handOver,
      show: showThrough(input.writer),
      holder: settings.holder?.executable,
      parentOfFirst: processId,
      kill: () => helper.kill(processId),
      hasListeners: listens,
      ...(listens && {
        listen: (firstProcess) =>
          openListeners(helper, processId, { firstProcess, parent: processId, group: group?.name }),
      }),
    };
  } catch (error) {
    input.writer.destroy();
    throw error;
  } finally {
    closeSync(input.readDescriptor);
  }
}

/** Through the pipe from which a bwrap reads its options. A bwrap that has died is noticed by its end. */
function showThrough(options: Writable): StartedSandbox["show"] {
  options.on("error", () => {});
  return (view) =>
    void options.end(view === undefined ? undefined : bubblewrapOptions(view, SECCOMP_DESCRIPTOR));
}

/** A bwrap that this process has started. Leaves nothing behind when it rejects. */
export async function startByNode(
  settings: LaunchSettings,
  { command, user, group, outputs }: SandboxStart,
): Promise<StartedSandbox> {
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
    const show = showThrough(options);
    const holder = settings.holder?.executable;
    return {
      processId,
      isFirstProcess: false,
      ended,
      handOver,
      show,
      holder,
      parentOfFirst: processId,
      kill,
      hasListeners: false,
    };
  } catch (error) {
    kill();
    handOver.close();
    await ended;
    throw error;
  }
}

function spawnBubblewrap(
  settings: LaunchSettings,
  { command, user, outputs }: Pick<SandboxStart, "command" | "user" | "outputs">,
): ChildProcess {
  const [output, information] = outputs.map(({ writeDescriptor }) => writeDescriptor);
  const input = heldInput(settings, command.words) ?? "ignore";
  const seccomp = openSync(settings.seccompFile, constants.O_RDONLY);
  try {
    const bubblewrap = bubblewrapCommand(settings, command.words);
    return spawn(settings.prlimit, [...RESOURCE_LIMITS, "--", ...bubblewrap], {
      cwd: "/",
      env: {},
      stdio: [input, output, output, "ipc", output, "pipe", seccomp, information],
      ...(user !== undefined && { uid: user, gid: user }),
    });
  } finally {
    closeSync(seccomp);
  }
}

import type { Readable } from "node:stream";
import type { Belongings } from "./belongings.ts";
import type { SandboxView } from "./bubblewrap-arguments.ts";
import type { ControlGroup } from "./cgroups/control-group.ts";
import type { HandOverChannel } from "./hand-over-channel.ts";
import type { ProgramEnd } from "./helper/sandbox-helper.ts";
import type { LaunchCommand } from "./launch-command.ts";
import type { LaunchSettings } from "./launch-settings.ts";
import { makeOutputPipes, type OutputPipe } from "./named-pipes.ts";
import type { ScratchVolume } from "./scratch-volumes.ts";
import { startSandbox } from "./start-sandbox.ts";
import { TELEMETRY_DESCRIPTOR } from "./started-sandbox.ts";
import type { UnprivilegedUser } from "./unprivileged-users.ts";

/**
 * A bwrap, or the first process of a sandbox that the helper builds, that has been started as a user of its own, inside
 * its control group, and waits for what it is to show: nothing of it runs outside its limits, and moving it into the
 * group, which may take ten milliseconds, is over before anybody waits for a sandbox. When this process dies, what it
 * waits for cannot come any more and it gives up.
 */
export interface Launch {
  readonly id: string;
  readonly processId: number;
  /** What was launched is the first process inside; otherwise that is a child of it. */
  readonly isFirstProcess: boolean;
  /** Has the first process inside as a child. */
  readonly parentOfFirst: number;
  /** What /proc tells that a first process runs that holds a sandbox, as soon as the sandbox stands. */
  readonly holder: string | undefined;
  readonly isRunning: () => boolean;
  readonly user: UnprivilegedUser | undefined;
  /** Its /tmp; undefined where that has to be a tmpfs. */
  readonly scratch: ScratchVolume | undefined;
  readonly group: ControlGroup | undefined;
  readonly handOver: HandOverChannel;
  readonly stdout: Readable;
  /** The program finds its listeners there; otherwise it opens them and gives them away. */
  readonly hasListeners: boolean;
  /** How what was launched has ended. */
  readonly ended: Promise<ProgramEnd>;
  /**
   * Host id of the first process inside, as soon as its namespaces are there. Rejects when there is none.
   */
  readonly firstProcess: Promise<number>;
  /** Tells what is to be shown and so starts the program; undefined: it is to give up. Throws for what cannot be told. */
  start(view: SandboxView | undefined): void;
  /** Kills what was launched, and so what it has started. */
  kill(): void;
  /** Memory of the program that another process has been charged for. */
  readonly sharedBytes?: number;
  /** Asks a program that bwrap has not started itself to end. */
  readonly terminate?: () => void;
}

/** What the first process of a sandbox that the helper builds says when the sandbox stands. */
const BUILT = "built\n";

/** The variable by which the program inside finds a pipe that it inherits. */
export const TELEMETRY_VARIABLE = { _LAMBDA_TELEMETRY_LOG_FD: String(TELEMETRY_DESCRIPTOR) };

/** What a launch is made with. */
export interface LaunchOrder {
  readonly command: LaunchCommand;
  /** Size of /tmp. */
  readonly scratchMb: number;
  /** Of an earlier sandbox of the same environment, in place of new ones; they stay the caller's when this fails. */
  readonly kept?: Belongings;
}

/** Launches what will run the command, under its limits. Leaves nothing behind when it rejects. */
export async function prepareLaunch(
  settings: LaunchSettings,
  id: string,
  { command, scratchMb, kept }: LaunchOrder,
): Promise<Launch> {
  const undo: (() => void | Promise<void>)[] = [];
  try {
    const { user, scratch } = kept ?? (await newBelongings(settings, scratchMb));
    if (kept === undefined) {
      if (user !== undefined) undo.push(() => settings.users?.release(user));
      undo.push(() => scratch?.release());
    }
    // When bwrap cannot write its information, it ends without the child that waits for it, which then waits for ever:
    // that pipe must not break when this process dies.
    const names = [{ name: `${id}-output` }, { name: `${id}-information`, outlivesReader: true }];
    const pipes = await makeOutputPipes(settings.pipesDirectory, names, {
      owner: user,
      helper: settings.helpers?.now,
    });
    undo.push(() => closePipes(pipes));
    const group = settings.groups?.create(id);
    if (group !== undefined) undo.push(() => group.remove());
    return await startWaiting(settings, id, { command, user, scratch, group, pipes });
  } catch (error) {
    for (const step of undo.reverse()) await step();
    throw error;
  }
}

function closePipes(pipes: readonly OutputPipe[]): void {
  for (const { reader } of pipes) reader.destroy();
}

/** A user that nobody else has, and a volume of his as far as there are such. */
async function newBelongings(settings: LaunchSettings, scratchMb: number): Promise<Belongings> {
  const user = settings.users?.take();
  if (user === undefined) return { user, scratch: undefined };
  // Without volumes on this machine, or without a loop device just now, /tmp has to be a tmpfs.
  const scratch = await settings.scratchVolumes?.take(scratchMb, user).catch(() => undefined);
  return { user, scratch };
}

async function startWaiting(
  settings: LaunchSettings,
  id: string,
  parts: Belongings & {
    readonly command: LaunchCommand;
    readonly group: ControlGroup | undefined;
    readonly pipes: readonly OutputPipe[];
  },
): Promise<Launch> {
  const { command, user, scratch, group, pipes } = parts;
  const [stdout, information] = pipes.map(({ reader }) => reader);
  if (stdout === undefined || information === undefined) throw new Error("a pipe is missing");
  const started = await startSandbox(settings, id, { command, user, group, scratch, outputs: pipes });
  const { processId, isFirstProcess, parentOfFirst, holder, ended, handOver, hasListeners, listen } = started;
  const firstProcess = firstProcessOf(information, isFirstProcess ? processId : undefined);
  let isRunning = true;
  void ended.then(() => {
    isRunning = false;
  });
  // Without its listeners its program must not be started.
  if (listen !== undefined) firstProcess.then(listen).catch(() => started.kill());
  return {
    id,
    processId,
    isFirstProcess,
    parentOfFirst,
    holder,
    isRunning: () => isRunning,
    user,
    scratch,
    group,
    handOver,
    stdout,
    ended,
    firstProcess,
    hasListeners,
    start: (view) => started.show(view),
    kill: () => started.kill(),
  };
}

/** From what bwrap tells about a sandbox that it has made, or the first process of one itself, whose id is known. */
function firstProcessOf(information: Readable, launched: number | undefined): Promise<number> {
  const first = new Promise<number>((resolve, reject) => {
    let text = "";
    information.setEncoding("utf8").on("data", (part: string) => {
      text += part;
      const [, processId] = /"child-pid": (\d+)\D/.exec(text) ?? [];
      if (processId !== undefined) resolve(Number(processId));
      if (launched !== undefined && text === BUILT) resolve(launched);
    });
    const none = (): void => reject(new Error("no sandbox has been made"));
    information.once("error", none);
    information.once("close", none);
  });
  first.catch(() => {});
  return first;
}

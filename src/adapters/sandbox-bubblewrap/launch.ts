import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, constants, openSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { type Readable, Writable } from "node:stream";
import type { ControlGroup, ControlGroups } from "./cgroups/control-group.ts";
import { HandOverChannel } from "./hand-over-channel.ts";
import { makeOutputPipes, type OutputPipe } from "./named-pipes.ts";
import type { UnprivilegedUser, UnprivilegedUsers } from "./unprivileged-users.ts";
import type { Holder } from "./zygote/holder.ts";

/** Descriptors of bwrap. The first five stay with the program inside; the others bwrap reads and closes. */
const TELEMETRY_DESCRIPTOR = 4;
const OPTIONS_DESCRIPTOR = 5;
export const SECCOMP_DESCRIPTOR = 6;
const INFORMATION_DESCRIPTOR = 7;
/** AWS: the limit of open files in an environment. */
export const OPEN_FILES_MAX = 1_024;
/** No core dumps, they would fill /tmp. */
const RESOURCE_LIMITS = [`--nofile=${OPEN_FILES_MAX}:${OPEN_FILES_MAX}`, "--core=0:0"];
/** When the whole machine runs out of memory, functions go before Lambent does. */
export const OOM_SCORE_ADJUSTMENT = 500;

/** What every launch on this machine has in common. */
export interface LaunchSettings {
  readonly bubblewrap: string;
  /** `prlimit` of util-linux. */
  readonly prlimit: string;
  /** File with the seccomp program. */
  readonly seccompFile: string;
  readonly pipesDirectory: string;
  /** Undefined: sandboxes run as the user of this process. */
  readonly users: UnprivilegedUsers | undefined;
  /** Undefined: nothing can be limited. */
  readonly groups: ControlGroups | undefined;
  /** Undefined: every program is started by bwrap. */
  readonly holder?: Holder | undefined;
}

/**
 * A bwrap that has been started as a user of its own, inside its control group, and waits for its options: nothing
 * of it runs outside its limits, and moving it into the group, which may take ten milliseconds, is over before
 * anybody waits for a sandbox. When this process dies, the pipe with the options ends and bwrap gives up.
 */
export interface Launch {
  readonly id: string;
  readonly child: ChildProcess;
  readonly user: UnprivilegedUser | undefined;
  readonly group: ControlGroup | undefined;
  readonly handOver: HandOverChannel;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly telemetry: Readable;
  /** How bwrap has ended. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /**
   * Host id of the first process inside, as soon as its namespaces are there; bwrap, its parent, is `child`. Rejects
   * when there is none.
   */
  readonly firstProcess: Promise<number>;
  /** Gives bwrap its options and so starts the program. */
  start(options: Buffer): void;
  /** Memory of the program that another process has been charged for. */
  readonly sharedBytes?: number;
  /** Asks a program that bwrap has not started itself to end. */
  readonly terminate?: () => void;
}

function spawnBubblewrap(
  settings: LaunchSettings,
  command: readonly string[],
  user: UnprivilegedUser | undefined,
  outputs: readonly number[],
): ChildProcess {
  const [stdout, stderr, telemetry, information] = outputs;
  const { holder } = settings;
  const isHolder = holder !== undefined && command.join() === holder.command.join();
  const seccomp = openSync(settings.seccompFile, constants.O_RDONLY);
  try {
    const parameters = ["--args", String(OPTIONS_DESCRIPTOR), "--info-fd", String(INFORMATION_DESCRIPTOR)];
    const bubblewrap = [settings.bubblewrap, ...parameters, "--", ...command];
    return spawn(settings.prlimit, [...RESOURCE_LIMITS, "--", ...bubblewrap], {
      cwd: "/",
      env: {},
      stdio: [
        isHolder ? holder.input : "ignore",
        stdout,
        stderr,
        "ipc",
        telemetry,
        "pipe",
        seccomp,
        information,
      ],
      ...(user !== undefined && { uid: user, gid: user }),
    });
  } finally {
    closeSync(seccomp);
  }
}

/** The variables by which the program inside finds what it inherits. */
export const INHERITED_VARIABLES: Readonly<Record<string, string>> = {
  NODE_CHANNEL_FD: "3",
  NODE_CHANNEL_SERIALIZATION_MODE: "json",
  _LAMBDA_TELEMETRY_LOG_FD: String(TELEMETRY_DESCRIPTOR),
};

/**
 * Starts a bwrap that will run `command`, and brings it under its limits. Leaves nothing behind when it rejects; a
 * user given as `keptUser` stays the caller's.
 */
export async function prepareLaunch(
  settings: LaunchSettings,
  id: string,
  command: readonly string[],
  keptUser?: UnprivilegedUser,
): Promise<Launch> {
  const user = keptUser ?? settings.users?.take();
  const undo: (() => void | Promise<void>)[] = [];
  if (user !== undefined && keptUser === undefined) undo.push(() => settings.users?.release(user));
  try {
    // When bwrap cannot write its information, it ends without the child that waits for it, which then waits for ever:
    // that pipe must not break when this process dies.
    const names = [
      ...["stdout", "stderr", "telemetry"].map((name) => ({ name: `${id}-${name}` })),
      { name: `${id}-information`, outlivesReader: true },
    ];
    const pipes = await makeOutputPipes(settings.pipesDirectory, names, user);
    undo.push(() => closePipes(pipes));
    const group = settings.groups?.create(id);
    if (group !== undefined) undo.push(() => group.remove());
    const launch = startWaiting(settings, id, { command, user, group, pipes });
    undo.push(async () => {
      launch.child.kill("SIGKILL");
      launch.handOver.close();
      await launch.ended;
    });
    await bringUnderLimits(launch);
    return launch;
  } catch (error) {
    for (const step of undo.reverse()) await step();
    throw error;
  }
}

async function bringUnderLimits({ child, group }: Launch): Promise<void> {
  const processId = child.pid;
  if (processId === undefined) throw new Error(`bubblewrap could not be started: ${child.spawnfile}`);
  await writeFile(`/proc/${processId}/oom_score_adj`, String(OOM_SCORE_ADJUSTMENT));
  await group?.attach(processId);
}

function closePipes(pipes: readonly OutputPipe[]): void {
  for (const { reader } of pipes) reader.destroy();
}

function startWaiting(
  settings: LaunchSettings,
  id: string,
  parts: {
    readonly command: readonly string[];
    readonly user: UnprivilegedUser | undefined;
    readonly group: ControlGroup | undefined;
    readonly pipes: readonly OutputPipe[];
  },
): Launch {
  const { command, user, group, pipes } = parts;
  const [stdout, stderr, telemetry, information] = pipes.map(({ reader }) => reader);
  if (stdout === undefined || stderr === undefined || telemetry === undefined || information === undefined)
    throw new Error("a pipe is missing");
  const descriptors = pipes.map(({ writeDescriptor }) => writeDescriptor);
  let child: ChildProcess;
  try {
    child = spawnBubblewrap(settings, command, user, descriptors);
  } finally {
    for (const descriptor of descriptors) closeSync(descriptor);
  }
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal }));
    child.once("error", () => resolve({ code: null, signal: null }));
  });
  const handOver = new HandOverChannel(child);
  const options = child.stdio.at(OPTIONS_DESCRIPTOR);
  if (!(options instanceof Writable)) throw new Error("the pipe for bwrap's options is missing");
  // A bwrap that has died is noticed by its end.
  options.on("error", () => {});
  return {
    id,
    child,
    user,
    group,
    handOver,
    stdout,
    stderr,
    telemetry,
    ended,
    firstProcess: firstProcessOf(information),
    start: (text) => options.end(text),
  };
}

/** From what bwrap tells about a sandbox that it has made. */
function firstProcessOf(information: Readable): Promise<number> {
  const first = new Promise<number>((resolve, reject) => {
    let text = "";
    information.setEncoding("utf8").on("data", (part: string) => {
      text += part;
      const [, processId] = /"child-pid": (\d+)\D/.exec(text) ?? [];
      if (processId !== undefined) resolve(Number(processId));
    });
    const none = (): void => reject(new Error("bubblewrap has made no sandbox"));
    information.once("error", none);
    information.once("close", none);
  });
  first.catch(() => {});
  return first;
}

import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { constants, devNull } from "node:os";
import { join } from "node:path";
import { type Duplex, Writable } from "node:stream";
import type { Clock } from "../../../ports/clock.ts";
import type { ControlGroup } from "../cgroups/control-group.ts";
import type { ProgramEnd } from "../helper/sandbox-helper.ts";

const CONTROL_DESCRIPTOR = 3;
/** The number of 4, where children have log records, stays taken: interpreters keep descriptors of their own behind it. */
const OPTIONS_DESCRIPTOR = 5;
/** To load and prepare a program takes a tenth of a second on a machine that is idle. */
const READY_WITHIN_MS = 30_000;
/** Of what it has said before it failed. */
const COMPLAINT_CHARACTERS = 2_000;

const signalNames = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]));

/** A program that was forked into a sandbox. */
export interface ForkedProgram {
  /** In the host's numbers. */
  readonly processId: number;
  readonly ended: Promise<ProgramEnd>;
  /** Asks it to end; without effect when it has. */
  terminate(): void;
}

/** Where a child is to go. */
export interface ForkOrder {
  /** Unique among the sandboxes of this process. */
  readonly id: string;
  /** Host id of the sandbox's first process. */
  readonly firstProcess: number;
  /** What /proc tells that it runs as soon as the sandbox stands. */
  readonly runs: string;
  readonly group: ControlGroup;
  /** Otherwise the child opens them. */
  readonly hasListeners: boolean;
}

/** What its children become, besides what the sandbox says. */
export interface ZygoteSettings {
  readonly uid: number;
  readonly gid: number;
  readonly openFiles: number;
  readonly oomScoreAdjustment: number;
  /** The seccomp program, in hexadecimal digits. */
  readonly filter: string;
}

export interface ZygoteLaunch {
  readonly clock: Clock;
  readonly bubblewrap: string;
  readonly options: Buffer;
  readonly command: readonly string[];
  readonly group: ControlGroup;
  readonly settings: ZygoteSettings;
}

interface Child {
  readonly forked: PromiseWithResolvers<ForkedProgram>;
  readonly ended: PromiseWithResolvers<ProgramEnd>;
}

type Answer =
  | { readonly ready: true; readonly sharedBytes: number }
  | { readonly forked: string; readonly processId: number }
  | { readonly failed: string; readonly reason: string }
  | { readonly ended: string; readonly code?: number; readonly signal?: number };

/** Files by which a process puts itself into a group. */
function entrances(group: ControlGroup): string[] {
  const { group: unified, taskFiles } = group.entrance();
  return [...(unified === "" ? [] : [join(unified, "cgroup.procs")]), ...taskFiles];
}

/**
 * A process that has a runtime's program loaded and prepared, and forks itself into sandboxes that stand ready. It lies
 * outside of all of them and never learns anything of a function. It ends when this process does, and its children with it.
 */
export class Zygote {
  /** Resolves when it runs no more; its children have been killed then. */
  readonly ended: Promise<void>;
  readonly #process: ChildProcess;
  readonly #control: Duplex;
  readonly #group: ControlGroup;
  readonly #ready = Promise.withResolvers<void>();
  readonly #children = new Map<string, Child>();
  readonly #childless: () => void;
  #forks = 0;
  #sharedBytes = 0;
  #hasEnded = false;
  #closed: Promise<void> | undefined;
  #said = "";

  private constructor(launch: ZygoteLaunch, childless: () => void) {
    const { bubblewrap, command, group } = launch;
    const nothing = openSync(devNull, "r");
    this.#process = spawn(bubblewrap, ["--args", String(OPTIONS_DESCRIPTOR), "--", ...command], {
      cwd: "/",
      env: {},
      // With a user given, Node drops this process's supplementary groups.
      uid: 0,
      gid: 0,
      stdio: ["ignore", "pipe", "pipe", "pipe", nothing, "pipe"],
    });
    closeSync(nothing);
    this.#group = group;
    this.#childless = childless;
    this.#control = this.#process.stdio[CONTROL_DESCRIPTOR] as Duplex;
    this.ended = new Promise((resolve) => {
      const end = (): void => {
        this.#end();
        resolve();
      };
      this.#process.once("exit", end).once("error", end);
    });
    this.#ready.promise.catch(() => undefined);
    this.#listen();
  }

  /** Resolves when it can fork; rejects with the reason when it does not come to that. `childless`: see `forks`. */
  static async start(launch: ZygoteLaunch, childless: () => void): Promise<Zygote> {
    const zygote = new Zygote(launch, childless);
    try {
      const { pid } = zygote.#process;
      if (pid === undefined) throw new Error(`${launch.bubblewrap} could not be started`);
      await launch.group.attach(pid);
      const streams: readonly unknown[] = zygote.#process.stdio;
      const options = streams[OPTIONS_DESCRIPTOR];
      if (options instanceof Writable) options.on("error", () => undefined).end(launch.options);
      zygote.#send({ ...launch.settings });
      await zygote.#readyInTime(launch.clock);
      zygote.#unref();
      return zygote;
    } catch (error) {
      await zygote.close();
      throw error;
    }
  }

  /** How many children it has had. */
  get forks(): number {
    return this.#forks;
  }

  /** Memory that its children have from it, and no control group of theirs is charged for. */
  get sharedBytes(): number {
    return this.#sharedBytes;
  }

  /** What it and those of its children that could not enter their sandbox have said, as far as it is not long ago. */
  get complaints(): string {
    return this.#said.trim();
  }

  /** How many live; `childless` is called when the last one has ended. */
  get children(): number {
    return this.#children.size;
  }

  /** Forks a child into a sandbox, which may still be under construction. Rejects when that is not possible. */
  fork({ id, firstProcess, runs, group, hasListeners }: ForkOrder): Promise<ForkedProgram> {
    if (this.#hasEnded) return Promise.reject(new Error("the zygote has ended"));
    const child: Child = { forked: Promise.withResolvers(), ended: Promise.withResolvers() };
    this.#children.set(id, child);
    this.#forks++;
    const where = { holder: firstProcess, runs, group: group.name, groups: entrances(group) };
    this.#send({ fork: id, ...where, hasListeners });
    return child.forked.promise;
  }

  /** Kills it and its children; idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#process.ref();
    this.#group.kill();
    this.#process.kill("SIGKILL");
    await this.ended;
    await this.#group.remove();
  }

  async #readyInTime(clock: Clock): Promise<void> {
    const cancel = clock.after(READY_WITHIN_MS, () =>
      this.#ready.reject(new Error(`the zygote is not ready: ${this.complaints}`)),
    );
    await this.#ready.promise.finally(cancel);
  }

  #listen(): void {
    for (const stream of [this.#process.stdout, this.#process.stderr])
      stream
        ?.on("error", () => undefined)
        .on("data", (part: Buffer) => {
          this.#said = (this.#said + part.toString()).slice(-COMPLAINT_CHARACTERS);
        });
    let text = "";
    // With its end comes the end of the process, which says more.
    this.#control
      .on("error", () => undefined)
      .on("data", (part: Buffer) => {
        const lines = (text + part.toString()).split("\n");
        text = lines.pop() ?? "";
        for (const line of lines) this.#receive(JSON.parse(line) as Answer);
      });
  }

  /** It waits for orders only: this process may end without it. */
  #unref(): void {
    this.#process.unref();
    for (const stream of this.#process.stdio) (stream as { unref?: () => void } | null)?.unref?.();
  }

  #send(message: object): void {
    this.#control.write(`${JSON.stringify(message)}\n`);
  }

  #receive(answer: Answer): void {
    if ("ready" in answer) {
      this.#sharedBytes = answer.sharedBytes;
      this.#ready.resolve();
    } else if ("forked" in answer) {
      const { forked: id, processId } = answer;
      const child = this.#children.get(id);
      const terminate = (): void => {
        if (this.#children.get(id) === child) this.#send({ terminate: id });
      };
      child?.forked.resolve({ processId, ended: child.ended.promise, terminate });
    } else if ("failed" in answer) {
      this.#children.get(answer.failed)?.forked.reject(new Error(answer.reason));
      this.#forget(answer.failed);
    } else {
      const { ended: id, code = null, signal } = answer;
      const name = signal === undefined ? null : (signalNames.get(signal) ?? "SIGKILL");
      this.#children.get(id)?.ended.resolve({ code, signal: name as NodeJS.Signals | null });
      this.#forget(id);
    }
  }

  #forget(id: string): void {
    if (this.#children.delete(id) && this.#children.size === 0) this.#childless();
  }

  #end(): void {
    this.#hasEnded = true;
    const said = this.complaints;
    const error = new Error(`the zygote has ended${said === "" ? "" : `: ${said}`}`);
    this.#ready.reject(error);
    for (const { forked, ended } of this.#children.values()) {
      forked.reject(error);
      // The kernel has killed it, as its parent is gone.
      ended.resolve({ code: null, signal: "SIGKILL" });
    }
    this.#children.clear();
  }
}

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import type { Socket } from "node:net";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock as clock } from "../adapters/clock-system/clock-system.ts";
import type { Configuration } from "../config.ts";
import type { Owner } from "../core/function-reference.ts";
import { watchAnswers } from "../data-plane/answer-watch.ts";
import type { CallsOfMain, CallsOfProcess, ProcessUse, Units } from "../data-plane/calls.ts";
import { type Answers, Channel } from "../data-plane/channel.ts";
import type { LeaseHolder } from "../data-plane/revocations.ts";
import type { Borrower } from "../data-plane/unit-ledger.ts";
import { watchOrphan } from "./orphan-watch.ts";

/** How long a process may take to begin, and to end once it is told to. */
const START_WITHIN_MS = 60_000;
const END_WITHIN_MS = 15_000;

/** How long one may go on by itself; it ends by itself sooner, if it can (`DataPlaneProcess`). */
const ORPHAN_SECONDS = 11;

const ownFile = fileURLToPath(import.meta.url);
const PROGRAM = fileURLToPath(new URL(`../data-plane-process${extname(ownFile)}`, import.meta.url));

type ToProcess = Channel<CallsOfMain, CallsOfProcess>;

/** One data-plane process as the main one sees it, from its start to its end. */
export class DataPlaneMember implements LeaseHolder, Borrower {
  readonly number: number;
  /** Resolves when the process has ended, for whatever reason. */
  readonly exited: Promise<void>;
  readonly #child: ChildProcess;
  readonly #connected = Promise.withResolvers<ToProcess>();
  #channel: ToProcess | undefined;
  #isServing = false;
  #hasServed = false;

  /** Starts the process; it comes back on the socket. `directory` is its own. */
  static async start(
    number: number,
    of: {
      readonly socketPath: string;
      readonly directory: string;
      readonly isolation: Configuration["isolation"];
    },
  ): Promise<DataPlaneMember> {
    await mkdir(of.directory, { recursive: true, mode: 0o700 });
    const parameters = [PROGRAM, String(number), of.socketPath, of.isolation];
    const child = spawn(process.execPath, [...process.execArgv, ...parameters], {
      stdio: ["ignore", "inherit", "inherit"],
    });
    return new DataPlaneMember(number, child);
  }

  private constructor(number: number, child: ChildProcess) {
    this.number = number;
    this.#child = child;
    this.#connected.promise.catch(() => undefined);
    const ended = (): void => {
      this.#isServing = false;
      this.#channel?.close();
      this.#connected.reject(new Error("a data-plane process ended before it was ready"));
    };
    this.exited = Promise.race([once(child, "exit"), once(child, "error")]).then(ended, ended);
    if (child.pid === undefined) return;
    const orphanWatch = watchOrphan(child.pid, ORPHAN_SECONDS);
    void this.exited.then(() => orphanWatch.end());
    // Unwatched it might keep the port for ever.
    void orphanWatch.failed.then(() => child.kill("SIGKILL"));
  }

  get processId(): number | undefined {
    return this.#child.pid;
  }

  get isServing(): boolean {
    return this.#isServing;
  }

  get hasServed(): boolean {
    return this.#hasServed;
  }

  /** Its connection has come; nothing was asked on it yet. */
  connect(socket: Socket, answers: Answers<CallsOfProcess>): void {
    this.#channel = new Channel(socket, answers);
    // It cannot do without; and neither can this one do without an answer.
    void this.#channel.closed.then(() => this.#child.kill("SIGKILL"));
    this.#connected.resolve(this.#channel);
  }

  /** Resolves when it could run functions. */
  async configure(configuration: Configuration): Promise<void> {
    const late = setTimeout(() => this.#child.kill("SIGKILL"), START_WITHIN_MS);
    try {
      const channel = await this.#connected.promise;
      await channel.ask("configure", { configuration: JSON.stringify(configuration) });
    } finally {
      clearTimeout(late);
    }
  }

  async listen(address: { readonly host: string; readonly port: number }): Promise<void> {
    const channel = await this.#connected.promise;
    await channel.ask("listen", address);
    this.#isServing = true;
    this.#hasServed = true;
  }

  /** From now on it is ended when it does not answer; `ending` is called before. */
  watch(ending: () => void): void {
    const silent = (): void => {
      ending();
      this.#child.kill("SIGKILL");
    };
    const ask = async (): Promise<unknown> => this.flush();
    void this.exited.then(watchAnswers({ clock, ask, silent }));
  }

  async revoke(epoch: number, retired: readonly string[]): Promise<void> {
    await this.#channel?.ask("revoke", { epoch, retired });
  }

  async recall(owner: Owner): Promise<Units> {
    return (await this.#channel?.ask("recall", owner)) ?? { units: 0, invocations: 0 };
  }

  /** What it has to tell is told when this resolves. */
  flush(): Promise<ProcessUse> | undefined {
    return this.#isServing ? this.#channel?.ask("flush", null) : undefined;
  }

  tell<Name extends keyof CallsOfMain>(name: Name, question: CallsOfMain[Name]["question"]): void {
    this.#channel?.tell(name, question);
  }

  async drain(withinMs: number): Promise<void> {
    await this.#channel?.ask("drain", { withinMs }).catch(() => undefined);
  }

  /** Lets it clean up after itself. */
  async close(): Promise<void> {
    if (this.#channel === undefined) this.#child.kill("SIGKILL");
    else this.#channel.tell("end", null);
    const late = setTimeout(() => this.#child.kill("SIGKILL"), END_WITHIN_MS);
    await this.exited;
    clearTimeout(late);
  }

  end(): Promise<void> {
    this.#child.kill("SIGKILL");
    return this.exited;
  }
}

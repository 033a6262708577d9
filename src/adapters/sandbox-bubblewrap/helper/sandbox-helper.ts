import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { constants } from "node:os";
import type { Readable, Writable } from "node:stream";
import { getSystemErrorName } from "node:util";
import type { HelperPrograms } from "./compile-helper.ts";

/** How a launched program has ended. */
export interface ProgramEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface LaunchedProgram {
  readonly processId: number;
  readonly ended: Promise<ProgramEnd>;
}

type Helper = ChildProcessByStdio<Writable, Readable, null>;
type Answer = { readonly error: number; readonly text: string } | Error;

const ANSWER = /^(\d+) (\d+) ?(.*)$/;
const EXIT = /^exit (\d+) (-?\d+) (\d+)$/;
const signalNames = new Map(
  Object.entries(constants.signals).map(([name, number]) => [number, name as NodeJS.Signals]),
);

/**
 * A small child that starts programs and mounts for us, in our mount namespace (`helper-source.ts` says how one talks
 * to it). It ends with its standard input, so with this process, and what it has launched ends with it.
 */
export class SandboxHelper {
  /** Where a channel that is to become a launched program's is connected, before its launch is asked for. */
  readonly channelPath: string;
  readonly #child: Helper;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  readonly #launched = new Map<number, (end: ProgramEnd) => void>();
  /** Those of which it has been asked already. */
  readonly #killed = new Set<number>();
  #asked = 0;
  #text = "";
  #hasEnded = false;

  private constructor(child: Helper, channelPath: string) {
    this.channelPath = channelPath;
    this.#child = child;
    child.stdout.setEncoding("latin1").on("data", (part: string) => this.#receive(part));
    child.stdin.on("error", () => undefined);
    child.once("error", () => this.#end());
    // Its exit would not be waited for.
    child.stdout.once("close", () => this.#end());
    // It waits for requests only: this process may end without it.
    child.unref();
    for (const pipe of [child.stdin, child.stdout]) (pipe as unknown as Socket).unref();
  }

  /** Rejects when the helper does not run: a request that it must refuse is the test. */
  static async start(
    { helper: program, init }: HelperPrograms,
    workspaceDirectory: string,
    channelPath: string,
  ): Promise<SandboxHelper> {
    const child = spawn(program, [workspaceDirectory, channelPath, init], {
      cwd: "/",
      env: {},
      // Not in the terminal's process group, so that Ctrl-C lets it serve to the end.
      detached: true,
      stdio: ["pipe", "pipe", "ignore"],
    });
    const helper = new SandboxHelper(child, channelPath);
    const refused = await helper.ask("unmount", "/").catch((error: unknown) => error);
    if (refused === undefined || (refused as NodeJS.ErrnoException).code !== "EPERM") {
      helper.close();
      throw refused instanceof Error ? refused : new Error("the helper mounts anywhere");
    }
    return helper;
  }

  get processId(): number {
    return this.#child.pid ?? 0;
  }

  get isRunning(): boolean {
    return !this.#hasEnded;
  }

  /** Resolves with what the helper says beside its success; rejects with the kernel's error. */
  async ask(...words: readonly string[]): Promise<string> {
    const answer = await this.#ask(words);
    if (answer instanceof Error) throw answer;
    const { error, text } = answer;
    if (error === 0) return text;
    const code = getSystemErrorName(-error);
    throw Object.assign(new Error(`${code}: ${words[0]}${text === "" ? "" : `: ${text}`}`), { code });
  }

  /** Starts a program; the words are those of `launch` in `launch-source.ts` or of `build` in `build-source.ts`. */
  async launch(how: "launch" | "build", ...words: readonly string[]): Promise<LaunchedProgram> {
    const ended = Promise.withResolvers<ProgramEnd>();
    const answer = await this.#ask([how, ...words], (processId) =>
      this.#launched.set(processId, ended.resolve),
    );
    if (answer instanceof Error) throw answer;
    if (answer.error !== 0) throw new Error(`${getSystemErrorName(-answer.error)}: ${how}`);
    return { processId: Number(answer.text), ended: ended.promise };
  }

  /** Kills a launched program; nothing happens when it has ended. */
  kill(processId: number): void {
    if (!this.#launched.has(processId) || this.#killed.has(processId)) return;
    this.#killed.add(processId);
    this.ask("kill", String(processId)).catch(() => undefined);
  }

  close(): void {
    this.#child.stdin.end();
  }

  #ask(words: readonly string[], launched?: (processId: number) => void): Promise<Answer> {
    return new Promise((resolve) => {
      if (this.#hasEnded) return resolve(new Error("the helper has ended"));
      const name = ++this.#asked;
      (this.#child.stdout as unknown as Socket).ref();
      this.#waiting.set(name, (answer) => {
        // At once: the program's end may be in the next line.
        if (!(answer instanceof Error) && answer.error === 0) launched?.(Number(answer.text));
        resolve(answer);
      });
      const request = [String(words.length + 1), String(name), ...words];
      this.#child.stdin.write(request.map((word) => `${word}\0`).join(""));
    });
  }

  #receive(part: string): void {
    const lines = (this.#text + part).split("\n");
    this.#text = lines.pop() ?? "";
    for (const line of lines) this.#understand(line);
    if (this.#waiting.size === 0 && this.#launched.size === 0)
      (this.#child.stdout as unknown as Socket).unref();
  }

  #understand(line: string): void {
    const [, process, status, signal] = EXIT.exec(line) ?? [];
    if (process !== undefined) {
      const ended = this.#launched.get(Number(process));
      this.#launched.delete(Number(process));
      this.#killed.delete(Number(process));
      const code = Number(status);
      ended?.(
        code < 0
          ? { code: null, signal: signalNames.get(Number(signal)) ?? "SIGKILL" }
          : { code, signal: null },
      );
      return;
    }
    const [, name, error, text = ""] = ANSWER.exec(line) ?? [];
    const waiting = this.#waiting.get(Number(name));
    this.#waiting.delete(Number(name));
    waiting?.({ error: Number(error), text });
  }

  #end(): void {
    this.#hasEnded = true;
    for (const answer of this.#waiting.values()) answer(new Error("the helper has ended"));
    this.#waiting.clear();
    for (const ended of this.#launched.values()) ended({ code: null, signal: "SIGKILL" });
    this.#launched.clear();
  }
}

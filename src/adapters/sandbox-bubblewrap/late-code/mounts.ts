import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, rename, rm, stat, writeFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { getSystemErrorName } from "node:util";
import { findProgram } from "../programs.ts";
import { runCommand } from "../run-command.ts";
import { MOUNT_HELPER_SOURCE } from "./mount-helper-source.ts";

/** Binds directories below the driver's workspace to other places below it. */
export interface Mounts {
  /** The new mount has the flags of the one that the source lies on: read-only stays read-only. */
  bind(source: string, target: string): Promise<void>;
  unmount(target: string): Promise<void>;
  close(): void;
}

/** Four milliseconds each: a program is started. */
const mountsByProgram: Mounts = {
  bind: async (source, target) => void (await runCommand("mount", "--bind", source, target)),
  unmount: async (target) => void (await runCommand("umount", "--lazy", target)),
  close: () => undefined,
};

/**
 * Opens the quickest way to mount: a helper that this machine's C compiler makes once (kept in `cacheDirectory`), or
 * `mount` where there is no compiler or its product does not run.
 */
export async function openMounts(workspaceDirectory: string, cacheDirectory: string): Promise<Mounts> {
  const compiler = findProgram("cc");
  if (compiler === undefined) return mountsByProgram;
  try {
    const helper = await compiled(compiler, cacheDirectory);
    return await HelperMounts.start(helper, workspaceDirectory);
  } catch {
    return mountsByProgram;
  }
}

/** Path of the helper; named by its source, so that another version of Lambent does not run it. */
async function compiled(compiler: string, cacheDirectory: string): Promise<string> {
  const hash = createHash("sha256").update(MOUNT_HELPER_SOURCE).digest("hex").slice(0, 16);
  const helper = join(cacheDirectory, `mount-helper-${hash}`);
  if (await stat(helper).catch(() => undefined)) return helper;
  await mkdir(cacheDirectory, { recursive: true, mode: 0o700 });
  const directory = await mkdtemp(join(cacheDirectory, "compiling-"));
  try {
    const [source, product] = [join(directory, "helper.c"), join(directory, "helper")];
    await writeFile(source, MOUNT_HELPER_SOURCE);
    await runCommand(compiler, "-O2", "-o", product, source);
    await chmod(product, 0o700);
    await rename(product, helper);
    return helper;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

type Helper = ChildProcessByStdio<Writable, Readable, null>;

/** A child that mounts for us, in our mount namespace. It ends with its standard input, so with this process. */
class HelperMounts implements Mounts {
  readonly #child: Helper;
  readonly #waiting: ((errorNumber: number | Error) => void)[] = [];
  #text = "";
  #ended = false;

  private constructor(child: Helper) {
    this.#child = child;
    child.stdout.setEncoding("latin1").on("data", (part: string) => this.#receive(part));
    child.stdin.on("error", () => undefined);
    for (const event of ["error", "exit"]) child.once(event, () => this.#end());
    // It waits for commands only: this process may end without it.
    child.unref();
    for (const pipe of [child.stdin, child.stdout]) (pipe as unknown as Socket).unref();
  }

  /** Rejects when the helper does not run: a command that it must refuse is the test. */
  static async start(program: string, workspaceDirectory: string): Promise<HelperMounts> {
    const child = spawn(program, [workspaceDirectory], {
      cwd: "/",
      env: {},
      // Not in the terminal's process group, so that Ctrl-C lets it serve to the end.
      detached: true,
      stdio: ["pipe", "pipe", "ignore"],
    });
    const mounts = new HelperMounts(child);
    const refused = await mounts.#ask("unmount", "", "/").catch((error: unknown) => error);
    if (refused === undefined || (refused as NodeJS.ErrnoException).code !== "EPERM") {
      mounts.close();
      throw refused instanceof Error ? refused : new Error("the mount helper mounts anywhere");
    }
    return mounts;
  }

  bind(source: string, target: string): Promise<void> {
    return this.#ask("bind", source, target);
  }

  unmount(target: string): Promise<void> {
    return this.#ask("unmount", "", target);
  }

  close(): void {
    this.#child.stdin.end();
  }

  #ask(command: "bind" | "unmount", source: string, target: string): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(new Error("the mount helper has ended"));
      (this.#child.stdout as unknown as Socket).ref();
      this.#waiting.push((answer) => {
        if (answer === 0) resolve();
        else if (answer instanceof Error) reject(answer);
        else reject(mountError(answer, `${command} ${target}`));
      });
      this.#child.stdin.write(`${command}\0${source}\0${target}\0`);
    });
  }

  #receive(part: string): void {
    const lines = (this.#text + part).split("\n");
    this.#text = lines.pop() ?? "";
    for (const line of lines) this.#waiting.shift()?.(Number(line));
    if (this.#waiting.length === 0) (this.#child.stdout as unknown as Socket).unref();
  }

  #end(): void {
    this.#ended = true;
    for (const answer of this.#waiting.splice(0)) answer(new Error("the mount helper has ended"));
  }
}

function mountError(errorNumber: number, what: string): Error {
  const code = getSystemErrorName(-errorNumber);
  return Object.assign(new Error(`${code}: ${what}`), { code });
}

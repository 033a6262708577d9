import { join } from "node:path";
import { compiledHelper } from "./compile-helper.ts";
import { SandboxHelper } from "./sandbox-helper.ts";

/**
 * The helper as far as there is one: without a C compiler, and where its product does not run, everything is done by
 * programs instead. One that somebody has ended is replaced.
 */
export class HelperAccess {
  readonly #program: Promise<string> | undefined;
  readonly #workspaceDirectory: string;
  #starting: Promise<SandboxHelper | undefined>;
  #helper: SandboxHelper | undefined;
  #started = 0;
  #isClosed = false;

  /** Needs a mount namespace of our own. The compiled helper is kept in `cacheDirectory`. */
  constructor(workspaceDirectory: string, cacheDirectory: string, compiler: string | undefined) {
    this.#workspaceDirectory = workspaceDirectory;
    this.#program = compiler === undefined ? undefined : compiledHelper(compiler, cacheDirectory);
    this.#program?.catch(() => undefined);
    this.#starting = this.#start();
  }

  /** What runs just now. */
  get now(): SandboxHelper | undefined {
    if (this.#helper?.isRunning === false && !this.#isClosed) {
      this.#helper = undefined;
      this.#starting = this.#start();
    }
    return this.#helper;
  }

  /** The same, when it has been made. */
  async whenReady(): Promise<SandboxHelper | undefined> {
    return this.now ?? (await this.#starting);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    (await this.#starting)?.close();
  }

  async #start(): Promise<SandboxHelper | undefined> {
    const channelPath = join(this.#workspaceDirectory, `helper-${this.#started++}`);
    try {
      const program = await this.#program;
      if (program === undefined) return undefined;
      this.#helper = await SandboxHelper.start(program, this.#workspaceDirectory, channelPath);
      return this.#helper;
    } catch {
      return undefined;
    }
  }
}

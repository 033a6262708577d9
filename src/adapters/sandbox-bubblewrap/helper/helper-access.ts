import { join } from "node:path";
import { compiledHelper, type HelperPrograms } from "./compile-helper.ts";
import { type BuildingGround, SandboxBuilder } from "./sandbox-builder.ts";
import { SandboxHelper } from "./sandbox-helper.ts";

/**
 * The helper as far as there is one: without a C compiler, and where its product does not run, everything is done by
 * programs instead. One that somebody has ended is replaced.
 */
export class HelperAccess {
  readonly #programs: Promise<HelperPrograms> | undefined;
  readonly #ground: BuildingGround;
  readonly #builders = new WeakMap<SandboxHelper, SandboxBuilder>();
  #starting: Promise<SandboxHelper | undefined>;
  #helper: SandboxHelper | undefined;
  #started = 0;
  #isClosed = false;

  /** Needs a mount namespace of our own. The compiled helper is kept in `cacheDirectory`. */
  constructor(ground: BuildingGround, cacheDirectory: string, compiler: string | undefined) {
    this.#ground = ground;
    this.#programs = compiler === undefined ? undefined : compiledHelper(compiler, cacheDirectory);
    this.#programs?.catch(() => undefined);
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

  /** What has this helper build sandboxes; undefined where it cannot, or has not shown yet that it can. */
  builderWith(helper: SandboxHelper): SandboxBuilder | undefined {
    return this.#builders.get(helper);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    (await this.#starting)?.close();
  }

  async #start(): Promise<SandboxHelper | undefined> {
    const { workspaceDirectory } = this.#ground;
    const channelPath = join(workspaceDirectory, `helper-${this.#started++}`);
    try {
      const programs = await this.#programs;
      if (programs === undefined) return undefined;
      const helper = await SandboxHelper.start(programs, workspaceDirectory, channelPath);
      this.#helper = helper;
      // Until it has shown that it can, bwrap builds sandboxes.
      void SandboxBuilder.open(helper, this.#ground).then((builder) => {
        if (builder !== undefined) this.#builders.set(helper, builder);
      });
      return helper;
    } catch {
      return undefined;
    }
  }
}

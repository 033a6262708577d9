import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { InterpreterFacts } from "./interpreter-probe.ts";
import { DIRECTORY_MODE, digestOf, isWhole, seal, UNFINISHED, UNFINISHED_MAX_MS } from "./pack-directory.ts";
import { runInterpreter } from "./run-interpreter.ts";
import type { RuntimeManifest } from "./runtime-manifest.ts";

const MAKING_TIMEOUT_MS = 20_000;

export interface RuntimePacksOptions {
  /** Nobody else's; made when absent. */
  readonly directory: string;
  /** Told what keeps an interpreter's runtimes from starting by a pack. They start by their own files then. */
  readonly failed: (error: unknown, executable: string) => void;
}

/**
 * Runtime clients, prepared for one interpreter: what a program of the client's own (`pack` in the manifest) makes of its
 * folder, and what sandboxes show in the folder's place. Made once for each version of client and interpreter, by Lambent
 * from its own files; looked over at each start of Lambent, and made again when it is not what was made.
 */
export class RuntimePacks {
  readonly #options: RuntimePacksOptions;
  readonly #asked = new Map<string, Promise<string | undefined>>();
  readonly #used = new Set<string>();

  constructor(options: RuntimePacksOptions) {
    this.#options = options;
  }

  /** The directory of the pack; undefined where there is none. Does not reject. */
  find(manifest: RuntimeManifest, facts: InterpreterFacts): Promise<string | undefined> {
    if (manifest.pack === undefined) return Promise.resolve(undefined);
    const key = JSON.stringify([manifest.directory, facts.executable, facts.version, facts.sizeBytes]);
    let asked = this.#asked.get(key);
    if (asked === undefined) {
      asked = this.#findOrMake(manifest.directory, manifest.pack, facts).catch((error: unknown) => {
        this.#options.failed(error, facts.executable);
        return undefined;
      });
      this.#asked.set(key, asked);
    }
    return asked;
  }

  /** Removes the packs that nobody has asked for, of older versions, and what else is not `kept`. Does not reject. */
  async removeOthers(kept: Iterable<string>): Promise<void> {
    const { directory } = this.#options;
    const used = new Set([...this.#used, ...kept]);
    try {
      for (const name of await readdir(directory)) {
        const path = join(directory, name);
        if (used.has(name)) continue;
        const isBeingMade =
          name.includes(UNFINISHED) && Date.now() - (await stat(path)).mtimeMs < UNFINISHED_MAX_MS;
        if (!isBeingMade) await rm(path, { recursive: true, force: true });
      }
    } catch {
      // They are found again at the next start.
    }
  }

  async #findOrMake(client: string, maker: string, facts: InterpreterFacts): Promise<string> {
    const { directory } = this.#options;
    const name = createHash("sha256")
      .update(JSON.stringify([facts.version, facts.sizeBytes, process.arch, await digestOf(client)]))
      .digest("hex")
      .slice(0, 32);
    this.#used.add(name);
    const path = join(directory, name);
    if (await isWhole(path)) return path;
    await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE });
    const unfinished = await mkdtemp(join(directory, `${name}${UNFINISHED}`));
    try {
      await make(facts.executable, join(client, maker), unfinished);
      await rm(path, { recursive: true, force: true });
      await rename(unfinished, path);
    } catch (error) {
      await rm(unfinished, { recursive: true, force: true });
      // Another process of this Lambent was faster.
      if (!(await isWhole(path))) throw error;
    }
    return path;
  }
}

async function make(interpreter: string, maker: string, directory: string): Promise<void> {
  await runInterpreter(interpreter, [maker, directory], { timeoutMs: MAKING_TIMEOUT_MS, directory });
  await seal(directory);
  await chmod(directory, DIRECTORY_MODE);
}

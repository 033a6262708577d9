import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { InterpreterFacts } from "./interpreter-probe.ts";
import {
  DIGEST_FILE,
  DIRECTORY_MODE,
  digestOf,
  isWhole,
  seal,
  UNFINISHED,
  UNFINISHED_MAX_MS,
} from "./pack-directory.ts";
import { runInterpreter } from "./run-interpreter.ts";
import { type ArchiveManifest, fillIn, type RuntimeManifest } from "./runtime-manifest.ts";
import type { RuntimePacksOptions } from "./runtime-packs.ts";

const MAKING_TIMEOUT_MS = 60_000;
const FILE_MODE = 0o444;

/** An interpreter's archive: sandboxes show its directory from the start, with nothing in it until it is made. */
export interface RuntimeArchive {
  readonly directory: string;
  readonly sandboxPath: string;
  /** Makes it, the first time it is called. Programs find it as soon as it is there. */
  readonly make: () => void;
}

/**
 * Files that interpreters write of themselves and of Lambent's client (`archive` in the manifest), for later starts of
 * theirs to be sooner. Unlike a `RuntimePacks` pack, one is made beside all else when a runtime is asked for first, since it
 * takes as much processor time as a dozen starts. Looked over at each start of Lambent.
 */
export class RuntimeArchives {
  readonly #options: RuntimePacksOptions;
  readonly #known = new Map<string, RuntimeArchive>();
  readonly #beingMade = new Set<Promise<void>>();
  readonly #closed = new AbortController();

  /** `options.directory` is that of the packs, whose names are never an archive's. */
  constructor(options: RuntimePacksOptions) {
    this.#options = options;
  }

  /** Where this interpreter's is, or is to be; undefined where it has none. Does not reject. */
  async find(
    manifest: RuntimeManifest,
    facts: InterpreterFacts,
    values: Readonly<Record<string, string>>,
  ): Promise<RuntimeArchive | undefined> {
    const { archive } = manifest;
    if (archive === undefined || !archive.lines.includes(values.line ?? "")) return undefined;
    try {
      const name = await nameOf(manifest.directory, facts);
      const known = this.#known.get(name) ?? (await this.#open(name, archive, facts, values));
      this.#known.set(name, known);
      return known;
    } catch (error) {
      this.#options.failed(error, facts.executable);
      return undefined;
    }
  }

  /** Those that have been asked for, by their names in the directory. */
  names(): Iterable<string> {
    return this.#known.keys();
  }

  /** Gives up what is being made; leaves nothing of it. */
  async close(): Promise<void> {
    this.#closed.abort();
    await Promise.all(this.#beingMade);
  }

  async #open(
    name: string,
    archive: ArchiveManifest,
    facts: InterpreterFacts,
    values: Readonly<Record<string, string>>,
  ): Promise<RuntimeArchive> {
    const directory = join(this.#options.directory, name);
    await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE });
    let isAsked = await isWhole(directory);
    // The directory stays: sandboxes of other processes of this Lambent may show it.
    if (!isAsked) await rm(join(directory, archive.file), { force: true });
    const make = (): void => {
      if (isAsked || this.#closed.signal.aborted) return;
      isAsked = true;
      const made = this.#make(directory, archive, facts, values)
        .catch((error: unknown) => {
          if (!this.#closed.signal.aborted && !isMissing(error))
            this.#options.failed(error, facts.executable);
        })
        .finally(() => this.#beingMade.delete(made));
      this.#beingMade.add(made);
    };
    return { directory, sandboxPath: archive.sandbox, make };
  }

  async #make(
    directory: string,
    archive: ArchiveManifest,
    { executable, prefix = "" }: InterpreterFacts,
    values: Readonly<Record<string, string>>,
  ): Promise<void> {
    if (await isBeingMade(directory)) return;
    const unfinished = await mkdtemp(`${directory}${UNFINISHED}`);
    try {
      const file = join(unfinished, archive.file);
      const [program, ...words] = archive.command;
      const all = { ...values, executable, prefix, directory: unfinished };
      const filled = words.map((word) => fillIn(word, all));
      const { environmentVariables } = archive;
      await runInterpreter(fillIn(program, all), filled, {
        timeoutMs: MAKING_TIMEOUT_MS,
        directory: unfinished,
        environmentVariables,
        signal: this.#closed.signal,
      });
      if (!existsSync(file)) throw new Error(`no archive was written; it needs ${archive.needs ?? "more"}`);
      await chmod(file, FILE_MODE);
      await seal(unfinished);
      // In this order what is there is either whole or not taken for it.
      for (const name of [archive.file, DIGEST_FILE])
        await rename(join(unfinished, name), join(directory, name));
    } finally {
      await rm(unfinished, { recursive: true, force: true });
    }
  }
}

/** The program that shows an interpreter the places of a sandbox: without it no sandbox shows an archive either. */
function isMissing(error: unknown): boolean {
  const { code, syscall } = error as NodeJS.ErrnoException;
  return code === "ENOENT" && syscall?.startsWith("spawn") === true;
}

/** Of client and interpreter, with the times of their files, by which interpreters tell whether an archive is theirs. */
async function nameOf(client: string, { executable, version, sizeBytes }: InterpreterFacts): Promise<string> {
  const { mtimeMs } = await stat(executable);
  const names = (await readdir(client)).sort();
  const timesMs = await Promise.all(names.map(async (name) => (await stat(join(client, name))).mtimeMs));
  const facts = [version, sizeBytes, mtimeMs, process.arch, timesMs, await digestOf(client)];
  return `archive-${createHash("sha256").update(JSON.stringify(facts)).digest("hex").slice(0, 32)}`;
}

/** By another process of this Lambent. */
async function isBeingMade(directory: string): Promise<boolean> {
  const parent = join(directory, "..");
  for (const name of await readdir(parent)) {
    const path = join(parent, name);
    if (!path.startsWith(`${directory}${UNFINISHED}`)) continue;
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: 0 }));
    if (Date.now() - mtimeMs < UNFINISHED_MAX_MS) return true;
  }
  return false;
}

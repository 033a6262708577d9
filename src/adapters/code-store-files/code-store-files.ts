import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import {
  access,
  chmod,
  mkdir,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { join, sep } from "node:path";
import { FUNCTION_LIMITS } from "../../core/function-limits.ts";
import type { CodeStore, LayersDirectory, StoredCode } from "../../ports/code-store.ts";
import type { BlobStore } from "../../ports/store.ts";
import { launchError } from "./launch-error.ts";
import { mergedDirectory, mergeLayers, removeMergesOf } from "./merged-layers.ts";
import { emptyPackage, zippedTooLarge } from "./refusals.ts";
import { makeDirectory, unpack } from "./unpack.ts";

export interface CodeStoreOptions {
  /** Of the unpacked packages; made when absent, and nobody else's. */
  readonly directory: string;
  /** Where the zips themselves are kept, durably. */
  readonly blobs: BlobStore;
}

const TREE = "code";
const SIZES = "package.json";
const TEMPORARY_PREFIX = ".unpacking-";
/** AWS: what lies there in a layer is started before the runtime. */
const EXTENSIONS = "extensions";
const HASH_NAME = /^[0-9a-f]{64}$/;

/**
 * Packages unpacked below `<directory>/<SHA-256 of the zip>/code`. A package appears there whole, by renaming; what
 * a crash left half unpacked is removed here, and unpacked again from the zip when it is asked for.
 */
export async function openCodeStore(options: CodeStoreOptions): Promise<CodeStore> {
  await mkdir(options.directory, { recursive: true });
  await chmod(options.directory, 0o755);
  for (const name of await readdir(options.directory)) {
    if (name.startsWith(TEMPORARY_PREFIX)) await removeTree(join(options.directory, name));
  }
  return new FilesCodeStore(options);
}

class FilesCodeStore implements CodeStore {
  readonly #directory: string;
  readonly #blobs: BlobStore;
  /** The last thing begun with a package; the next one waits for it. */
  readonly #busy = new Map<string, Promise<unknown>>();

  constructor({ directory, blobs }: CodeStoreOptions) {
    this.#directory = directory;
    this.#blobs = blobs;
  }

  async add(zip: Uint8Array): Promise<StoredCode> {
    if (zip.byteLength === 0) throw emptyPackage();
    if (zip.byteLength > FUNCTION_LIMITS.zippedBytesMax) throw zippedTooLarge();
    const bytes = Buffer.from(zip.buffer, zip.byteOffset, zip.byteLength);
    const digest = createHash("sha256").update(bytes).digest();
    const codeHash = digest.toString("hex");
    const unzippedBytes = await this.#exclusively(codeHash, async () => {
      const sizes = await this.#ensureUnpacked(codeHash, () => Promise.resolve(bytes));
      if (!(await this.#blobs.has(codeHash))) await this.#blobs.put(codeHash, once(bytes));
      return sizes.unzippedBytes;
    });
    return { codeHash, codeSha256: digest.toString("base64"), sizeBytes: bytes.byteLength, unzippedBytes };
  }

  async directory(codeHash: string): Promise<string> {
    const tree = join(this.#directory, codeHash, TREE);
    // Not through the thread pool: a function waits for this.
    if (existsSync(tree)) return tree;
    await this.#exclusively(codeHash, () =>
      this.#ensureUnpacked(codeHash, async () => {
        const chunks: Uint8Array[] = [];
        for await (const chunk of await this.#blobs.get(codeHash)) chunks.push(chunk);
        return Buffer.concat(chunks);
      }),
    );
    return tree;
  }

  async layers(codeHashes: readonly string[]): Promise<LayersDirectory> {
    const directory = await this.#layersDirectory(codeHashes);
    const extensions = await programsIn(directory, EXTENSIONS);
    const launchErrors: Record<string, string> = {};
    for (const name of extensions) {
      const reason = await launchError(join(directory, EXTENSIONS, name), directory);
      if (reason !== undefined) launchErrors[name] = reason;
    }
    return { directory, extensions, launchErrors };
  }

  async #layersDirectory(codeHashes: readonly string[]): Promise<string> {
    const [only] = codeHashes;
    if (only !== undefined && codeHashes.length === 1) return this.directory(only);
    const merged = mergedDirectory(this.#directory, codeHashes);
    if (existsSync(merged)) return merged;
    const layers = await Promise.all(
      codeHashes.map(async (codeHash) => ({ codeHash, tree: await this.directory(codeHash) })),
    );
    return mergeLayers(this.#directory, TEMPORARY_PREFIX, layers);
  }

  read(codeHash: string): Promise<AsyncIterable<Uint8Array>> {
    return this.#blobs.get(codeHash);
  }

  async list(): Promise<readonly string[]> {
    return (await readdir(this.#directory)).filter((name) => HASH_NAME.test(name));
  }

  async remove(codeHash: string): Promise<void> {
    await this.#exclusively(codeHash, async () => {
      // The tree goes last: `list` knows a package by it, so that a removal cut short is found again.
      await this.#blobs.delete(codeHash);
      await removeMergesOf(this.#directory, codeHash);
      await removeTree(join(this.#directory, codeHash));
    });
  }

  async #ensureUnpacked(codeHash: string, zip: () => Promise<Buffer>): Promise<{ unzippedBytes: number }> {
    const target = join(this.#directory, codeHash);
    if (await exists(join(target, TREE))) {
      return JSON.parse(await readFile(join(target, SIZES), "utf8")) as { unzippedBytes: number };
    }
    const temporary = join(this.#directory, `${TEMPORARY_PREFIX}${randomBytes(8).toString("hex")}`);
    try {
      await makeDirectory(temporary);
      await makeDirectory(join(temporary, TREE));
      const unzippedBytes = await unpack(await zip(), join(temporary, TREE));
      await writeFile(join(temporary, SIZES), JSON.stringify({ unzippedBytes }));
      // Something incomplete under the final name is not ours, but would be in the way.
      await removeTree(target);
      await rename(temporary, target);
      return { unzippedBytes };
    } catch (error) {
      await removeTree(temporary);
      throw error;
    }
  }

  /** Runs things with one package one after the other, in the order in which they were asked for. */
  #exclusively<T>(codeHash: string, run: () => Promise<T>): Promise<T> {
    const before = this.#busy.get(codeHash) ?? Promise.resolve();
    const result = before.then(run, run);
    const settled = result.then(nothing, nothing);
    this.#busy.set(codeHash, settled);
    void settled.then(() => {
      if (this.#busy.get(codeHash) === settled) this.#busy.delete(codeHash);
    });
    return result;
  }
}

async function programsIn(tree: string, name: string): Promise<string[]> {
  const directory = await realpath(join(tree, name)).catch(() => undefined);
  // Links of several layers together can lead out of the tree, to what is none of the function's business.
  if (directory === undefined || !directory.startsWith(`${await realpath(tree)}${sep}`)) return [];
  if (!(await stat(directory)).isDirectory()) return [];
  const names = (await readdir(directory)).sort();
  const found = await Promise.all(
    names.map((program) => stat(join(directory, program)).catch(() => undefined)),
  );
  return names.filter((_, index) => found[index]?.isFile() === true);
}

const nothing = (): void => undefined;

async function* once(bytes: Uint8Array): AsyncIterableIterator<Uint8Array> {
  yield bytes;
}

const removeTree = (path: string): Promise<void> => rm(path, { recursive: true, force: true });

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}

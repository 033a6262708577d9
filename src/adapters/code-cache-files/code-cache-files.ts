import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CodeCache } from "../../ports/code-cache.ts";

export interface CodeCacheFilesOptions {
  /** Nobody else's; made when absent. */
  readonly directory: string;
  /** Of all packs together. */
  readonly maxBytes: number;
}

const UNFINISHED = ".unfinished";
const NAME = /^[A-Za-z0-9-]+$/;

/** One file for each pack; a pack's modification time is that of its last use. */
export async function openCodeCache({ directory, maxBytes }: CodeCacheFilesOptions): Promise<CodeCache> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const found: { name: string; size: number; usedMs: number }[] = [];
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    if (!NAME.test(name)) {
      await rm(path, { recursive: true, force: true });
      continue;
    }
    const { size, mtimeMs } = await stat(path);
    found.push({ name, size, usedMs: mtimeMs });
  }
  found.sort((a, b) => a.usedMs - b.usedMs);
  const cache = new CodeCacheFiles(directory, maxBytes, new Map(found.map(({ name, size }) => [name, size])));
  await cache.shrink();
  return cache;
}

class CodeCacheFiles implements CodeCache {
  readonly #directory: string;
  readonly #maxBytes: number;
  /** Least recently used first. */
  readonly #sizes: Map<string, number>;
  #writes = 0;

  constructor(directory: string, maxBytes: number, sizes: Map<string, number>) {
    this.#directory = directory;
    this.#maxBytes = maxBytes;
    this.#sizes = sizes;
  }

  sizeBytes(name: string): number | undefined {
    return this.#sizes.get(name);
  }

  async read(name: string): Promise<Uint8Array | undefined> {
    const size = this.#sizes.get(name);
    if (size === undefined) return undefined;
    this.#sizes.delete(name);
    this.#sizes.set(name, size);
    const path = join(this.#directory, name);
    const now = new Date();
    try {
      const [bytes] = await Promise.all([readFile(path), utimes(path, now, now)]);
      return bytes;
    } catch {
      this.#sizes.delete(name);
      return undefined;
    }
  }

  async store(name: string, pack: Uint8Array): Promise<void> {
    if (!NAME.test(name)) throw new Error(`${name} cannot be the name of a pack`);
    if (pack.byteLength > this.#maxBytes) return;
    this.#writes += 1;
    const unfinished = join(this.#directory, `${this.#writes}${UNFINISHED}`);
    try {
      await writeFile(unfinished, pack, { mode: 0o600 });
      await rename(unfinished, join(this.#directory, name));
    } finally {
      await rm(unfinished, { force: true });
    }
    this.#sizes.delete(name);
    this.#sizes.set(name, pack.byteLength);
    await this.shrink();
  }

  async remove(namePrefix: string): Promise<void> {
    const names = [...this.#sizes.keys()].filter((name) => name.startsWith(namePrefix));
    await Promise.all(names.map((name) => this.#drop(name)));
  }

  async shrink(): Promise<void> {
    let total = 0;
    for (const size of this.#sizes.values()) total += size;
    for (const [name, size] of this.#sizes) {
      if (total <= this.#maxBytes) return;
      total -= size;
      await this.#drop(name);
    }
  }

  async #drop(name: string): Promise<void> {
    this.#sizes.delete(name);
    await rm(join(this.#directory, name), { force: true });
  }
}

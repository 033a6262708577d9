import type { CodeCache } from "../../ports/code-cache.ts";
import { PackDirectory } from "./pack-files.ts";

export interface CodeCacheFilesOptions {
  /** Nobody else's; made when absent. */
  readonly directory: string;
  /** Of all packs together. */
  readonly maxBytes: number;
}

/** Opened before other processes write to the directory (`PackDirectory`): what is unfinished then is removed. */
export async function openCodeCache({ directory, maxBytes }: CodeCacheFilesOptions): Promise<CodeCache> {
  const packs = await PackDirectory.open(directory, "main");
  const cache = new CodeCacheFiles(packs, maxBytes, await packs.list());
  await cache.shrink();
  return cache;
}

class CodeCacheFiles implements CodeCache {
  readonly #packs: PackDirectory;
  readonly #maxBytes: number;
  /** Least recently used first. */
  readonly #sizes: Map<string, number>;

  constructor(packs: PackDirectory, maxBytes: number, sizes: Map<string, number>) {
    this.#packs = packs;
    this.#maxBytes = maxBytes;
    this.#sizes = sizes;
  }

  use(name: string): number | undefined {
    const size = this.#sizes.get(name);
    if (size === undefined) return undefined;
    this.#sizes.delete(name);
    this.#sizes.set(name, size);
    return size;
  }

  async read(name: string): Promise<Uint8Array | undefined> {
    if (this.use(name) === undefined) return undefined;
    const pack = await this.#packs.read(name);
    if (pack === undefined) await this.#drop(name);
    return pack;
  }

  async store(name: string, pack: Uint8Array): Promise<void> {
    await this.adopt(name, await this.#packs.write(pack));
  }

  async adopt(name: string, unfinished: string): Promise<void> {
    try {
      const size = await this.#packs.finish(unfinished, name, this.#maxBytes);
      if (size === undefined) return;
      this.#sizes.delete(name);
      this.#sizes.set(name, size);
    } finally {
      await this.#packs.discard(unfinished);
    }
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
    await this.#packs.drop(name);
  }
}

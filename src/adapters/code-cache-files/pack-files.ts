import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { PackFiles } from "../../ports/code-cache.ts";

const NAME = /^[A-Za-z0-9-]+$/;
/** Written under a name that says who writes, so that no two processes choose the same. */
const UNFINISHED = /^[a-z0-9]+\.[0-9]+\.unfinished$/;
const CHECKSUM_BYTES = 4;

/** One file for each pack, a checksum before it; an empty file is an empty pack. Its modification time is that of its last use. */
export class PackDirectory implements PackFiles {
  readonly #directory: string;
  readonly #writer: string;
  #writes = 0;

  /** `writer`: who of all that use the directory at once. */
  static async open(directory: string, writer: string): Promise<PackDirectory> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const packs = new PackDirectory(directory, writer);
    // Left by a crash.
    for (const name of await readdir(directory))
      if (name.startsWith(`${writer}.`)) await rm(join(directory, name), { recursive: true, force: true });
    return packs;
  }

  private constructor(directory: string, writer: string) {
    this.#directory = directory;
    this.#writer = writer;
  }

  async read(name: string): Promise<Uint8Array | undefined> {
    const path = this.#pathOf(name);
    const now = new Date();
    try {
      const [bytes] = await Promise.all([readFile(path), utimes(path, now, now)]);
      if (bytes.byteLength === 0) return bytes;
      const pack = bytes.subarray(CHECKSUM_BYTES);
      return bytes.byteLength > CHECKSUM_BYTES && bytes.readUInt32LE() === crc32(pack) ? pack : undefined;
    } catch {
      return undefined;
    }
  }

  async write(pack: Uint8Array): Promise<string> {
    this.#writes += 1;
    const unfinished = `${this.#writer}.${this.#writes}.unfinished`;
    const checksum = Buffer.alloc(pack.byteLength === 0 ? 0 : CHECKSUM_BYTES);
    if (checksum.byteLength > 0) checksum.writeUInt32LE(crc32(pack));
    try {
      await writeFile(join(this.#directory, unfinished), [checksum, pack], { mode: 0o600 });
    } catch (error) {
      await this.discard(unfinished);
      throw error;
    }
    return unfinished;
  }

  async discard(unfinished: string): Promise<void> {
    if (UNFINISHED.test(unfinished)) await rm(join(this.#directory, unfinished), { force: true });
  }

  /** Gives it its name; resolves with its bytes on disk, or undefined, and does nothing, where these are too many. */
  async finish(unfinished: string, name: string, maxBytes: number): Promise<number | undefined> {
    if (!UNFINISHED.test(unfinished)) throw new Error(`${unfinished} is no unfinished pack`);
    const path = join(this.#directory, unfinished);
    const { size } = await stat(path);
    if (size > maxBytes) return undefined;
    await rename(path, this.#pathOf(name));
    return size;
  }

  async drop(name: string): Promise<void> {
    await rm(this.#pathOf(name), { force: true });
  }

  /** Bytes on disk by name, least recently used first. Whatever else lies there goes. */
  async list(): Promise<Map<string, number>> {
    const found: { name: string; size: number; usedMs: number }[] = [];
    for (const name of await readdir(this.#directory)) {
      const path = join(this.#directory, name);
      if (NAME.test(name)) {
        const { size, mtimeMs } = await stat(path);
        found.push({ name, size, usedMs: mtimeMs });
      } else await rm(path, { recursive: true, force: true });
    }
    found.sort((a, b) => a.usedMs - b.usedMs);
    return new Map(found.map(({ name, size }) => [name, size]));
  }

  #pathOf(name: string): string {
    if (!NAME.test(name)) throw new Error(`${name} cannot be the name of a pack`);
    return join(this.#directory, name);
  }
}

import { createHash } from "node:crypto";
import { realpathSync } from "node:fs";
import { mkdir, realpath, stat, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { runCommand } from "./run-command.ts";
import { pathOf, type WritableDirectories } from "./writable-directories.ts";

/** Turns paths of the host into paths that a sandbox's user can open. */
export interface HostPaths {
  /** Rejects when the path does not exist. */
  reachable(hostPath: string): Promise<string>;
  /** The same for a directory that the sandbox may write to, as far as its permissions allow. */
  writable(hostPath: string): Promise<string>;
}

/** For drivers that may not mount: the path itself. */
export const plainHostPaths = (directories: WritableDirectories): HostPaths => ({
  reachable: (hostPath) => realpath(hostPath),
  async writable(hostPath) {
    const { path, handle } = await directories.find(hostPath);
    await handle?.close();
    return path;
  },
});

const OTHERS_MAY_PASS = 0o001;

/**
 * Binds host paths, read-only, below a directory that everybody may pass through: the data directory or an
 * interpreter may lie in a home directory that only its owner can enter. A bind of a shared directory serves
 * everything in it, so that functions need no mount each; other paths get one of their own, once.
 */
export class BoundHostPaths implements HostPaths {
  readonly #mountsDirectory: string;
  readonly #sharedDirectories: readonly string[];
  readonly #writable: WritableDirectories;
  readonly #bound = new Map<string, Promise<string>>();

  private constructor(
    mountsDirectory: string,
    shown: { readonly shared: readonly string[]; readonly writable: WritableDirectories },
  ) {
    this.#mountsDirectory = mountsDirectory;
    this.#sharedDirectories = shown.shared;
    this.#writable = shown.writable;
  }

  /** Shared directories that do not exist, or that others may not enter even when bound, are passed over. */
  static async open(
    mountsDirectory: string,
    sharedDirectories: readonly string[],
    writable: WritableDirectories,
  ): Promise<BoundHostPaths> {
    const usable: string[] = [];
    for (const directory of sharedDirectories) {
      const path = await realpath(directory).catch(() => undefined);
      if (path !== undefined && ((await stat(path)).mode & OTHERS_MAY_PASS) !== 0) usable.push(path);
    }
    return new BoundHostPaths(mountsDirectory, { shared: usable, writable });
  }

  async reachable(hostPath: string): Promise<string> {
    // Not through the thread pool: a function waits for this, and the path has just been looked up.
    const path = realpathSync.native(hostPath);
    for (const shared of this.#sharedDirectories) {
      const inside = relative(shared, path);
      if (!inside.startsWith("..")) return join(await this.#bind(shared), inside);
    }
    return this.#bind(path);
  }

  writable(hostPath: string): Promise<string> {
    return this.#once(`rw:${hostPath}`, async () => {
      const { path, handle } = await this.#writable.find(hostPath);
      try {
        return await this.#mount(handle === undefined ? path : pathOf(handle), "rw", hostPath);
      } finally {
        await handle?.close();
      }
    });
  }

  #bind(path: string): Promise<string> {
    return this.#once(`ro:${path}`, () => this.#mount(path, "ro", path));
  }

  #once(key: string, mount: () => Promise<string>): Promise<string> {
    const known = this.#bound.get(key);
    if (known !== undefined) return known;
    const bound = mount();
    this.#bound.set(key, bound);
    // A failure is not remembered: the path may come into being.
    bound.catch(() => this.#bound.delete(key));
    return bound;
  }

  async #mount(path: string, access: "ro" | "rw", hostPath: string): Promise<string> {
    const name = createHash("sha256").update(`${access}:${hostPath}`).digest("hex").slice(0, 16);
    const target = join(this.#mountsDirectory, name);
    if ((await stat(path)).isDirectory()) await mkdir(target, { recursive: true });
    else await writeFile(target, "");
    const words = ["--bind", "-o", `${access},nosuid,nodev`, path, target];
    // An open directory would be told by its name, which may lead elsewhere by now.
    if (path !== hostPath && path.startsWith("/proc/")) words.unshift("--no-canonicalize");
    await runCommand("mount", ...words);
    return target;
  }
}

import { chmodSync, mkdirSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { HelperAccess } from "../helper/helper-access.ts";
import { runCommand } from "../run-command.ts";
import { type Mounts, mountsBy } from "./mounts.ts";

/** The empty directories that a waiting sandbox shows at /var/task and /opt. */
export interface LateDirectory {
  readonly task: string;
  readonly opt: string;
  /** Shows these in their place, in the running sandbox; both lie below the workspace, read-only. */
  show(codeDirectory: string, layersDirectory: string | undefined): Promise<void>;
  /** Call when no process of the sandbox is left. */
  release(): Promise<void>;
}

/**
 * Directories in which something may appear after a sandbox has been started with them. They lie on one mount that is
 * shared: each sandbox has a slave of it that shows its own directory only, so that what is mounted on that directory
 * here appears there as well, and in no other sandbox. The sandbox can neither unmount it nor make it writable: a
 * mount that comes from a more privileged user namespace keeps its flags.
 */
export class LateDirectories {
  /** The shared mount. */
  readonly directory: string;
  readonly #mounts: Mounts;
  /** Of sandboxes that have ended. None could write there: they are as they were made. */
  readonly #free: string[] = [];
  #made = 0;

  private constructor(directory: string, mounts: Mounts) {
    this.directory = directory;
    this.#mounts = mounts;
  }

  /** Needs a mount namespace of our own. */
  static async open(workspaceDirectory: string, helpers: HelperAccess): Promise<LateDirectories> {
    const directory = join(workspaceDirectory, "late");
    await mkdir(directory, { mode: 0o711 });
    await runCommand("mount", "--bind", directory, directory);
    await runCommand("mount", "--make-shared", directory);
    return new LateDirectories(directory, mountsBy(helpers));
  }

  make(): LateDirectory {
    const directory = this.#free.pop() ?? this.#makeDirectory();
    const [task, opt] = placesIn(directory);
    const mounts = this.#mounts;
    const shown: Promise<string>[] = [];
    const bind = (source: string, target: string): Promise<string> => {
      const bound = mounts.bind(source, target).then(() => target);
      shown.push(bound);
      return bound;
    };
    return {
      task,
      opt,
      show: async (codeDirectory, layersDirectory) => {
        const layers = layersDirectory === undefined ? undefined : bind(layersDirectory, opt);
        await Promise.all([bind(codeDirectory, task), layers]);
      },
      release: async () => {
        const outcomes = await Promise.allSettled(shown);
        const made = outcomes.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
        await Promise.all(made.map((target) => mounts.unmount(target)));
        // Where a mount may be there nevertheless, nobody else is to be shown it.
        if (made.length === outcomes.length) this.#free.push(directory);
      },
    };
  }

  async close(): Promise<void> {
    await runCommand("umount", "--recursive", "--lazy", this.directory);
  }

  #makeDirectory(): string {
    const directory = join(this.directory, String(this.#made++));
    for (const path of [directory, ...placesIn(directory)]) {
      mkdirSync(path);
      // Whatever the umask is.
      chmodSync(path, 0o755);
    }
    return directory;
  }
}

const placesIn = (directory: string): [task: string, opt: string] => [
  join(directory, "task"),
  join(directory, "opt"),
];

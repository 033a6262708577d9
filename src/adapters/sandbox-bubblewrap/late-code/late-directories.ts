import { mkdir, rmdir } from "node:fs/promises";
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

  async make(name: string): Promise<LateDirectory> {
    const directory = join(this.directory, name);
    const [task, opt] = [join(directory, "task"), join(directory, "opt")];
    for (const path of [directory, task, opt]) await mkdir(path, { mode: 0o755 });
    const mounts = this.#mounts;
    const mounted: string[] = [];
    const bind = async (source: string, target: string): Promise<void> => {
      await mounts.bind(source, target);
      mounted.push(target);
    };
    return {
      task,
      opt,
      show: async (codeDirectory, layersDirectory) => {
        const layers = layersDirectory === undefined ? undefined : bind(layersDirectory, opt);
        await Promise.all([bind(codeDirectory, task), layers]);
      },
      release: async () => {
        await Promise.all(mounted.map((target) => mounts.unmount(target)));
        for (const path of [task, opt, directory]) await rmdir(path);
      },
    };
  }

  async close(): Promise<void> {
    await runCommand("umount", "--recursive", "--lazy", this.directory);
  }
}

import { chmod, utimes } from "node:fs/promises";
import { OperatorError } from "../../core/operator-error.ts";
import { installIntoNewDirectory, quoted, runInstallCommand } from "./install-command.ts";
import type { InstallerOptions } from "./runtime-installer.ts";
import { findLibrary, type KnownLibrary } from "./runtime-library.ts";
import { fillIn } from "./runtime-manifest.ts";

/** Installs what AWS's managed runtimes bring besides the language, with the ordinary package managers. */
export class LibraryInstaller {
  readonly #options: InstallerOptions;

  constructor(options: InstallerOptions) {
    this.#options = options;
  }

  /** Whether this names a library, not a runtime. */
  knows(identifier: string): boolean {
    return this.#find(identifier) !== undefined;
  }

  /**
   * Has the library in its newest version; new environments of a running Lambent find it at its next look at the
   * machine. An earlier installation stays for those that run on it. Throws `OperatorError` with what to do.
   */
  async install(identifier: string): Promise<void> {
    const library = this.#find(identifier);
    if (library === undefined) throw new Error(`${identifier} is no library`);
    const tried: string[] = [];
    for (const { command } of library.install) {
      if (await this.#try(library, command)) return;
      tried.push(`  did not bring it: ${command}`);
    }
    throw new OperatorError(
      [`${identifier} could not be installed.`, ...tried].join("\n"),
      `Install ${library.manifest.install.map(({ needs }) => needs).join(" or ")}, and see that its registry can be reached.`,
    );
  }

  async #try({ manifest }: KnownLibrary, template: string): Promise<boolean> {
    const { runtimes, installedDirectory, say } = this.#options;
    const fill = async (prefix: string): Promise<boolean> => {
      const command = fillIn(template, { prefix: quoted(prefix) });
      say(`${manifest.identifier}: ${command}`);
      if (!(await runInstallCommand(command))) return false;
      // Functions run as other users.
      await chmod(prefix, 0o755);
      const now = new Date();
      await utimes(prefix, now, now);
      return true;
    };
    const directory = await installIntoNewDirectory(installedDirectory, manifest.identifier, fill);
    if (directory === undefined) return false;
    await runtimes.refresh();
    return (await findLibrary(manifest, installedDirectory)) === directory;
  }

  #find(identifier: string): KnownLibrary | undefined {
    return this.#options.runtimes.libraries().find(({ manifest }) => manifest.identifier === identifier);
  }
}

import { rm } from "node:fs/promises";
import { OperatorError } from "../../core/operator-error.ts";
import type { InstalledRuntime } from "../../ports/runtime-catalogue.ts";
import { installIntoNewDirectory, quoted, runInstallCommand } from "./install-command.ts";
import type { MachineRuntimes } from "./machine-runtimes.ts";
import type { KnownRuntime } from "./runtime-inventory.ts";
import { fillIn, type InstallMethod } from "./runtime-manifest.ts";

export interface InstallerOptions {
  readonly runtimes: MachineRuntimes;
  /** Where interpreters go that need no package manager of the machine; see `installedDirectory`. */
  readonly installedDirectory: string;
  /** Told what is being done, a line at a time. */
  readonly say: (line: string) => void;
}

/** Installs interpreters with the ordinary package managers of the machine, as the manifests say. */
export class RuntimeInstaller {
  readonly #options: InstallerOptions;

  constructor(options: InstallerOptions) {
    this.#options = options;
  }

  /**
   * Has the newest version of a runtime on this machine, trying one way after the other. A new version comes beside
   * the one there is where the way allows it. Throws `OperatorError` with what to do when none leads there.
   */
  async install(identifier: string): Promise<InstalledRuntime> {
    const { runtimes, say } = this.#options;
    const known = this.#known(identifier);
    const before = known.versions[0];
    const tried: string[] = [];
    for (const method of known.install.filter(({ byHand }) => byHand !== true)) {
      const command = this.#command(method, known, "DIRECTORY");
      if (method.root === true && process.getuid?.() !== 0) {
        tried.push(`needs root: sudo sh -c '${command}'`);
        continue;
      }
      const newest = await this.#try(method, known);
      if (newest !== undefined && (newest.versionHash !== before?.versionHash || newest.isOlder !== true)) {
        return newest;
      }
      tried.push(`did not bring it: ${command}`);
      say(`${identifier}: this did not bring it`);
    }
    await runtimes.refresh();
    const there = runtimes.find(identifier);
    if (there !== undefined) {
      say(`${identifier}: stays at ${there.version}`);
      return there;
    }
    const byHand = known.install.filter(({ byHand: isByHand }) => isByHand === true);
    const ways = [
      ...tried,
      ...byHand.map((method) => `by hand: ${this.#command(method, known, "DIRECTORY")}`),
    ];
    throw new OperatorError(
      `${identifier} could not be installed.${ways.map((way) => `\n  ${way}`).join("")}`,
      `Install version ${known.line} yourself, in any way that puts it on PATH; a running Lambent finds it by itself.`,
    );
  }

  #known(identifier: string): KnownRuntime {
    const all = this.#options.runtimes.known();
    const known = all.find((runtime) => runtime.identifier === identifier);
    if (known !== undefined) return known;
    throw new OperatorError(
      `This version of Lambent does not have the runtime ${identifier}.`,
      `It has ${all.map((runtime) => runtime.identifier).join(", ")}.`,
      2,
    );
  }

  #command({ command }: InstallMethod, { line }: KnownRuntime, prefix: string): string {
    return fillIn(command, { line, platform: process.platform, arch: process.arch, prefix });
  }

  /** The newest version there is when the command has succeeded. */
  async #try(method: InstallMethod, known: KnownRuntime): Promise<InstalledRuntime | undefined> {
    const { runtimes, installedDirectory, say } = this.#options;
    const { identifier } = known;
    if (!method.command.includes("{prefix}")) {
      const command = this.#command(method, known, "");
      say(`${identifier}: ${command}`);
      if (!(await runInstallCommand(command))) return undefined;
      await runtimes.refresh();
      return runtimes.find(identifier);
    }
    const fill = (prefix: string): Promise<boolean> => {
      const command = this.#command(method, known, quoted(prefix));
      say(`${identifier}: ${command}`);
      return runInstallCommand(command);
    };
    const directory = await installIntoNewDirectory(installedDirectory, identifier, fill);
    if (directory === undefined) return undefined;
    const hashes = new Set(known.versions.map(({ versionHash }) => versionHash));
    await runtimes.refresh();
    const versions = this.#known(identifier).versions;
    if (versions.every(({ versionHash }) => hashes.has(versionHash))) {
      await rm(directory, { recursive: true, force: true });
      await runtimes.refresh();
    }
    return runtimes.find(identifier);
  }
}

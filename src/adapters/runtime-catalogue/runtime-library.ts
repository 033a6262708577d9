import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { InstallMethod, LibraryManifest } from "./runtime-manifest.ts";

/** A library that functions of some runtimes find without bringing it, whether it is installed or not. */
export interface KnownLibrary {
  readonly manifest: LibraryManifest;
  /** Where the newest installation is; undefined: nowhere. */
  readonly directory: string | undefined;
  /** Ways to install it whose tool is on this machine, the best first. */
  readonly install: readonly InstallMethod[];
}

/** The newest whole installation below the directory of what `lambent runtime install` has brought. */
export async function findLibrary(
  manifest: LibraryManifest,
  installedDirectory: string,
): Promise<string | undefined> {
  const names = await readdir(installedDirectory).catch((): string[] => []);
  const found = names
    .filter((name) => name.startsWith(`${manifest.identifier}-`))
    .map(async (name) => {
      const directory = join(installedDirectory, name);
      const shown = await stat(join(directory, manifest.shownBy)).catch(() => undefined);
      return { directory, modifiedMs: shown === undefined ? undefined : (await stat(directory)).mtimeMs };
    });
  return (await Promise.all(found))
    .filter(({ modifiedMs }) => modifiedMs !== undefined)
    .sort((a, b) => (b.modifiedMs ?? 0) - (a.modifiedMs ?? 0))[0]?.directory;
}

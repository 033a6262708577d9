import { fileURLToPath } from "node:url";
import { discoverRuntimes, installedDirectory } from "./adapters/runtime-catalogue/discover-runtimes.ts";
import { LibraryInstaller } from "./adapters/runtime-catalogue/library-installer.ts";
import type { MachineRuntimes } from "./adapters/runtime-catalogue/machine-runtimes.ts";
import { RuntimeInstaller } from "./adapters/runtime-catalogue/runtime-installer.ts";
import type { RuntimePacksOptions } from "./adapters/runtime-catalogue/runtime-packs.ts";
import { type Configuration, lambentVersion } from "./config.ts";

export const RUNTIMES_DIRECTORY = fileURLToPath(new URL("../runtimes", import.meta.url));

/**
 * The runtimes of this machine, for Lambent and for the commands that tell of them and install them. `packs`: for those who
 * start functions.
 */
export function machineRuntimes(
  { allowOlderRuntimes }: Pick<Configuration, "allowOlderRuntimes">,
  packs?: RuntimePacksOptions,
): Promise<MachineRuntimes> {
  return discoverRuntimes({
    runtimesDirectory: RUNTIMES_DIRECTORY,
    nodeExecutable: process.execPath,
    lambentVersion: lambentVersion(),
    allowOlder: allowOlderRuntimes,
    ...(packs !== undefined && { packs }),
  });
}

/** Installs runtimes for this user. `say` is told what is being done. */
export function runtimeInstaller(runtimes: MachineRuntimes, say: (line: string) => void): RuntimeInstaller {
  return new RuntimeInstaller({ runtimes, installedDirectory: installedDirectory(process.env), say });
}

/** Installs what runtimes bring along for this user. */
export function libraryInstaller(runtimes: MachineRuntimes, say: (line: string) => void): LibraryInstaller {
  return new LibraryInstaller({ runtimes, installedDirectory: installedDirectory(process.env), say });
}

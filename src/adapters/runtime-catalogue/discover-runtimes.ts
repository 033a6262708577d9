import { realpath } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { InterpreterProbe } from "./interpreter-probe.ts";
import { MachineRuntimes } from "./machine-runtimes.ts";
import { RuntimeArchives } from "./runtime-archives.ts";
import { type Discovery, type KnownRuntime, takeInventory } from "./runtime-inventory.ts";
import { readManifests } from "./runtime-manifest.ts";
import { RuntimePacks, type RuntimePacksOptions } from "./runtime-packs.ts";

export interface DiscoveryOptions {
  /** Absolute path of the repository's or package's runtimes/ folder. */
  readonly runtimesDirectory: string;
  /** Lambent's own Node, which is a runtime as well: process.execPath. */
  readonly nodeExecutable: string;
  /** Reported as the version of OS-only runtimes. */
  readonly lambentVersion: string;
  /** Further directories in which interpreters may lie, `*` standing for one directory level. */
  readonly extraSearchPaths?: readonly string[];
  /** Where PATH and the version managers' variables are read from. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Whether an older interpreter may stand in where a manifest says so; true when left out. */
  readonly allowOlder?: boolean;
  /** Where clients are kept that were prepared for their interpreters; without, they run from their own files. */
  readonly packs?: RuntimePacksOptions;
}

/**
 * Looks for the interpreters of every runtime in `runtimesDirectory` and runs each candidate once. Rejects only when a
 * manifest is not valid.
 */
export async function discoverRuntimes(options: DiscoveryOptions): Promise<MachineRuntimes> {
  const environment = options.environment ?? process.env;
  const home = environment.HOME ?? homedir();
  const discovery: Discovery = {
    runtimesDirectory: options.runtimesDirectory,
    ownNode: await realpath(options.nodeExecutable),
    lambentVersion: options.lambentVersion,
    extraSearchPaths: options.extraSearchPaths ?? [],
    environment,
    home,
    installedDirectory: installedDirectory(environment),
    allowOlder: options.allowOlder ?? true,
    probe: new InterpreterProbe(),
    packs: options.packs && new RuntimePacks(options.packs),
    archives: options.packs && new RuntimeArchives(options.packs),
  };
  const look = async (): Promise<KnownRuntime[]> => {
    const manifests = await readManifests(options.runtimesDirectory);
    const known = await Promise.all(manifests.map((manifest) => takeInventory(manifest, discovery)));
    return known.flat();
  };
  const known = await look();
  await discovery.packs?.removeOthers(discovery.archives?.names() ?? []);
  return new MachineRuntimes(known, look, discovery.archives);
}

/** Where `lambent runtime install` puts interpreters of this user, for every Lambent of the user to find. */
export function installedDirectory(environment: Readonly<Record<string, string | undefined>>): string {
  const home = environment.HOME ?? homedir();
  return join(environment.XDG_DATA_HOME || join(home, ".local", "share"), "lambent", "runtimes-installed");
}

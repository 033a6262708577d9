import { join } from "node:path";
import { chooseSandboxDriver } from "../adapters/choose-sandbox-driver.ts";
import { systemClock as clock } from "../adapters/clock-system/clock-system.ts";
import { openCodeCache } from "../adapters/code-cache-files/code-cache-files.ts";
import { PackDirectory } from "../adapters/code-cache-files/pack-files.ts";
import { openCodeStore } from "../adapters/code-store-files/code-store-files.ts";
import type { MachineRuntimes } from "../adapters/runtime-catalogue/machine-runtimes.ts";
import type { RuntimePacksOptions } from "../adapters/runtime-catalogue/runtime-packs.ts";
import type { Configuration } from "../config.ts";
import type { FileSystemTable } from "../core/file-systems.ts";
import { CodeCachePacks } from "../environments/code-cache-packs.ts";
import { PackDesk } from "../environments/pack-desk.ts";
import type { PackFiles } from "../ports/code-cache.ts";
import type { CodeStore } from "../ports/code-store.ts";
import type { Logger } from "../ports/logger.ts";
import type { SandboxDriver } from "../ports/sandbox.ts";
import { machineRuntimes, RUNTIMES_DIRECTORY } from "../runtime-installation.ts";
import { type Ground, logFailure } from "./ground.ts";

/** Compiled code kept for later environments. */
const CODE_CACHE_BYTES = 512 * 1024 * 1024;

/** What every process that runs functions has. */
export interface MachineOfProcess {
  readonly runtimes: MachineRuntimes;
  readonly sandboxes: SandboxDriver;
  /** None where functions are plain processes: these have no /mnt of their own. */
  readonly fileSystems: FileSystemTable;
}

export interface Machine extends MachineOfProcess {
  readonly codeStore: CodeStore;
  readonly codeCache: CodeCachePacks;
  readonly packs: PackDesk;
}

/** What the machine brings: runtimes, isolation and the unpacked code they both need to see. */
export async function openMachine(
  { configuration, logger, store, opened }: Ground,
  announce: (line: string) => void,
): Promise<Machine> {
  const [codeStore, cache] = await Promise.all([
    openCodeStore({ directory: codeDirectory(configuration), blobs: store.blobs }),
    openCodeCache({ directory: packDirectory(configuration), maxBytes: CODE_CACHE_BYTES }),
  ]);
  const { allowInstall, dataDirectory: directory } = configuration;
  const machine = await openMachineOfProcess(
    { configuration, logger, opened },
    { directory, allowInstall, announce },
  );
  const packs = new PackDesk({ cache, clock });
  return { ...machine, codeStore, packs, codeCache: new CodeCachePacks(packs.own()) };
}

/** Sandboxes keep what is theirs in `directory`. */
export async function openMachineOfProcess(
  { configuration, logger, opened }: Pick<Ground, "configuration" | "logger" | "opened">,
  own: {
    readonly directory: string;
    readonly allowInstall: boolean;
    readonly announce: (line: string) => void;
  },
): Promise<MachineOfProcess> {
  const runtimes = await machineRuntimes(configuration, runtimePacks(configuration, logger));
  opened.add(() => runtimes.close());
  const sandboxes = await chooseSandboxDriver({
    preference: configuration.isolation,
    network: configuration.network,
    allowInstall: own.allowInstall,
    dataDirectory: own.directory,
    sharedDirectories: [codeDirectory(configuration), RUNTIMES_DIRECTORY],
    writableDirectories: Object.values(configuration.fileSystems),
    announce: own.announce,
    forkingFailed: (error, command) =>
      logFailure(logger, "programs are started instead of forked", { error, context: { command } }),
    clock,
  });
  opened.add(() => sandboxes.close());
  const fileSystems = sandboxes.report.isolates ? configuration.fileSystems : {};
  return { runtimes, sandboxes, fileSystems };
}

/** The packs of compiled code, for a process beside the one that keeps them. */
export function openPackFiles(configuration: Configuration, process: number): Promise<PackFiles> {
  return PackDirectory.open(packDirectory(configuration), String(process));
}

/** Where runtime clients are kept that were prepared for this machine's interpreters, for all processes of a Lambent. */
const runtimePacks = ({ dataDirectory }: Configuration, logger: Logger): RuntimePacksOptions => ({
  directory: join(dataDirectory, "runtime-packs"),
  failed: (error, executable) =>
    logFailure(logger, "functions start without a pack of their runtime's client, which takes longer", {
      error,
      context: { executable },
    }),
});

const codeDirectory = ({ dataDirectory }: Configuration): string => join(dataDirectory, "code");
const packDirectory = ({ dataDirectory }: Configuration): string => join(dataDirectory, "code-cache");

import { join } from "node:path";
import { chooseSandboxDriver } from "../adapters/choose-sandbox-driver.ts";
import { systemClock as clock } from "../adapters/clock-system/clock-system.ts";
import { openCodeCache } from "../adapters/code-cache-files/code-cache-files.ts";
import { openCodeStore } from "../adapters/code-store-files/code-store-files.ts";
import type { MachineRuntimes } from "../adapters/runtime-catalogue/machine-runtimes.ts";
import type { RuntimePacksOptions } from "../adapters/runtime-catalogue/runtime-packs.ts";
import type { Configuration } from "../config.ts";
import type { FileSystemTable } from "../core/file-systems.ts";
import { CodeCachePacks } from "../environments/code-cache-packs.ts";
import type { CodeStore } from "../ports/code-store.ts";
import type { Logger } from "../ports/logger.ts";
import type { SandboxDriver } from "../ports/sandbox.ts";
import { machineRuntimes, RUNTIMES_DIRECTORY } from "../runtime-installation.ts";
import { type Ground, logFailure } from "./ground.ts";

/** Compiled code kept for later environments. */
export const CODE_CACHE_BYTES = 512 * 1024 * 1024;

export interface Machine {
  readonly runtimes: MachineRuntimes;
  readonly sandboxes: SandboxDriver;
  readonly codeStore: CodeStore;
  /** None where functions are plain processes: these have no /mnt of their own. */
  readonly fileSystems: FileSystemTable;
  readonly codeCache: CodeCachePacks;
}

/** Where runtime clients are kept that were prepared for this machine's interpreters, for all processes of a Lambent. */
export const runtimePacks = (
  { dataDirectory }: Pick<Configuration, "dataDirectory">,
  logger: Logger,
): RuntimePacksOptions => ({
  directory: join(dataDirectory, "runtime-packs"),
  failed: (error, executable) =>
    logFailure(logger, "functions start without a pack of their runtime's client, which takes longer", {
      error,
      context: { executable },
    }),
});

/** What the machine brings: runtimes, isolation and the unpacked code they both need to see. */
export async function openMachine(
  { configuration, logger, store, opened }: Ground,
  announce: (line: string) => void,
): Promise<Machine> {
  const codeDirectory = join(configuration.dataDirectory, "code");
  const [runtimes, codeStore, cache] = await Promise.all([
    machineRuntimes(configuration, runtimePacks(configuration, logger)),
    openCodeStore({ directory: codeDirectory, blobs: store.blobs }),
    openCodeCache({
      directory: join(configuration.dataDirectory, "code-cache"),
      maxBytes: CODE_CACHE_BYTES,
    }),
  ]);
  const sandboxes = await chooseSandboxDriver({
    preference: configuration.isolation,
    network: configuration.network,
    allowInstall: configuration.allowInstall,
    dataDirectory: configuration.dataDirectory,
    sharedDirectories: [codeDirectory, RUNTIMES_DIRECTORY],
    announce,
    forkingFailed: (error, command) =>
      logFailure(logger, "programs are started instead of forked", { error, context: { command } }),
    clock,
  });
  opened.add(() => sandboxes.close());
  const fileSystems = sandboxes.report.isolates ? configuration.fileSystems : {};
  return { runtimes, sandboxes, codeStore, fileSystems, codeCache: new CodeCachePacks({ cache, clock }) };
}

import { join } from "node:path";
import { discoverRuntimes } from "../../src/adapters/runtime-catalogue/discover-runtimes.ts";
import type { RuntimeCatalogue } from "../../src/ports/runtime-catalogue.ts";
import type { SandboxProgram } from "../../src/ports/sandbox.ts";

export const RUNTIMES_DIRECTORY = join(import.meta.dirname, "../../runtimes");

/**
 * The runtimes of this machine, with Lambent's own Node being the one that runs the tests. Their clients run from their own
 * files unless there is a directory for packs.
 */
export function discoverForTests(
  extraSearchPaths: readonly string[] = [],
  packsDirectory?: string,
): Promise<RuntimeCatalogue> {
  return discoverRuntimes({
    runtimesDirectory: RUNTIMES_DIRECTORY,
    nodeExecutable: process.execPath,
    lambentVersion: "0.0.0-test",
    extraSearchPaths,
    ...(packsDirectory !== undefined && {
      packs: {
        directory: packsDirectory,
        failed: (error) => {
          throw error;
        },
      },
    }),
  });
}

/** A program's command with the host's own paths, to run it without a sandbox. */
export function commandOnHost(program: SandboxProgram): string[] {
  return program.command.map((word) => {
    const mounts = program.mounts.filter(
      ({ sandboxPath }) => word === sandboxPath || word.startsWith(`${sandboxPath}/`),
    );
    const [closest] = mounts.sort((a, b) => b.sandboxPath.length - a.sandboxPath.length);
    return closest === undefined ? word : closest.hostPath + word.slice(closest.sandboxPath.length);
  });
}

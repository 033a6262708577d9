import { accessSync, constants } from "node:fs";
import { basename, join, relative } from "node:path";
import type { SandboxMount, SandboxProgram } from "../../ports/sandbox.ts";
import type { InterpreterFacts } from "./interpreter-probe.ts";
import type { RuntimeArchive } from "./runtime-archives.ts";
import type { KnownLibrary } from "./runtime-library.ts";
import { fillIn, type RuntimeManifest } from "./runtime-manifest.ts";

/** The root below which managed runtimes find their language, as on AWS. */
const LANGUAGE_DIRECTORY = "/var/lang";
/** Shown in every sandbox as it is on the host. */
const SHARED_DIRECTORY = "/usr";

/** How a runtime is started in a sandbox, with the interpreter that was found for it and what it brings along. */
export function runtimeProgram(
  manifest: RuntimeManifest,
  {
    interpreter,
    flags = [],
    library,
    pack,
    archive,
  }: {
    readonly interpreter: InterpreterFacts | undefined;
    readonly flags?: readonly string[] | undefined;
    readonly library?: KnownLibrary | undefined;
    /** The directory that is shown in place of the manifest's. */
    readonly pack?: string | undefined;
    readonly archive?: RuntimeArchive | undefined;
  },
  values: Readonly<Record<string, string>>,
): SandboxProgram {
  const placed = interpreter === undefined ? { path: "", mounts: [] } : placeInterpreter(interpreter);
  const mounts = manifest.mounts.map((mount) => {
    const hostPath = fillIn(mount.host, values);
    const isPacked = pack !== undefined && hostPath === manifest.directory;
    return { hostPath: isPacked ? pack : hostPath, sandboxPath: mount.sandbox };
  });
  return {
    command: [
      ...launcherOf(manifest, values),
      ...manifest.command.flatMap((word) =>
        word === "{flags}" ? flags : [fillIn(word, { ...values, interpreter: placed.path })],
      ),
    ],
    mounts: [...placed.mounts, ...mounts, ...placeArchive(archive), ...placeLibrary(library)],
    ...(manifest.becomes !== undefined && { becomes: manifest.becomes }),
  };
}

function launcherOf({ launcher }: RuntimeManifest, values: Readonly<Record<string, string>>): string[] {
  if (launcher === undefined || process.platform !== "linux") return [];
  const onThisMachine = { ...values, arch: process.arch };
  try {
    accessSync(fillIn(launcher.host, onThisMachine), constants.X_OK);
    return [fillIn(launcher.sandbox, onThisMachine)];
  } catch {
    return [];
  }
}

function placeArchive(archive: RuntimeArchive | undefined): SandboxMount[] {
  return archive === undefined ? [] : [{ hostPath: archive.directory, sandboxPath: archive.sandboxPath }];
}

function placeLibrary(library: KnownLibrary | undefined): SandboxMount[] {
  if (library?.directory === undefined) return [];
  return [{ hostPath: library.directory, sandboxPath: library.manifest.sandbox }];
}

/**
 * An interpreter that is a single file appears as /var/lang/bin/<name>; one with a directory of its own appears with
 * it as /var/lang, and once more at its original place if it needs that; one that shares /usr with the rest of the
 * system is used where it is.
 */
function placeInterpreter(facts: InterpreterFacts): { path: string; mounts: SandboxMount[] } {
  const { executable, prefix } = facts;
  if (prefix === undefined) {
    const path = join(LANGUAGE_DIRECTORY, "bin", basename(executable));
    return { path, mounts: [{ hostPath: executable, sandboxPath: path }] };
  }
  const inside = relative(prefix, executable);
  const isShared = facts.ownPrefix !== true && isWithin(prefix, SHARED_DIRECTORY);
  if (isShared || inside.startsWith("..")) return { path: executable, mounts: [] };
  const place = facts.prefixIsBin === true ? join(LANGUAGE_DIRECTORY, "bin") : LANGUAGE_DIRECTORY;
  const mounts = [{ hostPath: prefix, sandboxPath: place }];
  if (facts.needsOriginalPrefix === true) mounts.push({ hostPath: prefix, sandboxPath: prefix });
  return { path: join(place, inside), mounts };
}

const isWithin = (path: string, directory: string): boolean =>
  path === directory || path.startsWith(`${directory}/`);

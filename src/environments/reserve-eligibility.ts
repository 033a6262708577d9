import type { FunctionVersion } from "../core/function-version.ts";
import type { InstalledRuntime } from "../ports/runtime-catalogue.ts";

/** AWS: the size of /tmp unless the function asks for more; sandboxes in reserve have it. */
export const RESERVE_EPHEMERAL_STORAGE_MB = 512;

/**
 * Variables that an interpreter, a loader or a library reads when its process starts. A process that waits already
 * cannot take them over, unless they are what it was started with.
 */
const READ_AT_START =
  /^(AWS_LAMBDA_EXEC_WRAPPER$|AWS_LAMBDA_RUNTIME_API$|NODE_|PYTHON|LD_|JAVA_TOOL_OPTIONS$|JDK_|_JAVA_OPTIONS$|RUBY|GEM_|BUNDLE_|DOTNET_|COMPlus_|LANG$|LANGUAGE$|LC_|GLIBC_|MALLOC_|OPENSSL_|SSL_|UV_|PWD$)/;

/** What a function brings along besides its version. */
export interface FunctionSurroundings {
  /** Its layers contain /opt/extensions, which start before the runtime. */
  readonly hasExtensions: boolean;
  /** Something is mounted below /mnt. */
  readonly hasFileSystems: boolean;
  /** It is a reset: the environment goes on with the /tmp and the user that it had. */
  readonly keepsScratch: boolean;
}

/**
 * Whether a function may be given to a sandbox that was started without knowing it; everything else takes the full
 * path. The variables that Lambent itself adds are read when they are needed.
 */
export function mayUseReserve(
  version: FunctionVersion,
  runtime: InstalledRuntime,
  surroundings: FunctionSurroundings,
): boolean {
  if (runtime.reserve === undefined) return false;
  if (version.ephemeralStorageMb !== RESERVE_EPHEMERAL_STORAGE_MB) return false;
  if (surroundings.hasExtensions || surroundings.hasFileSystems || surroundings.keepsScratch) return false;
  const defaults = runtime.environmentVariables;
  return Object.entries(version.environmentVariables).every(
    ([name, value]) => !READ_AT_START.test(name) || defaults[name] === value,
  );
}

/** The bucket that serves a function of this memory. */
export const memoryBucket = (runtime: InstalledRuntime, memoryMb: number): number | "any" =>
  runtime.reserve?.byMemory === true ? memoryMb : "any";

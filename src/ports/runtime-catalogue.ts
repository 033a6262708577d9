import type { RuntimePin } from "../core/function-version.ts";
import type { SandboxProgram } from "./sandbox.ts";

/** A version of a language runtime that this machine can run. */
export interface InstalledRuntime {
  /** AWS's identifier, e.g. "python3.12". */
  readonly identifier: string;
  /** Of the interpreter, e.g. "3.12.1"; for OS-only runtimes the Lambent version. */
  readonly version: string;
  /** arn:aws:lambda:<region>::runtime:<64 hex>, the region filled in by `runtimeVersionArn`. */
  readonly versionHash: string;
  readonly program: SandboxProgram;
  /** AWS's overridable defaults (PATH, LANG, NODE_PATH …) and AWS_EXECUTION_ENV. */
  readonly environmentVariables: Readonly<Record<string, string>>;
  /** True for managed runtimes (INIT_START is logged), false for provided.*. */
  readonly managed: boolean;
  /** True where an interpreter of an older line stands in, because the machine has none of the identifier's own. */
  readonly isOlder?: boolean;
  /** Present where the program can wait for its function (`LAMBENT_RESERVE`). */
  readonly reserve?: RuntimeReserve | undefined;
  /** Whether its client makes and uses packs of compiled code, see `CodeCachePacks`. */
  readonly codeCache?: boolean | undefined;
  /** Which installation of AWS's SDK its functions find; undefined: none. */
  readonly library?: string | undefined;
  /** Whether packs of compiled code have that of the library too. */
  readonly packsLibrary?: boolean | undefined;
}

/** How sandboxes of a runtime may be kept in reserve. */
export interface RuntimeReserve {
  /**
   * Whether they are kept apart by memory, because the interpreter is started with settings that depend on it; each
   * serves functions of exactly that memory then. Otherwise all sizes are served alike.
   */
  readonly byMemory?: boolean | undefined;
  /** Whether the program can be forked, see `ReserveRequest.canFork`. */
  readonly zygote?: boolean | undefined;
  /**
   * Whether the program, told so by `LAMBENT_RESERVE_PRELOAD=1`, loads beforehand what functions that call services over
   * the network use. It takes memory, so such programs wait for functions that have shown that they use it.
   */
  readonly preloads?: boolean | undefined;
  /** Whether whatever is forked has loaded that: it takes no memory of its own there. */
  readonly forkedPreload?: boolean | undefined;
}

export interface RuntimeCatalogue {
  /**
   * The newest version of a runtime, or the pinned one. A pin that is not required gives way to the newest version when
   * its own is not on the machine any more; a required one does not.
   */
  find(identifier: string, pin?: RuntimePin): InstalledRuntime | undefined;
  /** The newest version of each runtime. */
  list(): readonly InstalledRuntime[];
  /** Why a runtime that AWS has, or its pinned version, is not here, and what would bring it. */
  missingAdvice(identifier: string, pin?: RuntimePin): string;
  /** Looks for a missing runtime on the machine again, at most every few seconds. */
  lookFor?(identifier: string): Promise<void>;
}

import { createHash } from "node:crypto";
import type { FunctionVersion } from "../core/function-version.ts";
import type { Pack, PackKeeper } from "../ports/code-cache.ts";
import type { InstalledRuntime } from "../ports/runtime-catalogue.ts";

/** What one environment may do with its deployment's pack. */
export interface CodeCacheAccess {
  /** Only for an environment that was told to use a pack. */
  read(): Promise<Uint8Array | undefined>;
  /** Takes what an environment sends that was told to make a pack or to report, once; says whether it was taken. */
  store(pack: Pack): Promise<boolean>;
}

export interface CodeCacheOffer {
  /** For the runtime client, which hides them from the function. */
  readonly environmentVariables: Readonly<Record<string, string>>;
  /** Undefined where the environment is told nothing. */
  readonly access?: CodeCacheAccess;
  /** A waiting program that has loaded beforehand what it can is the right one. */
  readonly preloads: boolean;
}

/** How much longer than its function's timeout an environment may take before another one is told to make the pack. */
const PATIENCE_MS = 60_000;
/** With less code there is nothing worth keeping; the runtime client looks at what is really loaded. */
const WORTHWHILE_BYTES = 50_000;
/** What the clients in `runtimes/` write and read: one that is updated makes its packs anew. */
const PACK_FORM = 2;
/** Other flags of the interpreter, or a program of the function's own before it. */
const UNFIT_VARIABLES = ["NODE_OPTIONS", "PYTHONOPTIMIZE", "AWS_LAMBDA_EXEC_WRAPPER"];

/**
 * Packs of compiled code: the first environment of a deployment makes one, later ones use it, in whichever process they
 * are. V8 and Python trust such code, and a function can put into its pack what it likes; so a pack belongs to one
 * deployment, which is one function version's code and configuration, and never reaches another's environments. An
 * environment names no pack: it reaches the one that was claimed for it, over the listener in its own sandbox.
 */
export class CodeCachePacks {
  readonly #keeper: PackKeeper;

  constructor(keeper: PackKeeper) {
    this.#keeper = keeper;
  }

  /** What a new environment is told; undefined when there is nothing to do for it. */
  async offer(version: FunctionVersion, runtime: InstalledRuntime): Promise<CodeCacheOffer | undefined> {
    if (runtime.codeCache !== true) return undefined;
    const isSmall = version.unzippedBytes < WORTHWHILE_BYTES && runtime.packsLibrary !== true;
    if (isSmall && !asksForReport(runtime)) return undefined;
    if (UNFIT_VARIABLES.some((name) => version.environmentVariables[name])) return undefined;
    const keeper = this.#keeper;
    const name = packName(version, runtime);
    const { task, preloads } = await keeper.claim(name, version.timeoutSeconds * 1000 + PATIENCE_MS);
    if (task === "use") return { ...told("use", readingOf(keeper, name)), preloads };
    if (task === "nothing") return preloads ? { environmentVariables: {}, preloads } : undefined;
    let isTaken = false;
    const store = async (pack: Pack): Promise<boolean> => {
      if (isTaken) return false;
      isTaken = true;
      return keeper.keep(name, pack);
    };
    return { ...told(isSmall ? "report" : "make", { read: nothing, store }), preloads };
  }
}

/** What the names of all packs of a deployment begin with. */
export const packPrefix = (deploymentId: string): string =>
  `${createHash("sha256").update(deploymentId).digest("hex").slice(0, 32)}-`;

/** Layers and flags are part of the deployment; the interpreter may be renewed under it. */
function packName(version: FunctionVersion, runtime: InstalledRuntime): string {
  const { account, region, functionName, codeHash } = version;
  const { versionHash, library = "" } = runtime;
  const identity = [
    account,
    region,
    functionName,
    version.version,
    codeHash,
    versionHash,
    library,
    PACK_FORM,
  ];
  return (
    packPrefix(version.deploymentId) + createHash("sha256").update(JSON.stringify(identity)).digest("hex")
  );
}

/** Read at once: the environment asks for it in a moment. */
function readingOf(keeper: PackKeeper, name: string): CodeCacheAccess {
  const reading = keeper.read(name);
  reading.catch(() => undefined);
  return { read: () => reading, store: refuse };
}

const told = (
  task: "use" | "make" | "report",
  access: CodeCacheAccess,
): Pick<CodeCacheOffer, "environmentVariables" | "access"> => ({
  environmentVariables: { _LAMBENT_CODE_CACHE: task },
  access,
});
const refuse = (): Promise<boolean> => Promise.resolve(false);
const nothing = (): Promise<undefined> => Promise.resolve(undefined);

/** A function without a pack is asked for it only where it makes a difference to those that wait. */
function asksForReport({ reserve }: InstalledRuntime): boolean {
  return reserve?.preloads === true && reserve.forkedPreload !== true;
}

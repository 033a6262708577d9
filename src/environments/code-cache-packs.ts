import { createHash } from "node:crypto";
import type { FunctionVersion } from "../core/function-version.ts";
import type { PackKeeper } from "../ports/code-cache.ts";
import type { InstalledRuntime } from "../ports/runtime-catalogue.ts";

/** What one environment may do with its deployment's pack. */
export interface CodeCacheAccess {
  /** Only for an environment that was told to use a pack. */
  read(): Promise<Uint8Array | undefined>;
  /** Takes the pack of an environment that was told to make one, once; says whether it was taken. */
  store(pack: Uint8Array): Promise<boolean>;
}

export interface CodeCacheOffer {
  /** For the runtime client, which hides them from the function. */
  readonly environmentVariables: Readonly<Record<string, string>>;
  readonly access: CodeCacheAccess;
}

/** How much longer than its function's timeout an environment may take before another one is told to make the pack. */
const PATIENCE_MS = 60_000;
/** With less code there is nothing worth keeping; the runtime client looks at what is really loaded. */
const WORTHWHILE_BYTES = 50_000;
/**
 * To compile all code at once, not only what is called, takes memory: some 16 bytes for one of source, of which an eighth of the function's
 * memory may be needed. How much there is in layers is not known.
 */
const MEMORY_BYTES_PER_CODE_BYTE = 128;
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
    if (runtime.codeCache !== true || version.unzippedBytes < WORTHWHILE_BYTES) return undefined;
    if (UNFIT_VARIABLES.some((name) => version.environmentVariables[name])) return undefined;
    const keeper = this.#keeper;
    const name = packName(version, runtime);
    const task = await keeper.claim(name, version.timeoutSeconds * 1000 + PATIENCE_MS);
    if (task === "nothing") return undefined;
    if (task === "use") return told("use", { read: () => keeper.read(name), store: refuse });
    let isTaken = false;
    const store = async (pack: Uint8Array): Promise<boolean> => {
      if (isTaken) return false;
      isTaken = true;
      return keeper.keep(name, pack);
    };
    return told(mayCompileAll(version) ? "make-all" : "make", { read: nothing, store });
  }
}

/** What the names of all packs of a deployment begin with. */
export const packPrefix = (deploymentId: string): string =>
  `${createHash("sha256").update(deploymentId).digest("hex").slice(0, 32)}-`;

/** Layers and flags are part of the deployment; the interpreter may be renewed under it. */
function packName(version: FunctionVersion, runtime: InstalledRuntime): string {
  const { account, region, functionName, codeHash } = version;
  const identity = [account, region, functionName, version.version, codeHash, runtime.versionHash];
  return (
    packPrefix(version.deploymentId) + createHash("sha256").update(JSON.stringify(identity)).digest("hex")
  );
}

const mayCompileAll = ({ layers, unzippedBytes, memoryMb }: FunctionVersion): boolean =>
  layers === undefined && unzippedBytes * MEMORY_BYTES_PER_CODE_BYTE <= memoryMb * 1024 * 1024;

const told = (task: "use" | "make" | "make-all", access: CodeCacheAccess): CodeCacheOffer => ({
  environmentVariables: { _LAMBENT_CODE_CACHE: task },
  access,
});
const refuse = (): Promise<boolean> => Promise.resolve(false);
const nothing = (): Promise<undefined> => Promise.resolve(undefined);

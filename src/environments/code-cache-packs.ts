import { createHash } from "node:crypto";
import type { FunctionVersion } from "../core/function-version.ts";
import type { Clock } from "../ports/clock.ts";
import type { CodeCache } from "../ports/code-cache.ts";
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
/** Other flags of the interpreter, or a program of the function's own before it. */
const UNFIT_VARIABLES = ["NODE_OPTIONS", "PYTHONOPTIMIZE", "AWS_LAMBDA_EXEC_WRAPPER"];

/**
 * Packs of compiled code: the first environment of a deployment makes one, later ones use it. V8 and Python trust such code, and a
 * function can put into its pack what it likes; so a pack belongs to one deployment, which is one function version's
 * code and configuration, and never reaches another's environments. An empty pack says that it is not worthwhile.
 */
export class CodeCachePacks {
  readonly #cache: CodeCache;
  readonly #clock: Clock;
  /** Until when the environment that was told to make the pack is waited for. */
  readonly #awaited = new Map<string, number>();

  constructor({ cache, clock }: { readonly cache: CodeCache; readonly clock: Clock }) {
    this.#cache = cache;
    this.#clock = clock;
  }

  /** What a new environment is told; undefined when there is nothing to do for it. */
  offer(version: FunctionVersion, runtime: InstalledRuntime): CodeCacheOffer | undefined {
    if (runtime.codeCache !== true || version.unzippedBytes < WORTHWHILE_BYTES) return undefined;
    if (UNFIT_VARIABLES.some((name) => version.environmentVariables[name])) return undefined;
    const name = packName(version, runtime);
    const size = this.#cache.sizeBytes(name);
    if (size === 0) return undefined;
    if (size !== undefined) return told("use", { read: () => this.#cache.read(name), store: refuse });
    const nowMs = this.#clock.nowMs();
    if ((this.#awaited.get(name) ?? 0) > nowMs) return undefined;
    this.#awaited.set(name, nowMs + version.timeoutSeconds * 1000 + PATIENCE_MS);
    let isTaken = false;
    const store = async (pack: Uint8Array): Promise<boolean> => {
      // A deployment that has been retired meanwhile keeps nothing.
      if (isTaken || !this.#awaited.has(name)) return false;
      isTaken = true;
      this.#awaited.delete(name);
      await this.#cache.store(name, pack);
      return true;
    };
    return told("make", { read: nothing, store });
  }

  /** The deployment's packs go with it. */
  async retire(deploymentId: string): Promise<void> {
    for (const name of this.#awaited.keys())
      if (name.startsWith(prefix(deploymentId))) this.#awaited.delete(name);
    await this.#cache.remove(prefix(deploymentId));
  }
}

const prefix = (deploymentId: string): string =>
  `${createHash("sha256").update(deploymentId).digest("hex").slice(0, 32)}-`;

/** Layers and flags are part of the deployment; the interpreter may be renewed under it. */
function packName(version: FunctionVersion, runtime: InstalledRuntime): string {
  const { account, region, functionName, codeHash } = version;
  const identity = [account, region, functionName, version.version, codeHash, runtime.versionHash];
  return prefix(version.deploymentId) + createHash("sha256").update(JSON.stringify(identity)).digest("hex");
}

const told = (what: "use" | "make", access: CodeCacheAccess): CodeCacheOffer => ({
  environmentVariables: { _LAMBENT_CODE_CACHE: what },
  access,
});
const refuse = (): Promise<boolean> => Promise.resolve(false);
const nothing = (): Promise<undefined> => Promise.resolve(undefined);

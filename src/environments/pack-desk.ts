import type { Clock } from "../ports/clock.ts";
import type { CodeCache, PackClaim, PackKeeper, PackTask } from "../ports/code-cache.ts";
import { packPrefix } from "./code-cache-packs.ts";

interface Claim {
  readonly holder: object;
  readonly untilMs: number;
}

const NOTHING = new Uint8Array();
/** Kept beside a deployment's pack, and empty: it is one that preloads. */
const preloadsName = (name: string): string => `${name}-preloads`;

/** Says for all processes who makes a pack and who uses it. An empty pack says that it is not worthwhile. */
export class PackDesk {
  readonly #cache: CodeCache;
  readonly #clock: Clock;
  /** By whom each pack that does not exist yet is being made, and until when that is waited for. */
  readonly #claims = new Map<string, Claim>();

  constructor({ cache, clock }: { readonly cache: CodeCache; readonly clock: Clock }) {
    this.#cache = cache;
    this.#clock = clock;
  }

  /** For environments of the process that the desk stands in. */
  own(): PackKeeper {
    const holder = {};
    return {
      claim: async (name, patienceMs) => this.claim(holder, { name, patienceMs }),
      read: (name) => this.#cache.read(name),
      keep: (name, { code, preloads }) =>
        this.#keep(holder, { name, preloads }, () => this.#cache.store(name, code)),
    };
  }

  claim(
    holder: object,
    { name, patienceMs }: { readonly name: string; readonly patienceMs: number },
  ): PackClaim {
    const preloads = this.#cache.use(preloadsName(name)) !== undefined;
    return { task: this.#taskOf(holder, { name, patienceMs }), preloads };
  }

  #taskOf(
    holder: object,
    { name, patienceMs }: { readonly name: string; readonly patienceMs: number },
  ): PackTask {
    const size = this.#cache.use(name);
    if (size !== undefined) return size === 0 ? "nothing" : "use";
    const nowMs = this.#clock.nowMs();
    if ((this.#claims.get(name)?.untilMs ?? 0) > nowMs) return "nothing";
    this.#claims.set(name, { holder, untilMs: nowMs + patienceMs });
    return "make";
  }

  /** Takes over what another process has written; false where that was not its to make. */
  adopt(
    holder: object,
    {
      unfinished,
      ...pack
    }: { readonly name: string; readonly preloads: boolean; readonly unfinished: string },
  ): Promise<boolean> {
    return this.#keep(holder, pack, () => this.#cache.adopt(pack.name, unfinished));
  }

  /** Somebody found it damaged or gone. */
  drop(name: string): Promise<void> {
    return this.#cache.remove(name);
  }

  /** What the holder was to make may be made by others. */
  ended(holder: object): void {
    for (const [name, claim] of this.#claims) if (claim.holder === holder) this.#claims.delete(name);
  }

  /** The deployment's packs go with it. */
  async retire(deploymentId: string): Promise<void> {
    const prefix = packPrefix(deploymentId);
    for (const name of this.#claims.keys()) if (name.startsWith(prefix)) this.#claims.delete(name);
    await this.#cache.remove(prefix);
  }

  async #keep(
    holder: object,
    { name, preloads }: { readonly name: string; readonly preloads: boolean },
    keep: () => Promise<void>,
  ): Promise<boolean> {
    // A deployment that has been retired meanwhile keeps nothing.
    if (this.#claims.get(name)?.holder !== holder) return false;
    this.#claims.delete(name);
    await keep();
    if (preloads) await this.#cache.store(preloadsName(name), NOTHING);
    return true;
  }
}

import type { Clock } from "../ports/clock.ts";
import type { MemoryPressure } from "../ports/memory-pressure.ts";
import type { InstalledRuntime, RuntimeCatalogue } from "../ports/runtime-catalogue.ts";
import type { ReserveRequest, SandboxDriver, WaitingSandbox } from "../ports/sandbox.ts";
import { ReserveDemand } from "./reserve-demand.ts";
import { memoryBucket, RESERVE_EPHEMERAL_STORAGE_MB } from "./reserve-eligibility.ts";

/** What is starting just then has the processor first: a function with an SDK takes about so long. */
const REFILL_DELAY_MS = 75;
/** The same where no other one waits. */
const EMPTY_REFILL_DELAY_MS = 25;
/** A burst that finds enough waiting keeps it for so long at most. */
const BURST_PATIENCE_MS = 500;
/** A kind that cannot be made is tried again after this time. */
const RETRY_MS = 30_000;
/** How often what nobody needs any more is looked for. */
const REVIEW_MS = 15_000;
/** The kernel counts for a while before it tells how much memory is available: its answer holds for so long. */
const MEMORY_ANSWER_MS = 50;
/** Of the machine's memory; with less, nothing waits. */
const AVAILABLE_SHARE_MIN = 0.1;
/** Ceiling of a program that waits: the interpreter and its client, no function. */
const WAITING_MEMORY_MB = 512;
const PRELOAD = { LAMBENT_RESERVE_PRELOAD: "1" };

export interface ReservePoolDependencies {
  readonly clock: Clock;
  readonly sandboxes: SandboxDriver;
  readonly runtimes: RuntimeCatalogue;
  readonly memory: MemoryPressure;
  /** 32 hexadecimal digits. */
  readonly newId: () => string;
  /** Most that wait at once, of all kinds together. 0: none. */
  readonly max: number;
  /** How many more environments the machine carries: those that wait must not take the room of real ones. */
  readonly room: () => number;
  /** How many are made at the same time. */
  readonly parallel: number;
  /** Told when a sandbox could not be prepared; the full path is taken meanwhile. */
  readonly failed: (error: unknown, runtime: string) => void;
}

/** What a function's next environment is to be. */
export interface WantedSandbox {
  readonly memoryMb: number;
  /** Better one that has loaded beforehand what it can, see `RuntimeReserve.preloads`. */
  readonly preloads?: boolean | undefined;
}

/** Sandboxes of one runtime and memory bucket. */
interface Kind {
  /** That they are made with. */
  runtime: InstalledRuntime;
  readonly bucket: number | "any";
  /** They have loaded beforehand what they can. */
  readonly preloads: boolean;
  demand: ReserveDemand;
  readonly waiting: WaitingSandbox[];
  making: number;
  hasBeenMade: boolean;
  retryAtMs: number;
}

/**
 * Sandboxes that were started before their function is known, so that a cold start finds everything but the function
 * in place. A sandbox is taken once, serves one function version and is destroyed after that; what is taken is replaced
 * in the background.
 */
export class ReservePool {
  readonly #dependencies: ReservePoolDependencies;
  readonly #kinds = new Map<string, Kind>();
  #cancelRefill: (() => void) | undefined;
  #cancelReview: (() => void) | undefined;
  #memory = { askedMs: Number.NEGATIVE_INFINITY, isShort: false };
  #burst = { beganMs: Number.NEGATIVE_INFINITY, lastMs: Number.NEGATIVE_INFINITY };
  #closed = false;

  constructor(dependencies: ReservePoolDependencies) {
    this.#dependencies = dependencies;
  }

  /** How many wait. */
  get size(): number {
    return [...this.#kinds.values()].reduce((sum, { waiting }) => sum + waiting.length, 0);
  }

  /** There is a function of this runtime and memory: some should wait for it. */
  use(identifier: string, memoryMb: number): void {
    const kind = this.#kind(this.#dependencies.runtimes.find(identifier), { memoryMb });
    if (kind === undefined) return;
    kind.demand.use();
    this.#refillSoon();
  }

  /** So many environments of this runtime and memory will be started soon. */
  announce(identifier: string, memoryMb: number, count: number): void {
    const kind = this.#kind(this.#dependencies.runtimes.find(identifier), { memoryMb });
    kind?.demand.announce(count);
    this.#refillSoon();
  }

  /** A function of this runtime and memory is due to be invoked within that time, by a schedule say. */
  expect(identifier: string, memoryMb: number, withinMs: number): void {
    const kind = this.#kind(this.#dependencies.runtimes.find(identifier), { memoryMb });
    kind?.demand.expect(1, this.#dependencies.clock.monotonicMs() + withinMs);
    this.#refillSoon();
  }

  /** One that waits for a function of this runtime and memory; it is the caller's from then on. */
  take(runtime: InstalledRuntime, wanted: WantedSandbox): WaitingSandbox | undefined {
    const kind = this.#kind(runtime, wanted);
    if (kind === undefined) return undefined;
    const nowMs = this.#dependencies.clock.monotonicMs();
    kind.demand.arrived(nowMs);
    if (nowMs - this.#burst.lastMs > REFILL_DELAY_MS) this.#burst.beganMs = nowMs;
    this.#burst.lastMs = nowMs;
    // What is announced is not known to preload, and such a function has a plain one while there is no other.
    const plain = kind.preloads ? this.#kind(runtime, { memoryMb: wanted.memoryMb }) : undefined;
    plain?.demand.announcedCame();
    const taken = kind.waiting.shift() ?? plain?.waiting.shift();
    this.#refillSoon(kind.waiting.length === 0 ? EMPTY_REFILL_DELAY_MS : REFILL_DELAY_MS);
    return taken;
  }

  /**
   * One that is made now, as none waits: a program that is forked is ready sooner than one that is started for its
   * function. Undefined where it would be started as well; rejects while there is nothing to fork it from.
   */
  makeNow(runtime: InstalledRuntime, wanted: WantedSandbox): Promise<WaitingSandbox> | undefined {
    const { sandboxes } = this.#dependencies;
    if (sandboxes.forks !== true || runtime.reserve?.zygote !== true) return undefined;
    const first = this.#kind(runtime, wanted);
    // A zygote that has to load all that first is waited for by nobody.
    const kind =
      first?.preloads === true && !first.hasBeenMade
        ? this.#kind(runtime, { ...wanted, preloads: false })
        : first;
    if (kind === undefined) return undefined;
    return sandboxes.prepare?.({ ...this.#requestOf(kind), isUrgent: true });
  }

  /** Destroys what waits; nothing is made any more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelRefill?.();
    this.#cancelReview?.();
    await Promise.all([...this.#kinds.values()].map((kind) => this.#drop(kind, kind.waiting.length)));
  }

  /** Undefined where none can be kept. */
  #kind(runtime: InstalledRuntime | undefined, { memoryMb, preloads }: WantedSandbox): Kind | undefined {
    const { max, sandboxes } = this.#dependencies;
    if (this.#closed || max === 0 || sandboxes.prepare === undefined) return undefined;
    if (runtime?.reserve === undefined) return undefined;
    const bucket = memoryBucket(runtime, memoryMb);
    const sort = { bucket, preloads: preloads === true && this.#canPreload(runtime) };
    const key = keyOf(runtime, sort);
    let kind = this.#kinds.get(key);
    if (kind === undefined) {
      this.#forgetOlder(runtime, bucket);
      kind = {
        runtime,
        ...sort,
        demand: new ReserveDemand(),
        waiting: [],
        making: 0,
        hasBeenMade: false,
        retryAtMs: 0,
      };
      this.#kinds.set(key, kind);
    }
    kind.runtime = runtime;
    return kind;
  }

  /**
   * Of a program that is a zygote's, in the zygote only: each by itself would take too long and too much memory. Where all
   * that are forked have loaded it there is nothing to choose.
   */
  #canPreload({ reserve }: InstalledRuntime): boolean {
    if (reserve?.preloads !== true) return false;
    if (reserve.zygote !== true) return true;
    const forks = this.#dependencies.sandboxes.forks === true;
    return reserve.forkedPreload === true ? !forks : forks;
  }

  #isInstalled({ identifier, versionHash }: InstalledRuntime): boolean {
    return this.#dependencies.runtimes.find(identifier, { versionHash, required: true }) !== undefined;
  }

  /** With a runtime's update, what waits with an older version is for functions that are pinned to it alone. */
  #forgetOlder({ identifier, versionHash, library }: InstalledRuntime, bucket: number | "any"): void {
    if (this.#dependencies.runtimes.find(identifier)?.versionHash !== versionHash) return;
    for (const kind of this.#kinds.values()) {
      if (kind.runtime.identifier !== identifier || kind.bucket !== bucket) continue;
      if (kind.runtime.versionHash === versionHash && kind.runtime.library === library) continue;
      kind.demand = new ReserveDemand();
      void this.#drop(kind, kind.waiting.length);
    }
  }

  #refillSoon(delayMs = REFILL_DELAY_MS): void {
    if (this.#closed) return;
    this.#cancelRefill ??= this.#dependencies.clock.after(delayMs, () => {
      this.#cancelRefill = undefined;
      this.#refill();
    });
    this.#cancelReview ??= this.#dependencies.clock.after(REVIEW_MS, () => this.#review());
  }

  #refill(): void {
    if (this.#closed || this.#isMemoryShort()) return;
    const { clock, max, room, parallel } = this.#dependencies;
    const nowMs = clock.monotonicMs();
    const burstMs = this.#burstMs(nowMs);
    if (burstMs > 0) {
      this.#refillSoon(burstMs);
      return;
    }
    let making = [...this.#kinds.values()].reduce((sum, kind) => sum + kind.making, 0);
    let left = Math.min(max, room()) - this.size - making;
    while (making < parallel) {
      const neediest = [...this.#kinds.values()]
        .filter((kind) => kind.retryAtMs <= nowMs && missing(kind, nowMs) > 0)
        .sort((a, b) => a.waiting.length + a.making - (b.waiting.length + b.making))[0];
      if (neediest === undefined) return;
      if (left <= 0 && !this.#giveWay(neediest)) return;
      void this.#make(neediest);
      making++;
      left--;
    }
  }

  /** For how long what is being started has the processor to itself; 0 as soon as a kind that is needed has run out. */
  #burstMs(nowMs: number): number {
    const { beganMs, lastMs } = this.#burst;
    const leftMs = Math.min(lastMs + REFILL_DELAY_MS, beganMs + BURST_PATIENCE_MS) - nowMs;
    if (leftMs <= 0) return 0;
    const hasRunOut = [...this.#kinds.values()].some(
      (kind) => kind.waiting.length === 0 && kind.retryAtMs <= nowMs && missing(kind, nowMs) > 0,
    );
    return hasRunOut ? 0 : leftMs;
  }

  /** With no place left, the kind of which most wait gives one up for a kind of which clearly fewer do. */
  #giveWay(neediest: Kind): boolean {
    const richest = [...this.#kinds.values()].sort((a, b) => b.waiting.length - a.waiting.length)[0];
    if (richest === undefined || richest.waiting.length <= neediest.waiting.length + neediest.making + 1)
      return false;
    void this.#drop(richest, 1);
    return true;
  }

  async #make(kind: Kind): Promise<void> {
    const { sandboxes, clock, failed } = this.#dependencies;
    const { runtime } = kind;
    if (sandboxes.prepare === undefined) return;
    if (!this.#isInstalled(runtime)) {
      this.#kinds.delete(keyOf(runtime, kind));
      return;
    }
    kind.making++;
    try {
      const sandbox = await sandboxes.prepare(this.#requestOf(kind));
      if (this.#closed) return await sandbox.destroy();
      kind.waiting.push(sandbox);
      kind.hasBeenMade = true;
      void sandbox.ended.then(() => this.#ended(kind, sandbox));
    } catch (error) {
      kind.retryAtMs = clock.monotonicMs() + RETRY_MS;
      if (!this.#closed) failed(error, runtime.identifier);
    } finally {
      kind.making--;
      this.#refill();
    }
  }

  #requestOf({ runtime, bucket, preloads }: Kind): ReserveRequest {
    return {
      id: this.#dependencies.newId(),
      program: runtime.program,
      canFork: runtime.reserve?.zygote,
      environmentVariables: { ...reserveVariables(runtime, bucket), ...(preloads && PRELOAD) },
      memoryMb: bucket === "any" ? WAITING_MEMORY_MB : bucket,
      ephemeralStorageMb: RESERVE_EPHEMERAL_STORAGE_MB,
    };
  }

  /** One that has died while it waited is replaced. */
  #ended(kind: Kind, sandbox: WaitingSandbox): void {
    const at = kind.waiting.indexOf(sandbox);
    if (at < 0) return;
    kind.waiting.splice(at, 1);
    this.#refillSoon();
  }

  #isMemoryShort(): boolean {
    const { clock, memory } = this.#dependencies;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#memory.askedMs >= MEMORY_ANSWER_MS)
      this.#memory = { askedMs: nowMs, isShort: (memory.availableShare() ?? 1) < AVAILABLE_SHARE_MIN };
    return this.#memory.isShort;
  }

  /** Gives up what is not needed, or what the machine has no memory or room for. */
  #review(): void {
    const { clock, room } = this.#dependencies;
    const nowMs = clock.monotonicMs();
    const isShort = this.#isMemoryShort();
    let tooMany = this.size - Math.max(0, room());
    for (const kind of this.#kinds.values()) {
      const unneeded = isShort ? kind.waiting.length : kind.waiting.length - kind.demand.target(nowMs);
      const count = Math.min(kind.waiting.length, Math.max(unneeded, tooMany, 0));
      tooMany -= count;
      void this.#drop(kind, count);
    }
    this.#cancelReview = clock.after(REVIEW_MS, () => this.#review());
    this.#refill();
  }

  async #drop(kind: Kind, count: number): Promise<void> {
    await Promise.all(kind.waiting.splice(0, count).map((sandbox) => sandbox.destroy()));
  }
}

const keyOf = (
  { versionHash, library = "" }: InstalledRuntime,
  { bucket, preloads }: Pick<Kind, "bucket" | "preloads">,
): string => `${versionHash}/${bucket}/${preloads}/${library}`;

function missing(kind: Kind, nowMs: number): number {
  return kind.demand.target(nowMs) - kind.waiting.length - kind.making;
}

/** The runtime's defaults; a program of a bucket learns its memory by the variable that tells functions theirs. */
function reserveVariables(runtime: InstalledRuntime, bucket: number | "any"): Record<string, string> {
  const memory = bucket === "any" ? undefined : { AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(bucket) };
  return { ...runtime.environmentVariables, ...memory };
}

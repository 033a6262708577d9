/** Upper ends of the classes in which idle times are counted grow by this factor. */
const CLASS_GROWTH = 2 ** 0.25;
/** So many idle times must have been seen before they say something. */
const OBSERVATIONS_MIN = 8;
/** When so many have been counted, all counts are halved: what is long ago counts less and less. */
const OBSERVATIONS_MAX = 512;
/** The share of idle times after which an environment is still there. */
const KEPT_SHARE = 0.99;
/** Kept a little longer than the idle times seen: the next one may come a little later. */
const MARGIN = 1.1;
/** Ended environments that are remembered, to see how long they would have been idle. */
const REMEMBERED_MAX = 64;

export interface KeepAliveBounds {
  /** Idle times below are of no interest: every environment is kept for so long. */
  readonly minMs: number;
  /** As long as nothing is known about a function. */
  readonly defaultMs: number;
  readonly maxMs: number;
}

/**
 * How long idle environments of one function are kept, learnt from how long they have been idle before they were used
 * again: until the 99th percentile of these times. After the "hybrid histogram policy" of Shahrad and others,
 * "Serverless in the Wild" (USENIX ATC 2020).
 */
export class KeepAlive {
  readonly #bounds: KeepAliveBounds;
  /** Idle times between `minMs` and `maxMs`. */
  readonly #counts: number[];
  /** Idle times above `maxMs`: no environment is kept for so long. */
  #beyond = 0;
  #total = 0;
  #keepMs: number;
  /** When environments that have been ended became idle, monotonic; the one used last is at the end. */
  readonly #ended: number[] = [];

  constructor(bounds: KeepAliveBounds) {
    this.#bounds = bounds;
    this.#keepMs = bounds.defaultMs;
    this.#counts = Array.from({ length: Math.max(0, this.#classOf(bounds.maxMs)) + 1 }, () => 0);
  }

  /** An environment that is idle for longer is to be ended. */
  get keepMs(): number {
    return this.#keepMs;
  }

  /** An idle environment has been used again. */
  wasIdle(durationMs: number): void {
    const { minMs, maxMs } = this.#bounds;
    if (durationMs < minMs) return;
    if (durationMs > maxMs) this.#beyond++;
    else {
      const index = this.#classOf(durationMs);
      this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    }
    this.#total++;
    if (this.#total >= OBSERVATIONS_MAX) this.#forget();
    this.#keepMs = this.#estimate();
  }

  /** An environment has been ended because it was idle for too long. */
  ended(idleSinceMs: number): void {
    if (this.#ended.length === REMEMBERED_MAX) this.#ended.shift();
    this.#ended.push(idleSinceMs);
  }

  /** An environment has to be started where one that was ended would have served; monotonic. */
  started(nowMs: number): void {
    const idleSinceMs = this.#ended.pop();
    if (idleSinceMs !== undefined) this.wasIdle(nowMs - idleSinceMs);
  }

  #classOf(durationMs: number): number {
    return Math.ceil(Math.log(durationMs / this.#bounds.minMs) / Math.log(CLASS_GROWTH));
  }

  #forget(): void {
    this.#counts.forEach((count, index) => {
      this.#counts[index] = count / 2;
    });
    this.#beyond /= 2;
    this.#total /= 2;
  }

  #estimate(): number {
    const { minMs, defaultMs, maxMs } = this.#bounds;
    if (this.#total < OBSERVATIONS_MIN) return defaultMs;
    // Mostly used again only when no environment is kept any more: keeping them costs memory and gives nothing.
    if (this.#beyond > this.#total / 2) return minMs;
    let left = (this.#total - this.#beyond) * KEPT_SHARE;
    const index = this.#counts.findIndex((count) => {
      left -= count;
      return left <= 1e-9;
    });
    return Math.min(maxMs, minMs * CLASS_GROWTH ** Math.max(0, index) * MARGIN);
  }
}

/** Above this number of functions, what was learnt longest ago about one of them is forgotten. */
const FUNCTIONS_MAX = 10_000;

/** What has been learnt about each function, over its versions and deployments. */
export class KeepAlives {
  readonly #bounds: KeepAliveBounds;
  readonly #functions = new Map<string, KeepAlive>();

  constructor(bounds: KeepAliveBounds) {
    this.#bounds = bounds;
  }

  of(owner: { readonly account: string; readonly region: string; readonly functionName: string }): KeepAlive {
    const key = `${owner.account}/${owner.region}/${owner.functionName}`;
    const known = this.#functions.get(key) ?? new KeepAlive(this.#bounds);
    this.#functions.delete(key);
    this.#functions.set(key, known);
    const [longestAgo] = this.#functions.keys();
    if (this.#functions.size > FUNCTIONS_MAX && longestAgo !== undefined) this.#functions.delete(longestAgo);
    return known;
  }
}

import type { Clock } from "../ports/clock.ts";

export interface ConcurrencyLimitOptions {
  readonly clock: Clock;
  readonly initial: number;
  readonly min: number;
  readonly max: number;
  readonly growthPerMinute: number;
}

const THROTTLED_FACTOR = 0.5;
const FAILED_FACTOR = 0.75;
const MINUTE_MS = 60_000;

/**
 * How many batches of a mapping may be under way at a time. It grows while as many are, and shrinks when the function
 * fails or is throttled; AWS: "Configuring scaling behavior for SQS event source mappings".
 */
export class ConcurrencyLimit {
  readonly #options: ConcurrencyLimitOptions;
  #value: number;
  /** Monotonic; since when all is used, as far as it has been rewarded with growth. */
  #reachedAtMs: number | undefined;

  constructor(options: ConcurrencyLimitOptions) {
    this.#options = options;
    this.#value = Math.min(options.initial, options.max);
  }

  get value(): number {
    return Math.floor(this.#value);
  }

  /** It can grow, so that asking again later makes sense. */
  get grows(): boolean {
    return this.#value < this.#options.max && this.#options.growthPerMinute > 0;
  }

  /** More would have been wanted. */
  reached(): void {
    const { clock, growthPerMinute, max } = this.#options;
    const nowMs = clock.monotonicMs();
    const elapsedMs = nowMs - (this.#reachedAtMs ?? nowMs);
    this.#reachedAtMs = nowMs;
    this.#value = Math.min(max, this.#value + (elapsedMs * growthPerMinute) / MINUTE_MS);
  }

  /** Not all of it is used. */
  notReached(): void {
    this.#reachedAtMs = undefined;
  }

  /** Nothing came for a while. */
  rested(): void {
    this.#reachedAtMs = undefined;
    this.#value = Math.min(this.#options.initial, this.#options.max);
  }

  backOff(because: "throttled" | "failed"): void {
    const factor = because === "throttled" ? THROTTLED_FACTOR : FAILED_FACTOR;
    this.#value = Math.max(Math.min(this.#options.min, this.#value), this.#value * factor);
    this.#reachedAtMs = undefined;
  }
}

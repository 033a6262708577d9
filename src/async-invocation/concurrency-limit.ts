import type { Clock } from "../ports/clock.ts";

/** Events of a function that run at once before anything is known of it. */
const START = 16;
/** More at once help a function that waits for something. One that is through at once is limited by the machine. */
const LONG_MS = 20;
const GROW_INTERVAL_MS = 1_000;
/** Weight of the newest duration in the mean. */
const NEWEST = 0.2;

/**
 * How many events of one function run at once. It doubles every second while events wait and the function takes its
 * time, and halves when the function is throttled.
 */
export class ConcurrencyLimit {
  readonly #clock: Clock;
  readonly #max: () => number;
  #current = START;
  #meanMs: number | undefined;
  #cancelGrowth: (() => void) | undefined;
  #halvedMs = Number.NEGATIVE_INFINITY;

  /** `max`: what the function may take at most, at this moment. */
  constructor(clock: Clock, max: () => number) {
    this.#clock = clock;
    this.#max = max;
  }

  get current(): number {
    return Math.max(1, Math.min(this.#current, this.#max()));
  }

  ran(durationMs: number): void {
    this.#meanMs =
      this.#meanMs === undefined ? durationMs : this.#meanMs + NEWEST * (durationMs - this.#meanMs);
  }

  refused(): void {
    const nowMs = this.#clock.monotonicMs();
    // What was under way together is refused together: that is one piece of news.
    if (nowMs - this.#halvedMs < GROW_INTERVAL_MS) return;
    this.#halvedMs = nowMs;
    this.#current = Math.max(1, Math.floor(this.current / 2));
  }

  /** Everything allowed is in use and events wait; `grown` is told when more are allowed. */
  saturated(grown: () => void): void {
    if (this.#cancelGrowth !== undefined || this.#current >= this.#max()) return;
    this.#cancelGrowth = this.#clock.after(GROW_INTERVAL_MS, () => {
      this.#cancelGrowth = undefined;
      if (this.#current < START) this.#current = Math.min(START, this.#current * 2);
      // Nothing has ended yet: each takes longer than this.
      else if (this.#meanMs === undefined || this.#meanMs >= LONG_MS) this.#current = this.current * 2;
      grown();
    });
  }

  close(): void {
    this.#cancelGrowth?.();
  }
}

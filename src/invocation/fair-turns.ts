import type { Clock } from "../ports/clock.ts";

/**
 * For so long a function keeps its last environment while another waits that has none, and an equal share while
 * another has fewer: each change of hands costs a cold start.
 */
const TIME_SLICE_MS = 1_000;

/** A function version whose invocations want environments. */
export interface TakesTurns {
  /** Places on the machine that it holds. */
  readonly environmentCount: number;
  /** Environments it still needs for those that wait. */
  readonly missingEnvironments: number;
  /** Starts one environment, if it needs one and there is room; false when it cannot or need not. */
  startOne(): boolean;
}

/**
 * Shares a full machine between the functions that want environments. What becomes free goes to the one that holds
 * fewest, among equals to the one whose last turn is longest ago, one environment at a time; a thousand invocations
 * that wait for one function do not keep back a single one of another.
 */
export class FairTurns {
  readonly #clock: Clock;
  readonly #mayStart: () => boolean;
  readonly #waiting = new Set<TakesTurns>();
  /** When each has started an environment last, monotonic. */
  readonly #lastTurnMs = new WeakMap<TakesTurns, number>();
  /** Environments that are being ended so that somebody who waits gets their place. */
  #yielding = 0;

  /** `mayStart`: false while nobody could start anything, whoever's turn it were. */
  constructor(clock: Clock, mayStart: () => boolean = () => true) {
    this.#clock = clock;
    this.#mayStart = mayStart;
  }

  /** It wants an environment and there is no room. */
  wait(taker: TakesTurns): void {
    this.#waiting.add(taker);
  }

  leave(taker: TakesTurns): void {
    this.#waiting.delete(taker);
  }

  /** Whether another waits, so that nobody may help himself to what is free. */
  isContended(by: TakesTurns): boolean {
    return this.#waiting.size > (this.#waiting.has(by) ? 1 : 0);
  }

  /** It has started an environment. */
  started(taker: TakesTurns): void {
    this.#lastTurnMs.set(taker, this.#clock.monotonicMs());
  }

  /** Lets those who wait start environments, in turns, as far as there is room. */
  handOut(): void {
    const candidates = new Set(this.#waiting);
    while (this.#mayStart()) {
      const next = this.#neediest(candidates);
      if (next === undefined) return;
      if (!next.startOne()) candidates.delete(next);
    }
  }

  /**
   * Whether the holder's environment, which has just become free on a full machine, is to be ended for somebody else.
   * `hasWork`: invocations of its own wait for it.
   */
  owes(holder: TakesTurns, hasWork: boolean): boolean {
    const others = [...this.#waiting].filter((taker) => taker !== holder && taker.missingEnvironments > 0);
    const missing = others.reduce((sum, taker) => sum + taker.missingEnvironments, 0);
    const other = this.#neediest(others);
    if (other === undefined || missing <= this.#yielding) return false;
    if (!hasWork) return true;
    const held = holder.environmentCount - this.#yielding;
    const sinceTurnMs = this.#clock.monotonicMs() - this.#lastTurnOf(holder);
    if (other.environmentCount === 0) return held > 1 || sinceTurnMs >= TIME_SLICE_MS;
    return held >= other.environmentCount + 2 && sinceTurnMs >= TIME_SLICE_MS;
  }

  /** An environment is ended for somebody else; call what is returned when its place is free. */
  yields(): () => void {
    this.#yielding++;
    return () => {
      this.#yielding--;
    };
  }

  #lastTurnOf(taker: TakesTurns): number {
    return this.#lastTurnMs.get(taker) ?? Number.NEGATIVE_INFINITY;
  }

  #neediest(takers: Iterable<TakesTurns>): TakesTurns | undefined {
    let first: TakesTurns | undefined;
    for (const taker of takers) if (first === undefined || this.#isBefore(taker, first)) first = taker;
    return first;
  }

  #isBefore(a: TakesTurns, b: TakesTurns): boolean {
    if (a.environmentCount !== b.environmentCount) return a.environmentCount < b.environmentCount;
    return this.#lastTurnOf(a) < this.#lastTurnOf(b);
  }
}

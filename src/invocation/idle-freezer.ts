import type { Clock } from "../ports/clock.ts";

/**
 * AWS freezes an environment as soon as it waits for its next event. Here it is given this much longer, so that one
 * which is invoked again at once pays for neither freezing nor thawing.
 */
const FREEZE_AFTER_MS = 10;

/** What holds idle environments. */
export interface HoldsIdleEnvironments {
  /** Freezes those idle since before the instant (monotonic); false when some of the idle still run. */
  freezeIdle(idleBeforeMs: number): boolean;
}

/** Freezes idle environments, and costs nothing while there is none that runs. */
export class IdleFreezer {
  readonly #clock: Clock;
  readonly #running = new Set<HoldsIdleEnvironments>();
  #cancel: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** One of the holder's environments has become idle. */
  idled(holder: HoldsIdleEnvironments): void {
    this.#running.add(holder);
    this.#cancel ??= this.#clock.after(FREEZE_AFTER_MS, () => this.#freeze());
  }

  close(): void {
    this.#cancel?.();
    this.#running.clear();
  }

  #freeze(): void {
    this.#cancel = undefined;
    const idleBeforeMs = this.#clock.monotonicMs() - FREEZE_AFTER_MS;
    for (const holder of this.#running) if (holder.freezeIdle(idleBeforeMs)) this.#running.delete(holder);
    if (this.#running.size > 0) this.#cancel = this.#clock.after(FREEZE_AFTER_MS, () => this.#freeze());
  }
}

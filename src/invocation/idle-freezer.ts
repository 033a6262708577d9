import type { Clock } from "../ports/clock.ts";

/**
 * AWS freezes an environment as soon as it waits for its next event. Here it is given this much longer, so that one
 * which is invoked again at once pays for neither freezing nor thawing.
 */
const FREEZE_AFTER_MS = 10;
/** While environments start, what somebody waits for has the processor; for so long at most. */
const START_PATIENCE_MS = 250;

/** What holds idle environments. */
export interface HoldsIdleEnvironments {
  /** Freezes those idle since before the instant (monotonic); false when some of the idle still run. */
  freezeIdle(idleBeforeMs: number): boolean;
}

/** Freezes idle environments, and costs nothing while there is none that runs. */
export class IdleFreezer {
  readonly #clock: Clock;
  readonly #isStarting: () => boolean;
  readonly #running = new Set<HoldsIdleEnvironments>();
  #cancel: (() => void) | undefined;
  /** Since when freezing has been put off, monotonic. */
  #putOffSinceMs: number | undefined;

  /** `isStarting`: whether somebody waits for an environment that is being started. */
  constructor(clock: Clock, isStarting: () => boolean = () => false) {
    this.#clock = clock;
    this.#isStarting = isStarting;
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
    const nowMs = this.#clock.monotonicMs();
    if (!this.#isPutOff(nowMs)) {
      const idleBeforeMs = nowMs - FREEZE_AFTER_MS;
      for (const holder of this.#running) if (holder.freezeIdle(idleBeforeMs)) this.#running.delete(holder);
    }
    if (this.#running.size > 0) this.#cancel = this.#clock.after(FREEZE_AFTER_MS, () => this.#freeze());
  }
  #isPutOff(nowMs: number): boolean {
    this.#putOffSinceMs ??= nowMs;
    if (this.#isStarting() && nowMs - this.#putOffSinceMs < START_PATIENCE_MS) return true;
    this.#putOffSinceMs = undefined;
    return false;
  }
}

import type { Clock } from "../../ports/clock.ts";

const PROBE_INTERVAL_MS = 1_000;

/** Whether the disk takes writes. After a failure only a successful probe says so again. */
export class Health {
  readonly #clock: Clock;
  #healthy = true;
  #cancelProbe: (() => void) | undefined;
  #probe: (() => Promise<unknown>) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isHealthy(): boolean {
    return this.#healthy;
  }

  /** `probe` rejects as long as the disk fails. */
  start(probe: () => Promise<unknown>): void {
    this.#probe = probe;
  }

  /** From now on the answer is no, for good. */
  stop(): void {
    this.#cancelProbe?.();
    this.#probe = undefined;
    this.#healthy = false;
  }

  failed(): void {
    this.#healthy = false;
    const probe = this.#probe;
    if (probe !== undefined && this.#cancelProbe === undefined) {
      this.#cancelProbe = this.#clock.after(PROBE_INTERVAL_MS, () => {
        this.#cancelProbe = undefined;
        probe().then(
          () => {
            this.#healthy = this.#probe !== undefined;
          },
          () => this.failed(),
        );
      });
    }
  }
}

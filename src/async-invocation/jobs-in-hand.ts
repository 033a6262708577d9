import type { Clock } from "../ports/clock.ts";
import type { Job } from "../ports/store.ts";

/** The store gives a job to somebody else when it has seen no sign of life for half a minute. */
const SIGN_OF_LIFE_MS = 10_000;

/** Jobs that are being worked on, or wait in memory for that: keeps them ours, however long it takes. */
export class JobsInHand {
  readonly #clock: Clock;
  readonly #jobs = new Map<Job, number>();
  #cancelTimer: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#jobs.size;
  }

  add(jobs: readonly Job[]): void {
    const nowMs = this.#clock.monotonicMs();
    for (const job of jobs) this.#jobs.set(job, nowMs);
    this.#keepAlive();
  }

  remove(job: Job): void {
    this.#jobs.delete(job);
  }

  close(): void {
    this.#cancelTimer?.();
    this.#jobs.clear();
  }

  #keepAlive(): void {
    if (this.#cancelTimer !== undefined || this.#jobs.size === 0) return;
    this.#cancelTimer = this.#clock.after(SIGN_OF_LIFE_MS / 2, () => {
      this.#cancelTimer = undefined;
      const nowMs = this.#clock.monotonicMs();
      for (const [job, sinceMs] of this.#jobs) {
        if (nowMs - sinceMs < SIGN_OF_LIFE_MS) continue;
        this.#jobs.set(job, nowMs);
        // One that is lost runs twice, which "at least once" allows; what is not available now is tried again.
        job.extend().catch(() => undefined);
      }
      this.#keepAlive();
    });
  }
}

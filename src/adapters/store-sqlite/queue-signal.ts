import type { Clock } from "../../ports/clock.ts";

/**
 * Wakes receivers of one queue when a job may be due. One receiver is woken for each job; it looks for itself, and
 * reports the next due time again, which wakes the next one.
 */
export class QueueSignal {
  readonly #clock: Clock;
  readonly #waiters = new Set<() => void>();
  #timer: { dueMs: number; cancel: () => void } | undefined;
  #version = 0;
  /** Kept by the queue: those who look for jobs or wait for them. */
  receivers = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Changes with every wake-up: who looked before it changed has to look again instead of waiting. */
  get version(): number {
    return this.#version;
  }

  /** A job is due at this time, wall clock. */
  dueAt(dueMs: number | undefined): void {
    if (dueMs === undefined || (this.#timer !== undefined && this.#timer.dueMs <= dueMs)) {
      return;
    }
    const delayMs = dueMs - this.#clock.nowMs();
    if (delayMs <= 0) {
      this.wake(1);
      return;
    }
    this.#timer?.cancel();
    const cancel = this.#clock.after(delayMs, () => {
      this.#timer = undefined;
      this.wake(1);
    });
    this.#timer = { dueMs, cancel };
  }

  /** Wakes as many receivers as there are jobs for. */
  wake(jobs: number): void {
    this.#version++;
    let left = jobs;
    for (const wake of this.#waiters) {
      if (left-- <= 0) {
        break;
      }
      wake();
    }
  }

  /** Resolves when woken, with true, or after the time, with false. */
  wait(waitMs: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const end = (woken: boolean): void => {
      cancel();
      this.#waiters.delete(wake);
      resolve(woken);
    };
    const wake = (): void => end(true);
    const cancel = this.#clock.after(waitMs, () => end(false));
    this.#waiters.add(wake);
    return promise;
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.wake(this.#waiters.size);
  }
}

import type { Clock } from "../../src/ports/clock.ts";

/** Time that stands still until `advance`; due callbacks run in order, deadlines in the turn after. */
export class ManualClock implements Clock {
  #nowMs = 1_700_000_000_000;
  #elapsedMs = 0;
  #timers: { atMs: number; callback: () => void }[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = { atMs: this.#elapsedMs + delayMs, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  deadline(delayMs: number, callback: () => void): () => void {
    let turn: NodeJS.Immediate | undefined;
    const cancel = this.after(delayMs, () => {
      turn = setImmediate(callback);
    });
    return () => {
      cancel();
      clearImmediate(turn);
    };
  }

  advance(durationMs: number): void {
    const untilMs = this.#elapsedMs + durationMs;
    for (;;) {
      const due = this.#timers.filter((timer) => timer.atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#step(due.atMs);
      due.callback();
    }
    this.#step(untilMs);
  }

  #step(toMs: number): void {
    const stepMs = Math.max(0, toMs - this.#elapsedMs);
    this.#elapsedMs += stepMs;
    this.#nowMs += stepMs;
  }
}

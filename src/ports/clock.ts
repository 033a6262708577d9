/** Time, handed in so that it can be simulated. */
export interface Clock {
  /** Wall clock, epoch milliseconds. */
  nowMs(): number;
  /** Monotonic milliseconds, for durations; sub-millisecond resolution. */
  monotonicMs(): number;
  /** Runs `callback` once after `delayMs`; the returned function cancels it. Never keeps the process alive. */
  after(delayMs: number, callback: () => void): () => void;
  /**
   * The same for the end of a time in which something was to happen. Timers come first where this process was held up: what
   * has happened in time, and is still to be read, comes before this callback.
   */
  deadline(delayMs: number, callback: () => void): () => void;
}

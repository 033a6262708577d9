/** What a start is taken to last before the first one has been seen. */
const UNKNOWN_START_MS = 200;
/** Weight of the newest observation in the running averages. */
const NEWEST_WEIGHT = 0.2;

export interface Congestion {
  /** Invocations that wait and for which no environment is starting yet. */
  readonly waiting: number;
  /** Environments that are running an invocation and will be free again. */
  readonly busy: number;
  /** How long the first of them has waited. */
  readonly longestWaitMs: number;
}

/**
 * Decides between waiting for a busy environment and starting one more, by which of them is likely to be sooner: a
 * function of five milliseconds needs no hundred environments for a hundred callers. Where the prediction proves
 * wrong, waiting ends after the time that a start would have taken.
 */
export class StartDecision {
  #invocationMs: number | undefined;
  #startMs = UNKNOWN_START_MS;

  invocationTook(durationMs: number): void {
    this.#invocationMs = average(this.#invocationMs, durationMs);
  }

  startTook(durationMs: number): void {
    this.#startMs = average(this.#startMs, durationMs);
  }

  /** How long an invocation waits at most before one more environment is started for it. */
  get patienceMs(): number {
    return this.#startMs;
  }

  isWorthStarting({ waiting, busy, longestWaitMs }: Congestion): boolean {
    if (waiting === 0) return false;
    if (busy === 0 || this.#invocationMs === undefined || longestWaitMs >= this.#startMs) return true;
    return (waiting * this.#invocationMs) / busy > this.#startMs;
  }
}

function average(before: number | undefined, newest: number): number {
  return before === undefined ? newest : before + NEWEST_WEIGHT * (newest - before);
}

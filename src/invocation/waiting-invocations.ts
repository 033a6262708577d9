import type { AwsError } from "../core/errors.ts";
import type { InvocationRequest, InvocationResult } from "../core/invocation.ts";
import type { Clock } from "../ports/clock.ts";

export interface WaitingInvocation {
  readonly request: InvocationRequest;
  readonly resolve: (result: InvocationResult) => void;
  readonly reject: (error: Error) => void;
  /** Monotonic. */
  readonly sinceMs: number;
}

export interface WaitLimit {
  readonly clock: Clock;
  /** How long an invocation waits for an environment on a full machine before it is throttled. */
  readonly maxWaitMs: number;
  readonly throttle: () => AwsError;
}

/** The invocations of one function version that wait for an environment, in the order in which they came. */
export class WaitingInvocations {
  readonly #queue: WaitingInvocation[] = [];
  readonly #limit: WaitLimit;
  #cancelLimit: (() => void) | undefined;

  constructor(limit: WaitLimit) {
    this.#limit = limit;
  }

  get count(): number {
    return this.#queue.length;
  }

  /** Monotonic time since when the first has waited; undefined when none waits. */
  get longestSinceMs(): number | undefined {
    return this.#queue[0]?.sinceMs;
  }

  push(waiting: WaitingInvocation): void {
    this.#queue.push(waiting);
  }

  takeLongest(): WaitingInvocation | undefined {
    return this.#queue.shift();
  }

  takeNewest(): WaitingInvocation | undefined {
    return this.#queue.pop();
  }

  rejectAll(error: () => Error): void {
    this.#cancelLimit?.();
    for (const waiting of this.#queue.splice(0)) waiting.reject(error());
  }

  /**
   * The machine is full: whatever has waited too long is throttled. `spared` tells, at that time, how many of the
   * first are about to be served.
   */
  limit(spared: () => number): void {
    const { clock, maxWaitMs } = this.#limit;
    const first = this.#queue[spared()]?.sinceMs;
    if (first === undefined) return;
    this.#cancelLimit ??= clock.after(Math.max(1, first + maxWaitMs - clock.monotonicMs()), () => {
      this.#cancelLimit = undefined;
      this.#throttle(spared());
      this.limit(spared);
    });
  }

  #throttle(spared: number): void {
    const { clock, maxWaitMs, throttle } = this.#limit;
    const expiredMs = clock.monotonicMs() - maxWaitMs;
    let end = Math.min(spared, this.#queue.length);
    while ((this.#queue[end]?.sinceMs ?? Number.POSITIVE_INFINITY) <= expiredMs) end++;
    for (const waiting of this.#queue.splice(spared, Math.max(0, end - spared))) waiting.reject(throttle());
  }
}

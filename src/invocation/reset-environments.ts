import type { MadeEnvironment } from "../environments/environment-factory.ts";

interface ResetEnvironment {
  readonly made: MadeEnvironment;
  /** Monotonic. */
  readonly sinceMs: number;
}

/**
 * Environments whose processes are gone after a time-out, a crash or a failed initialisation. AWS: such an environment
 * is reset, not replaced: it keeps its place, its log stream and its /tmp, and initialises again inside the next
 * invocation that it gets ("Lambda execution environment lifecycle", failures during the invoke phase).
 */
export class ResetEnvironments {
  /** In the order in which they were reset. */
  readonly #all: ResetEnvironment[] = [];

  get count(): number {
    return this.#all.length;
  }

  get longestSinceMs(): number | undefined {
    return this.#all[0]?.sinceMs;
  }

  add(made: MadeEnvironment, sinceMs: number): void {
    this.#all.push({ made, sinceMs });
  }

  /** The one that was reset last, or this one if it is still there. */
  take(wanted?: MadeEnvironment): MadeEnvironment | undefined {
    if (wanted === undefined) return this.#all.pop()?.made;
    const at = this.#all.findIndex(({ made }) => made === wanted);
    return at < 0 ? undefined : this.#all.splice(at, 1)[0]?.made;
  }

  /** One that has been reset before the instant (monotonic). */
  takeOlderThan(beforeMs: number): MadeEnvironment | undefined {
    return (this.longestSinceMs ?? Number.POSITIVE_INFINITY) < beforeMs ? this.#all.shift()?.made : undefined;
  }
}

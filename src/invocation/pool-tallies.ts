import type { FunctionVersion } from "../core/function-version.ts";
import type { ConcurrencyLoad, FunctionMetrics, InvocationTally } from "../ports/function-metrics.ts";

/** Names under which one deployment is called and counted by itself; few have more than two or three. */
const TALLIES_MAX = 20;

/** The counters of one deployment, by the name that callers use. */
export class PoolTallies {
  readonly #metrics: FunctionMetrics;
  readonly #version: FunctionVersion;
  readonly #load: ConcurrencyLoad;
  readonly #tallies: InvocationTally[] = [];

  constructor(metrics: FunctionMetrics, version: FunctionVersion, load: ConcurrencyLoad) {
    this.#metrics = metrics;
    this.#version = version;
    this.#load = load;
  }

  /** On the hot path: found by comparing a few names. */
  of(invokedFunctionArn: string): InvocationTally {
    for (const tally of this.#tallies) if (tally.invokedFunctionArn === invokedFunctionArn) return tally;
    const tally = this.#metrics.tally(this.#version, invokedFunctionArn, this.#load);
    if (this.#tallies.length >= TALLIES_MAX) this.#tallies.shift();
    this.#tallies.push(tally);
    return tally;
  }
}

/** Counts nothing. */
export const NO_FUNCTION_METRICS: FunctionMetrics = {
  tally: (_version, invokedFunctionArn) => ({
    invokedFunctionArn,
    began() {},
    ended() {},
    dropped() {},
    refused() {},
  }),
};

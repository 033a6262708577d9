import type { FunctionMetrics, InvocationTally } from "../ports/function-metrics.ts";
import type { LogSink, LogStreamWriter } from "../ports/log-sink.ts";
import type { PlatformMetrics } from "../ports/metrics.ts";
import {
  type LoggedEvents,
  type PlatformSample,
  type Records,
  TALLY_EVENT_VALUES,
  TALLY_EVENTS,
  type TalliedName,
} from "./calls.ts";

/** Writers kept open; any of them can be opened again. */
const WRITERS_MAX = 5_000;

/** Invocations of one function version that run in other processes, as the main one's counts need them. */
export interface RunningElsewhere {
  readonly load: Parameters<FunctionMetrics["tally"]>[2];
  change(by: 1 | -1): void;
  /** Nothing of it runs there any more. */
  release(): void;
}

export interface ReplayDependencies {
  readonly logs: LogSink;
  readonly functionMetrics: FunctionMetrics;
  readonly metrics: PlatformMetrics;
  /** Told of each invocation that the process has answered. */
  readonly answered: () => void;
  readonly elsewhere: (name: TalliedName) => RunningElsewhere;
  /** Milliseconds on the machine's monotonic clock → the same on this process's. */
  readonly monotonicMs: (machineMs: number) => number;
}

interface Counted {
  readonly tally: InvocationTally;
  readonly elsewhere: RunningElsewhere;
  running: number;
}

/** Writes and counts in the main process what happened in one data-plane process. */
export class Replay {
  readonly #dependencies: ReplayDependencies;
  readonly #writers = new Map<string, LogStreamWriter>();
  readonly #counted = new Map<number, Counted>();
  #environments: Readonly<Record<string, number>> = {};

  constructor(dependencies: ReplayDependencies) {
    this.#dependencies = dependencies;
  }

  /** Environments alive, per runtime. */
  get environments(): Readonly<Record<string, number>> {
    return this.#environments;
  }

  take({ logs, tallies, counts, samples, environments }: Records): void {
    this.#environments = environments;
    for (const events of logs) this.#log(events);
    for (const name of tallies) this.#open(name);
    for (let at = 0; at < counts.length; ) {
      const event = counts[at + 1] ?? 0;
      const values = TALLY_EVENT_VALUES[event] ?? 0;
      const counted = this.#counted.get(counts[at] ?? -1);
      if (counted !== undefined) this.#count(counted, event, counts.slice(at + 2, at + 2 + values));
      at += 2 + values;
    }
    for (const sample of samples) this.#sample(sample);
  }

  /** The process is gone, with what ran in it. */
  ended(): void {
    this.#environments = {};
    for (const counted of this.#counted.values())
      while (counted.running > 0) this.#count(counted, TALLY_EVENTS.dropped, []);
    for (const { elsewhere } of this.#counted.values()) elsewhere.release();
    this.#counted.clear();
  }

  #log({ events, ...reference }: LoggedEvents): void {
    const key = `${reference.account}/${reference.region}/${reference.logGroupName}\n${reference.logStreamName}`;
    let writer = this.#writers.get(key);
    if (writer === undefined) {
      if (this.#writers.size >= WRITERS_MAX) this.#writers.clear();
      writer = this.#dependencies.logs.open(reference);
      this.#writers.set(key, writer);
    }
    for (let at = 0; at + 1 < events.length; at += 2)
      writer.write(Number(events[at]), String(events[at + 1]));
  }

  #open(name: TalliedName): void {
    const elsewhere = this.#dependencies.elsewhere(name);
    const tally = this.#dependencies.functionMetrics.tally(name, name.invokedFunctionArn, elsewhere.load);
    this.#counted.set(name.id, { tally, elsewhere, running: 0 });
  }

  #count(counted: Counted, event: number, values: readonly number[]): void {
    const { tally, elsewhere } = counted;
    if (event === TALLY_EVENTS.refused) {
      tally.refused();
      return;
    }
    if (event === TALLY_EVENTS.began) {
      counted.running++;
      elsewhere.change(1);
      tally.began();
      return;
    }
    counted.running--;
    elsewhere.change(-1);
    if (event === TALLY_EVENTS.ended) {
      const [startedMs = 0, durationMs = 0, failed = 0] = values;
      this.#dependencies.answered();
      tally.ended(this.#dependencies.monotonicMs(startedMs), durationMs, failed === 1);
    } else tally.dropped(event === TALLY_EVENTS.throttledWhileWaiting);
  }

  #sample(sample: PlatformSample): void {
    const { metrics } = this.#dependencies;
    if (sample[0] === "invocation")
      metrics.invocation({ functionName: sample[1], durationMs: sample[2], outcome: sample[3] });
    else if (sample[0] === "cold start") metrics.coldStart({ runtime: sample[1], durationMs: sample[2] });
    else
      metrics.apiRequest({
        service: "lambda",
        operation: sample[1],
        status: sample[2],
        durationMs: sample[3],
      });
  }
}

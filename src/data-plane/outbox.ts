import type { Clock } from "../ports/clock.ts";
import type { FunctionMetrics, InvocationTally } from "../ports/function-metrics.ts";
import type { LogSink } from "../ports/log-sink.ts";
import type { PlatformMetrics } from "../ports/metrics.ts";
import {
  type LoggedEvents,
  type PlatformSample,
  type Records,
  TALLY_EVENTS,
  type TalliedName,
} from "./calls.ts";

/** How long a record waits at most for others to go with. */
const SEND_AFTER_MS = 20;
const SEND_AT_CHARACTERS = 256 * 1024;
/** Of log events that the main process has not taken yet; what comes beyond is dropped, and its stream says so. */
const BACKLOG_BYTES_MAX = 64 * 1024 * 1024;

export interface OutboxDependencies {
  readonly clock: Clock;
  readonly send: (records: Records) => void;
  /** Bytes sent and not taken. */
  readonly backlogBytes: () => number;
  readonly environmentCounts: () => ReadonlyMap<string, number>;
  /** Monotonic milliseconds of this process → the same on the machine's clock. */
  readonly machineMs: (monotonicMs: number) => number;
}

class WaitingEvents {
  readonly reference: Omit<LoggedEvents, "events">;
  events: (number | string)[] = [];
  dropped = 0;
  isListed = false;

  constructor(reference: Omit<LoggedEvents, "events">) {
    this.reference = reference;
  }
}

/**
 * What a data-plane process has to tell of its invocations: their logs and counts. Collected for a few milliseconds,
 * because the main process takes a hundred records at almost the price of one.
 */
export class Outbox {
  readonly #dependencies: OutboxDependencies;
  readonly #ids = new Map<string, number>();
  #listed: WaitingEvents[] = [];
  #tallies: TalliedName[] = [];
  #counts: number[] = [];
  #samples: PlatformSample[] = [];
  #characters = 0;
  #cancelTimer: (() => void) | undefined;

  constructor(dependencies: OutboxDependencies) {
    this.#dependencies = dependencies;
  }

  readonly logs: LogSink = {
    open: ({ account, region, logGroupName, logStreamName }) => {
      const waiting = new WaitingEvents({ account, region, logGroupName, logStreamName });
      return { write: (timestampMs, message) => this.#log(waiting, timestampMs, message) };
    },
  };

  readonly functionMetrics: FunctionMetrics = {
    tally: (version, invokedFunctionArn) => {
      const { account, region, functionName } = version;
      const name = { account, region, functionName, version: version.version, invokedFunctionArn };
      return this.#tally(this.#idOf(name), invokedFunctionArn);
    },
  };

  readonly metrics: PlatformMetrics = {
    invocation: ({ functionName, durationMs, outcome }) =>
      this.#sample(["invocation", functionName, durationMs, outcome]),
    coldStart: ({ runtime, durationMs }) => this.#sample(["cold start", runtime, durationMs]),
    apiRequest: ({ operation, status, durationMs }) =>
      this.#sample(["request", operation, status, durationMs]),
    // Told with every batch.
    environments: () => undefined,
  };

  /** Sends everything now. */
  flush(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const logs = this.#listed.map((waiting) => take(waiting, this.#dependencies.clock.nowMs()));
    const records: Records = {
      logs,
      tallies: this.#tallies,
      counts: this.#counts,
      samples: this.#samples,
      environments: Object.fromEntries(this.#dependencies.environmentCounts()),
    };
    this.#listed = [];
    this.#tallies = [];
    this.#counts = [];
    this.#samples = [];
    this.#characters = 0;
    this.#dependencies.send(records);
  }

  #log(waiting: WaitingEvents, timestampMs: number, message: string): void {
    if (!waiting.isListed) {
      waiting.isListed = true;
      this.#listed.push(waiting);
    }
    if (this.#dependencies.backlogBytes() > BACKLOG_BYTES_MAX) {
      waiting.dropped++;
      return;
    }
    waiting.events.push(timestampMs, message);
    this.#characters += message.length;
    if (this.#characters >= SEND_AT_CHARACTERS) this.flush();
    else this.#schedule();
  }

  #sample(sample: PlatformSample): void {
    this.#samples.push(sample);
    this.#schedule();
  }

  #schedule(): void {
    this.#cancelTimer ??= this.#dependencies.clock.after(SEND_AFTER_MS, () => {
      this.#cancelTimer = undefined;
      this.flush();
    });
  }

  #idOf(name: Omit<TalliedName, "id">): number {
    const key = `${name.version} ${name.invokedFunctionArn}`;
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.#ids.size;
    this.#ids.set(key, id);
    this.#tallies.push({ ...name, id });
    return id;
  }

  #tally(id: number, invokedFunctionArn: string): InvocationTally {
    const count = (...values: readonly number[]): void => {
      this.#counts.push(id, ...values);
      this.#schedule();
    };
    const { machineMs } = this.#dependencies;
    return {
      invokedFunctionArn,
      began: () => count(TALLY_EVENTS.began),
      ended: (startedMs, durationMs, failed) =>
        count(TALLY_EVENTS.ended, machineMs(startedMs), durationMs, failed ? 1 : 0),
      dropped: (throttled) => count(throttled ? TALLY_EVENTS.throttledWhileWaiting : TALLY_EVENTS.dropped),
      refused: () => count(TALLY_EVENTS.refused),
    };
  }
}

function take(waiting: WaitingEvents, nowMs: number): LoggedEvents {
  const { reference, events, dropped } = waiting;
  if (dropped > 0)
    events.push(
      nowMs,
      `LOGS_DROPPED ${dropped} log events of this stream were dropped: they came faster than they could be stored.\n`,
    );
  waiting.events = [];
  waiting.dropped = 0;
  waiting.isListed = false;
  return { ...reference, events };
}

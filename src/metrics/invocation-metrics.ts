import { MetricAggregate } from "../core/metric-aggregate.ts";
import type { Clock } from "../ports/clock.ts";
import type {
  ConcurrencyLoad,
  CountedVersion,
  FunctionMetrics,
  InvocationTally,
} from "../ports/function-metrics.ts";
import { type GaugeSamples, InvocationCounts } from "./invocation-counts.ts";
import type { MetricDimension, MetricOwner, SeriesName } from "./metric-identity.ts";
import { MINUTE_MS } from "./metric-series.ts";
import type { MetricStore } from "./metric-store.ts";

const NAMESPACE = "AWS/Lambda";
/** How often what was counted goes to the store; the beginning of a minute comes in between. */
const COLLECT_INTERVAL_MS = 5_000;

/**
 * The metrics of AWS/Lambda. Invocations are counted in tallies that their pools hold; every few seconds, and when a
 * minute begins, the counts are handed to the store. AWS: an invocation counts in the minute in which it started.
 */
export class InvocationMetrics implements FunctionMetrics {
  readonly #store: MetricStore;
  readonly #clock: Clock;
  #counting: Tally[] = [];
  #cancelTimer: (() => void) | undefined;
  /** The minute whose counts the tallies hold. */
  #minuteMs: number;
  #closed = false;
  /** When that minute began, by the monotonic clock. */
  minuteStartedMs: number;

  constructor({ store, clock }: { store: MetricStore; clock: Clock }) {
    this.#store = store;
    this.#clock = clock;
    const nowMs = clock.nowMs();
    this.#minuteMs = nowMs - (nowMs % MINUTE_MS);
    this.minuteStartedMs = clock.monotonicMs() - (nowMs % MINUTE_MS);
  }

  tally(version: CountedVersion, invokedFunctionArn: string, load: ConcurrencyLoad): InvocationTally {
    return new Tally(this, { version, invokedFunctionArn, load });
  }

  /** A tally has something to hand over from now on. */
  counts(tally: Tally): void {
    if (this.#counting.length === 0 && this.#cancelTimer === undefined) {
      // Nothing was counted for a while: the minute may be another one.
      this.#enterMinute();
      this.#schedule();
    }
    this.#counting.push(tally);
  }

  /** An invocation of an earlier minute has ended. */
  endedLate(tally: Tally, startedMs: number, durationMs: number, failed: boolean): void {
    const counts = new InvocationCounts();
    counts.invocations = 1;
    counts.errors = failed ? 1 : 0;
    counts.durationMs.add(durationMs);
    const startedAtMs = this.#clock.nowMs() - (this.#clock.monotonicMs() - startedMs);
    this.#add(tally, counts, startedAtMs);
  }

  /** Hands everything counted so far to the store. */
  collect(): void {
    const tallies = this.#counting;
    this.#counting = [];
    for (const tally of tallies) {
      tally.isCounting = false;
      if (!tally.counts.isEmpty) {
        this.#add(tally, tally.counts, this.#minuteMs);
        tally.counts = new InvocationCounts();
      }
    }
    this.#enterMinute();
    // What runs on counts as concurrent in the next stretch as well.
    for (const tally of tallies) if (tally.running > 0) tally.sample();
  }

  close(): void {
    this.#closed = true;
    this.#cancelTimer?.();
    this.collect();
  }

  #enterMinute(): void {
    const nowMs = this.#clock.nowMs();
    const minuteMs = nowMs - (nowMs % MINUTE_MS);
    if (minuteMs === this.#minuteMs) return;
    this.#minuteMs = minuteMs;
    this.minuteStartedMs = this.#clock.monotonicMs() - (nowMs % MINUTE_MS);
  }

  #schedule(): void {
    if (this.#closed) return;
    const untilMinuteMs = MINUTE_MS - (this.#clock.nowMs() % MINUTE_MS);
    this.#cancelTimer = this.#clock.after(Math.min(COLLECT_INTERVAL_MS, untilMinuteMs), () => {
      this.#cancelTimer = undefined;
      this.collect();
      if (this.#counting.length > 0 && this.#cancelTimer === undefined) this.#schedule();
    });
  }

  /** Adds counts to the metrics of the name that was called, its function and its account. */
  #add(tally: Tally, counts: InvocationCounts, timestampMs: number): void {
    const { account, function: ofFunction, resource, version } = tally.scopes;
    const add =
      (scope: Scope): Add =>
      (metricName, unit, value) => {
        if (value.count > 0) this.#store.add(scope.series(metricName, unit), timestampMs, value);
      };
    const scopes = version === undefined ? [account, ofFunction, resource] : Object.values(tally.scopes);
    for (const scope of scopes) addInvocations(add(scope), counts);
    add(resource)("ConcurrentExecutions", "Count", aggregateOf(counts.concurrent));
    add(ofFunction)("ConcurrentExecutions", "Count", aggregateOf(counts.functionConcurrent));
    add(account)("ConcurrentExecutions", "Count", aggregateOf(counts.accountConcurrent));
    add(account)("UnreservedConcurrentExecutions", "Count", aggregateOf(counts.unreservedConcurrent));
    for (const scope of [ofFunction, resource]) addProvisioned(add(scope), counts);
  }
}

/** The metrics of one set of dimensions. */
class Scope {
  readonly #owner: MetricOwner;
  readonly #dimensions: readonly MetricDimension[];
  readonly #series = new Map<string, SeriesName>();

  constructor({ account, region }: MetricOwner, dimensions: Readonly<Record<string, string>>) {
    this.#owner = { account, region };
    this.#dimensions = Object.entries(dimensions).map(([name, value]) => ({ name, value }));
  }

  series(metricName: string, unit: string): SeriesName {
    let series = this.#series.get(metricName);
    if (series === undefined) {
      series = { ...this.#owner, namespace: NAMESPACE, metricName, dimensions: this.#dimensions, unit };
      this.#series.set(metricName, series);
    }
    return series;
  }
}

type Add = (metricName: string, unit: string, value: MetricAggregate) => void;

/** AWS: Errors and Throttles are zero for every invocation that has neither, so that their average is a rate. */
function addInvocations(add: Add, counts: InvocationCounts): void {
  const { invocations, errors, throttles } = counts;
  add("Invocations", "Count", times([1, invocations]));
  add("Errors", "Count", times([1, errors], [0, invocations - errors]));
  add("Throttles", "Count", times([1, throttles], [0, invocations]));
  add("Duration", "Milliseconds", counts.durationMs);
}

function addProvisioned(add: Add, counts: InvocationCounts): void {
  add("ProvisionedConcurrencyInvocations", "Count", times([1, counts.onProvisioned]));
  add("ProvisionedConcurrencySpilloverInvocations", "Count", times([1, counts.spilledOver]));
  add("ProvisionedConcurrentExecutions", "Count", aggregateOf(counts.provisionedConcurrent));
  add("ProvisionedConcurrencyUtilization", "Count", aggregateOf(counts.provisionedUse));
}

function times(...values: readonly (readonly [value: number, times: number])[]): MetricAggregate {
  const aggregate = new MetricAggregate();
  for (const [value, count] of values) aggregate.add(value, count);
  return aggregate;
}

function aggregateOf(samples: GaugeSamples): MetricAggregate {
  const aggregate = new MetricAggregate();
  aggregate.addSet(samples);
  return aggregate;
}

/** The counters of one deployment under one name; the hot path. */
class Tally implements InvocationTally {
  readonly invokedFunctionArn: string;
  readonly scopes: {
    readonly account: Scope;
    readonly function: Scope;
    readonly resource: Scope;
    /** Of aliases only: which of the versions behind it ran. */
    readonly version?: Scope;
  };
  readonly #load: ConcurrencyLoad;
  readonly #metrics: InvocationMetrics;
  counts = new InvocationCounts();
  isCounting = false;
  running = 0;

  constructor(
    metrics: InvocationMetrics,
    of: { version: CountedVersion; invokedFunctionArn: string; load: ConcurrencyLoad },
  ) {
    this.#metrics = metrics;
    this.invokedFunctionArn = of.invokedFunctionArn;
    this.#load = of.load;
    const { functionName: FunctionName, version: ExecutedVersion } = of.version;
    // "hello", "hello:live", "hello:3"
    const Resource = of.invokedFunctionArn.split(":").slice(6).join(":");
    const isAlias = /:(?!\d+$|\$LATEST$)/.test(Resource);
    this.scopes = {
      account: new Scope(of.version, {}),
      function: new Scope(of.version, { FunctionName }),
      resource: new Scope(of.version, { FunctionName, Resource }),
      ...(isAlias && { version: new Scope(of.version, { FunctionName, Resource, ExecutedVersion }) }),
    };
  }

  began(): void {
    this.running++;
    this.sample();
    const { inFlight, provisioned } = this.#load;
    if (provisioned === 0) return;
    if (inFlight > provisioned) this.counts.spilledOver++;
    else this.counts.onProvisioned++;
  }

  ended(startedMs: number, durationMs: number, failed: boolean): void {
    this.running--;
    if (startedMs < this.#metrics.minuteStartedMs) {
      this.#metrics.endedLate(this, startedMs, durationMs, failed);
      return;
    }
    this.#count();
    this.counts.invocations++;
    if (failed) this.counts.errors++;
    this.counts.durationMs.add(durationMs);
  }

  dropped(throttled: boolean): void {
    this.running--;
    if (throttled) this.refused();
  }

  refused(): void {
    this.#count();
    this.counts.throttles++;
  }

  /** Notes how much runs at this moment. */
  sample(): void {
    this.#count();
    const { counts } = this;
    const load = this.#load;
    counts.concurrent.sample(this.running);
    counts.functionConcurrent.sample(load.functionInFlight);
    counts.accountConcurrent.sample(load.accountInFlight);
    counts.unreservedConcurrent.sample(load.unreservedInFlight);
    const { inFlight, provisioned } = load;
    if (provisioned === 0) return;
    const used = Math.min(inFlight, provisioned);
    counts.provisionedConcurrent.sample(used);
    counts.provisionedUse.sample(used / provisioned);
  }

  #count(): void {
    if (this.isCounting) return;
    this.isCounting = true;
    this.#metrics.counts(this);
  }
}

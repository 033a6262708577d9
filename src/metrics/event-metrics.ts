import { MetricAggregate } from "../core/metric-aggregate.ts";
import type { Clock } from "../ports/clock.ts";
import type { EventMetricName, EventMetrics } from "../ports/function-metrics.ts";
import type { MetricDimension, SeriesName } from "./metric-identity.ts";
import type { MetricStore } from "./metric-store.ts";

const NAMESPACE = "AWS/Lambda";
/** How often what was counted goes to the store. */
const COLLECT_INTERVAL_MS = 1_000;

interface Counted {
  /** Of the account, the function, and the function as it was called; or of the mapping. */
  readonly series: readonly SeriesName[];
  aggregate: MetricAggregate;
}

/** Counts events of functions in memory, and hands the counts to the metrics every second. */
export class FunctionEventMetrics implements EventMetrics {
  readonly #store: MetricStore;
  readonly #clock: Clock;
  readonly #counted = new Map<string, Counted>();
  #cancelTimer: (() => void) | undefined;

  constructor({ store, clock }: { store: MetricStore; clock: Clock }) {
    this.#store = store;
    this.#clock = clock;
  }

  add(arn: string, metricName: EventMetricName, value: number): void {
    const key = `${metricName} ${arn}`;
    let counted = this.#counted.get(key);
    if (counted === undefined) {
      counted = { series: seriesOf(arn, metricName), aggregate: new MetricAggregate() };
      this.#counted.set(key, counted);
    }
    counted.aggregate.add(value);
    this.#cancelTimer ??= this.#clock.after(COLLECT_INTERVAL_MS, () => this.collect());
  }

  /** Hands everything counted so far to the store. */
  collect(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const nowMs = this.#clock.nowMs();
    for (const [key, { series, aggregate }] of this.#counted) {
      for (const name of series) this.#store.add(name, nowMs, aggregate);
      this.#counted.delete(key);
    }
  }
}

function seriesOf(arn: string, metricName: EventMetricName): SeriesName[] {
  const [, , , region = "", account = "", kind, name = "", qualifier] = arn.split(":");
  const Resource = qualifier === undefined ? name : `${name}:${qualifier}`;
  const unit = metricName === "AsyncEventAge" ? "Milliseconds" : "Count";
  const dimensionsOfAll: readonly Readonly<Record<string, string>>[] =
    kind === "event-source-mapping"
      ? [{ EventSourceMappingUUID: name }]
      : [{}, { FunctionName: name }, { FunctionName: name, Resource }];
  return dimensionsOfAll.map((dimensions) => ({
    account,
    region,
    namespace: NAMESPACE,
    metricName,
    dimensions: Object.entries(dimensions).map(([name, value]): MetricDimension => ({ name, value })),
    unit,
  }));
}

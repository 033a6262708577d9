import { MetricAggregate } from "../core/metric-aggregate.ts";
import type { Clock } from "../ports/clock.ts";
import type { SeriesName } from "./metric-identity.ts";
import { DAY_MS, HOUR_MS } from "./metric-series.ts";
import type { MetricStore } from "./metric-store.ts";

/** Takes one value that a log event is worth; what is too old or too far ahead for CloudWatch is left out. */
export function addLogMetric(
  { store, clock }: { readonly store: MetricStore; readonly clock: Clock },
  { timestampMs, value, ...metric }: SeriesName & { readonly timestampMs: number; readonly value: number },
): void {
  const nowMs = clock.nowMs();
  if (timestampMs < nowMs - 14 * DAY_MS || timestampMs > nowMs + 2 * HOUR_MS) return;
  const aggregate = new MetricAggregate();
  aggregate.add(value);
  store.add(metric, timestampMs, aggregate, false);
}

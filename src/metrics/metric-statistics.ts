import type { MetricAggregate } from "../core/metric-aggregate.ts";
import { invalidMetricParameter, metricsNotSupported } from "./metric-errors.ts";
import type { MetricName } from "./metric-identity.ts";
import { addPoint, DAY_MS, HOUR_MS, type MetricSeries, MINUTE_MS, type Points } from "./metric-series.ts";
import type { MetricRange, MetricStore } from "./metric-store.ts";

const SUB_MINUTE_PERIODS_SECONDS = [1, 5, 10, 30];

/** A value of an aggregate, such as its sum; `undefined` where it is not known. */
export type Statistic = (aggregate: MetricAggregate) => number | undefined;

const STATISTICS: Readonly<Record<string, Statistic>> = {
  SampleCount: ({ count }) => count,
  Average: ({ average }) => average,
  Sum: ({ sum }) => sum,
  Minimum: ({ min }) => min,
  Maximum: ({ max }) => max,
};

/** By AWS's name: the five simple ones and percentiles. Throws AWS's error for others. */
export function statisticNamed(name: string, parameter: string): Statistic {
  const simple = Object.hasOwn(STATISTICS, name) ? STATISTICS[name] : undefined;
  if (simple !== undefined) return simple;
  const percent = /^p(\d{1,3}(?:\.\d{0,10})?)$/.exec(name)?.[1];
  if (percent !== undefined && Number(percent) <= 100)
    return (aggregate) => aggregate.percentile(Number(percent));
  if (/^(tm|wm|tc|ts|pr|iqm)\b|^(tm|wm|tc|ts)\d/i.test(name))
    throw metricsNotSupported(`The statistic ${name}`);
  throw invalidMetricParameter(`The value ${name} for parameter ${parameter} is not supported.`);
}

export function checkPeriod(periodSeconds: number, parameter: string): void {
  if (SUB_MINUTE_PERIODS_SECONDS.includes(periodSeconds)) return;
  if (periodSeconds <= 0 || periodSeconds % 60 !== 0)
    throw invalidMetricParameter(
      `The parameter ${parameter} must be equal to 1, 5, 10, 30, or a multiple of 60.`,
    );
}

/** Series of one metric: in the asked unit, or in every unit in which it has values. */
export function seriesOfMetric(
  store: MetricStore,
  metric: MetricName,
  unit: string | undefined,
): readonly MetricSeries[] {
  if (unit !== undefined) return [store.find({ ...metric, unit })].filter((series) => series !== undefined);
  return store.seriesOfMetric(metric);
}

/**
 * Where AWS lets periods begin: "Start time less than 15 days ago - round down to the nearest whole minute; between 15
 * and 63 days ago - to the nearest 5-minute clock interval; greater than 63 days ago - to the nearest 1-hour clock
 * interval"; with periods below a minute to their multiples.
 */
export function roundedStartMs(startMs: number, periodSeconds: number, nowMs: number): number {
  const ageMs = nowMs - startMs;
  let stepMs = HOUR_MS;
  if (periodSeconds < 60) stepMs = periodSeconds * 1000;
  else if (ageMs < 15 * DAY_MS) stepMs = MINUTE_MS;
  else if (ageMs < 63 * DAY_MS) stepMs = 5 * MINUTE_MS;
  return startMs - (startMs % stepMs);
}

/** The values of a series by period; each period is named by its start. */
export async function byPeriod(
  store: MetricStore,
  series: MetricSeries,
  asked: MetricRange & { readonly periodSeconds: number; readonly nowMs: number },
): Promise<Points> {
  const { periodSeconds, nowMs } = asked;
  const periodMs = periodSeconds * 1000;
  const startMs = roundedStartMs(asked.startMs, periodSeconds, nowMs);
  const range = { startMs, endMs: asked.endMs };
  const isCoarse = periodMs % HOUR_MS === 0 && startMs % HOUR_MS === 0;
  const points =
    periodSeconds < 60 ? within(series.seconds(nowMs), range) : await store.read(series, range, isCoarse);
  const periods: Points = new Map();
  for (const [timestampMs, value] of [...points].sort(([left], [right]) => left - right))
    addPoint(periods, timestampMs - ((timestampMs - startMs) % periodMs), value);
  return periods;
}

/** The same, over series in several units. */
export async function byPeriodOfAll(
  store: MetricStore,
  all: readonly MetricSeries[],
  asked: MetricRange & { readonly periodSeconds: number; readonly nowMs: number },
): Promise<Points> {
  const periods: Points = new Map();
  for (const series of all)
    for (const [timestampMs, value] of await byPeriod(store, series, asked))
      addPoint(periods, timestampMs, value);
  return new Map([...periods].sort(([left], [right]) => left - right));
}

function within(points: Points, { startMs, endMs }: MetricRange): Points {
  return new Map([...points].filter(([timestampMs]) => timestampMs >= startMs && timestampMs < endMs));
}

import type { Clock } from "../ports/clock.ts";
import { invalidMetricCombination, invalidMetricParameter, missingMetricParameter } from "./metric-errors.ts";
import type { MetricName } from "./metric-identity.ts";
import { byPeriod, checkPeriod, seriesOfMetric, statisticNamed } from "./metric-statistics.ts";
import type { MetricRange, MetricStore } from "./metric-store.ts";

const DATAPOINTS_MAX = 1440;

export interface MetricStatisticsRequest extends MetricRange {
  readonly metric: MetricName;
  readonly periodSeconds: number;
  readonly statistics: readonly string[];
  readonly extendedStatistics: readonly string[];
  readonly unit: string | undefined;
}

export interface Datapoint {
  readonly timestampMs: number;
  readonly unit: string;
  /** By name of the statistic; what is not known is left out. */
  readonly statistics: Readonly<Record<string, number>>;
  readonly extendedStatistics: Readonly<Record<string, number>>;
}

/** GetMetricStatistics: the points of every unit, oldest first. Throws AWS's errors. */
export async function getMetricStatistics(
  { store, clock }: { store: MetricStore; clock: Clock },
  request: MetricStatisticsRequest,
): Promise<Datapoint[]> {
  const { startMs, endMs, periodSeconds } = request;
  const simple = request.statistics.map((name) => statisticOf(name, "Statistics"));
  const extended = request.extendedStatistics.map((name) => statisticOf(name, "ExtendedStatistics"));
  if (simple.length + extended.length === 0)
    throw missingMetricParameter(
      "At least one of the parameters Statistics and ExtendedStatistics must be specified.",
    );
  if (startMs >= endMs)
    throw invalidMetricParameter("The parameter StartTime must be less than the parameter EndTime.");
  checkPeriod(periodSeconds, "Period");
  const asked = Math.ceil((endMs - startMs) / (periodSeconds * 1000));
  if (asked > DATAPOINTS_MAX)
    throw invalidMetricCombination(
      `You have requested up to ${asked.toLocaleString("en-US")} datapoints, which exceeds the limit of 1,440. You may reduce the datapoints requested by increasing Period, or decreasing the time range.`,
    );
  const range = { startMs, endMs, periodSeconds, nowMs: clock.nowMs() };
  const datapoints: Datapoint[] = [];
  for (const series of seriesOfMetric(store, request.metric, request.unit))
    for (const [timestampMs, aggregate] of await byPeriod(store, series, range)) {
      const valuesOf = (wanted: typeof simple): Record<string, number> => {
        const known = wanted.map(({ name, statistic }): [string, number | undefined] => [
          name,
          statistic(aggregate),
        ]);
        return Object.fromEntries(known.filter((pair): pair is [string, number] => pair[1] !== undefined));
      };
      const { unit } = series.name;
      datapoints.push({
        timestampMs,
        unit,
        statistics: valuesOf(simple),
        extendedStatistics: valuesOf(extended),
      });
    }
  return datapoints.sort((left, right) => left.timestampMs - right.timestampMs);
}

const statisticOf = (name: string, parameter: string) => ({
  name,
  statistic: statisticNamed(name, parameter),
});

import { MetricAggregate } from "../core/metric-aggregate.ts";
import type { Clock } from "../ports/clock.ts";
import { invalidMetricCombination, invalidMetricParameter, missingMetricParameter } from "./metric-errors.ts";
import type { MetricDimension, MetricOwner } from "./metric-identity.ts";
import { DAY_MS, HOUR_MS } from "./metric-series.ts";
import type { MetricStore } from "./metric-store.ts";

/** What a client says of a metric, as AWS names it. */
export interface MetricInput {
  readonly metricName: string;
  readonly dimensions: readonly MetricDimension[];
  readonly timestampMs: number | undefined;
  readonly value: number | undefined;
  readonly values: readonly number[] | undefined;
  readonly counts: readonly number[] | undefined;
  readonly statisticValues: { count: number; sum: number; min: number; max: number } | undefined;
  readonly unit: string | undefined;
  readonly storageResolution: number | undefined;
}

/** AWS: "up to 1000 metrics", "up to 150 unique values", "-2^360 to 2^360", two weeks back and two hours ahead. */
const METRICS_MAX = 1000;
const VALUES_MAX = 150;
const VALUE_MAX = 2 ** 360;
const PAST_MS_MAX = 14 * DAY_MS;
const FUTURE_MS_MAX = 2 * HOUR_MS;

/** PutMetricData: checked as a whole before anything is taken, durable when it resolves. Throws AWS's errors. */
export async function putMetricData(
  { store, clock }: { store: MetricStore; clock: Clock },
  target: MetricOwner & { readonly namespace: string },
  metrics: readonly MetricInput[],
): Promise<void> {
  if (target.namespace.startsWith("AWS/"))
    throw invalidMetricParameter(`The value ${target.namespace} for parameter Namespace is invalid.`);
  if (metrics.length === 0) throw missingMetricParameter("The parameter MetricData is required.");
  if (metrics.length > METRICS_MAX)
    throw invalidMetricParameter(
      `The collection MetricData must not have a size greater than ${METRICS_MAX}.`,
    );
  const nowMs = clock.nowMs();
  const checked = metrics.map((metric, index) => check(metric, `MetricData.member.${index + 1}`, nowMs));
  const owner = { account: target.account, region: target.region, namespace: target.namespace };
  for (const { metric, timestampMs, aggregate } of checked) {
    const { metricName, dimensions, unit = "None" } = metric;
    const name = { ...owner, metricName, dimensions, unit };
    if (!store.add(name, timestampMs, aggregate, metric.storageResolution === 1))
      throw invalidMetricParameter(
        "This Lambent keeps no more metrics: the limit on their number is reached.",
      );
  }
  await store.flush();
}

interface CheckedMetric {
  readonly metric: MetricInput;
  readonly timestampMs: number;
  readonly aggregate: MetricAggregate;
}

function check(metric: MetricInput, path: string, nowMs: number): CheckedMetric {
  const { timestampMs = nowMs, dimensions, storageResolution } = metric;
  if (timestampMs < nowMs - PAST_MS_MAX)
    throw invalidMetricParameter(
      `The parameter ${path}.Timestamp must specify a time no more than two weeks in the past.`,
    );
  if (timestampMs > nowMs + FUTURE_MS_MAX)
    throw invalidMetricParameter(
      `The parameter ${path}.Timestamp must specify a time no more than two hours in the future.`,
    );
  if (storageResolution !== undefined && storageResolution !== 1 && storageResolution !== 60)
    throw invalidMetricParameter(
      `The value ${storageResolution} for parameter ${path}.StorageResolution is invalid.`,
    );
  if (new Set(dimensions.map(({ name }) => name)).size < dimensions.length)
    throw invalidMetricParameter(`The parameter ${path}.Dimensions must not name a dimension twice.`);
  return { metric, timestampMs, aggregate: aggregateOf(metric, path) };
}

function aggregateOf(metric: MetricInput, path: string): MetricAggregate {
  const given = (["value", "values", "statisticValues"] as const).filter(
    (kind) => metric[kind] !== undefined,
  );
  const [first, second] = given.map((kind) => `${path}.${kind.charAt(0).toUpperCase()}${kind.slice(1)}`);
  if (first === undefined)
    throw missingMetricParameter(
      `At least one of the parameters ${path}.Value, ${path}.Values and ${path}.StatisticValues must be specified.`,
    );
  if (second !== undefined)
    throw invalidMetricCombination(
      `The parameters ${first} and ${second} are mutually exclusive and you have specified both.`,
    );
  const aggregate = new MetricAggregate();
  if (metric.value !== undefined) aggregate.add(checkedValue(metric.value, `${path}.Value`));
  if (metric.values !== undefined) addValues(aggregate, metric.values, { counts: metric.counts, path });
  if (metric.statisticValues !== undefined) addStatistics(aggregate, metric.statisticValues, path);
  return aggregate;
}

function addValues(
  aggregate: MetricAggregate,
  values: readonly number[],
  { counts, path }: { counts: readonly number[] | undefined; path: string },
): void {
  if (counts !== undefined && counts.length !== values.length)
    throw invalidMetricParameter(
      `The parameters ${path}.Values and ${path}.Counts must be of the same size.`,
    );
  if (values.length === 0 || values.length > VALUES_MAX)
    throw invalidMetricParameter(
      `The collection ${path}.Values must have a size between 1 and ${VALUES_MAX}.`,
    );
  values.forEach((value, index) => {
    const times = checkedValue(counts?.[index] ?? 1, `${path}.Counts.member.${index + 1}`);
    if (times < 0) throw invalidValue(times, `${path}.Counts.member.${index + 1}`);
    aggregate.add(checkedValue(value, `${path}.Values.member.${index + 1}`), times);
  });
}

function addStatistics(
  aggregate: MetricAggregate,
  set: { count: number; sum: number; min: number; max: number },
  path: string,
): void {
  checkedValue(set.sum, `${path}.StatisticValues.Sum`);
  checkedValue(set.min, `${path}.StatisticValues.Minimum`);
  checkedValue(set.max, `${path}.StatisticValues.Maximum`);
  if (checkedValue(set.count, `${path}.StatisticValues.SampleCount`) <= 0)
    throw invalidValue(set.count, `${path}.StatisticValues.SampleCount`);
  if (set.min > set.max)
    throw invalidMetricParameter(
      `The parameter ${path}.StatisticValues.Maximum must be greater than ${path}.StatisticValues.Minimum.`,
    );
  aggregate.addSet(set);
}

function checkedValue(value: number, path: string): number {
  if (!Number.isFinite(value) || Math.abs(value) > VALUE_MAX) throw invalidValue(value, path);
  return value;
}

const invalidValue = (value: number, path: string) =>
  invalidMetricParameter(`The value ${value} for parameter ${path} is invalid.`);

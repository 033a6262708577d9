import { createHash } from "node:crypto";

export interface MetricOwner {
  readonly account: string;
  readonly region: string;
}

export interface MetricDimension {
  readonly name: string;
  readonly value: string;
}

/** What AWS tells metrics apart by. */
export interface MetricName extends MetricOwner {
  readonly namespace: string;
  readonly metricName: string;
  readonly dimensions: readonly MetricDimension[];
}

/** Values of one metric in one unit: AWS never mixes units. */
export interface SeriesName extends MetricName {
  readonly unit: string;
}

/** The name alone, of something that has more members. */
export function seriesNameOf(series: SeriesName): SeriesName {
  const { account, region, namespace, metricName, dimensions, unit } = series;
  return { account, region, namespace, metricName, dimensions, unit };
}

const digest = (parts: readonly string[]): string =>
  createHash("sha256").update(JSON.stringify(parts)).digest("base64url").slice(0, 24);

/** The same for the same dimensions in any order. */
export function metricIdOf(metric: MetricName): string {
  const dimensions = metric.dimensions.map(({ name, value }) => `${name}=${JSON.stringify(value)}`).sort();
  return digest([metric.account, metric.region, metric.namespace, metric.metricName, ...dimensions]);
}

/** Names that are used again and again are digested once. */
const knownIds = new WeakMap<SeriesName, string>();

export function seriesIdOf(series: SeriesName): string {
  let id = knownIds.get(series);
  if (id === undefined) {
    id = digest([metricIdOf(series), series.unit]);
    knownIds.set(series, id);
  }
  return id;
}

import type { Clock } from "../ports/clock.ts";
import { invalidMetricToken } from "./metric-errors.ts";
import type { MetricDimension, MetricName, MetricOwner } from "./metric-identity.ts";
import { DAY_MS, HOUR_MS } from "./metric-series.ts";
import type { MetricStore } from "./metric-store.ts";

/** AWS: "Up to 500 results are returned for any one call", of metrics "that have had data in the past two weeks". */
const PAGE_METRICS = 500;
const LISTED_MS = 14 * DAY_MS;
/** AWS: RecentlyActive is "published within the past three hours", in truth up to 50 minutes more. */
const RECENT_MS = 3 * HOUR_MS;

export interface MetricListRequest {
  readonly namespace: string | undefined;
  readonly metricName: string | undefined;
  /** A metric has to have each of them, with its value where one is given. */
  readonly dimensions: readonly { readonly name: string; readonly value: string | undefined }[];
  readonly onlyRecent: boolean;
  readonly nextToken: string | undefined;
}

/** ListMetrics: every metric once, whatever its units. */
export function listMetrics(
  { store, clock }: { store: MetricStore; clock: Clock },
  owner: MetricOwner,
  request: MetricListRequest,
): { metrics: MetricName[]; nextToken: string | undefined } {
  const sinceMs = clock.nowMs() - (request.onlyRecent ? RECENT_MS : LISTED_MS);
  const found = new Map<string, MetricName>();
  for (const { name, lastMs, metricId } of store.seriesOf(owner))
    if (lastMs >= sinceMs && matches(name, request)) found.set(metricId, name);
  const after = request.nextToken === undefined ? "" : readToken(request.nextToken);
  const rest = [...found].filter(([id]) => id > after).sort(([left], [right]) => (left < right ? -1 : 1));
  const page = rest.slice(0, PAGE_METRICS);
  const last = rest.length > page.length ? page.at(-1) : undefined;
  return {
    metrics: page.map(([, name]) => name),
    nextToken: last && Buffer.from(last[0]).toString("base64"),
  };
}

function matches(metric: MetricName, { namespace, metricName, dimensions }: MetricListRequest): boolean {
  return (
    (namespace === undefined || metric.namespace === namespace) &&
    (metricName === undefined || metric.metricName === metricName) &&
    dimensions.every((wanted) => metric.dimensions.some((dimension) => isWanted(dimension, wanted)))
  );
}

const isWanted = (
  { name, value }: MetricDimension,
  wanted: { name: string; value: string | undefined },
): boolean => name === wanted.name && (wanted.value === undefined || wanted.value === value);

function readToken(token: string): string {
  const id = Buffer.from(token, "base64").toString();
  if (!/^[\w-]{24}$/.test(id)) throw invalidMetricToken();
  return id;
}

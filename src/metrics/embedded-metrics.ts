import { MetricAggregate } from "../core/metric-aggregate.ts";
import type { LogStreamReference } from "../ports/log-sink.ts";
import type { NewLogEntry } from "../ports/store.ts";
import type { MetricDimension, MetricOwner } from "./metric-identity.ts";
import { DAY_MS, HOUR_MS } from "./metric-series.ts";
import type { MetricStore } from "./metric-store.ts";

/** AWS: "Embedded metric format specification": 100 metrics of a directive, 100 values of one, 30 dimensions of a set. */
const METRICS_MAX = 100;
const VALUES_MAX = 100;
const DIMENSIONS_MAX = 30;
/** Directives, and dimension sets of one, that are looked at in one log event. */
const DIRECTIVES_MAX = 10;
const DIMENSION_SETS_MAX = 30;

type Json = Readonly<Record<string, unknown>>;

/** Takes metrics out of log events in CloudWatch's embedded metric format; whatever is not in that format is left alone. */
export class EmbeddedMetrics {
  readonly #store: MetricStore;
  readonly #nowMs: () => number;

  constructor(store: MetricStore, nowMs: () => number) {
    this.#store = store;
    this.#nowMs = nowMs;
  }

  /** For events that have been stored. */
  take(stream: LogStreamReference, events: readonly NewLogEntry[]): void {
    for (const event of events) {
      const { message } = event;
      // AWS: the format has to be the root of the event; most events are told from it by these two looks.
      if (!message.startsWith("{") || !message.includes('"CloudWatchMetrics"')) continue;
      const root = parsed(message);
      if (root !== undefined) this.#takeRoot(stream, root);
    }
  }

  #takeRoot({ account, region }: MetricOwner, root: Json): void {
    const { _aws: metadata } = root;
    if (!isObject(metadata)) return;
    const { Timestamp: timestampMs, CloudWatchMetrics: directives } = metadata;
    if (typeof timestampMs !== "number" || !this.#isAcceptedTime(timestampMs)) return;
    for (const directive of listOf(directives).slice(0, DIRECTIVES_MAX))
      if (isObject(directive)) this.#takeDirective({ account, region }, { root, directive, timestampMs });
  }

  #takeDirective(
    owner: MetricOwner,
    { root, directive, timestampMs }: { root: Json; directive: Json; timestampMs: number },
  ): void {
    const { Namespace: namespace, Dimensions: sets, Metrics: metrics } = directive;
    if (typeof namespace !== "string" || namespace === "" || namespace.startsWith("AWS/")) return;
    const dimensionSets = (sets === undefined ? [[]] : listOf(sets))
      .slice(0, DIMENSION_SETS_MAX)
      .map((set) => dimensionsOf(root, listOf(set)))
      .filter((set) => set !== undefined);
    for (const metric of listOf(metrics).slice(0, METRICS_MAX)) {
      if (!isObject(metric) || typeof metric["Name"] !== "string") continue;
      const { Name: metricName, Unit: unit } = metric;
      const value = aggregateOf(root[metricName]);
      if (value === undefined) continue;
      for (const dimensions of dimensionSets)
        this.#store.add(
          { ...owner, namespace, metricName, dimensions, unit: typeof unit === "string" ? unit : "None" },
          timestampMs,
          value,
          metric["StorageResolution"] === 1,
        );
    }
  }

  #isAcceptedTime(timestampMs: number): boolean {
    const nowMs = this.#nowMs();
    return timestampMs >= nowMs - 14 * DAY_MS && timestampMs <= nowMs + 2 * HOUR_MS;
  }
}

function parsed(message: string): Json | undefined {
  try {
    const root: unknown = JSON.parse(message);
    return isObject(root) ? root : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** `undefined` where a dimension has no value at the root. */
function dimensionsOf(root: Json, names: readonly unknown[]): MetricDimension[] | undefined {
  if (names.length > DIMENSIONS_MAX) return undefined;
  const dimensions: MetricDimension[] = [];
  for (const name of new Set(names)) {
    const value = typeof name === "string" ? root[name] : undefined;
    if (typeof name !== "string" || typeof value !== "string" || value === "" || value.length > 1024)
      return undefined;
    dimensions.push({ name, value });
  }
  return dimensions;
}

function aggregateOf(value: unknown): MetricAggregate | undefined {
  const values = Array.isArray(value) ? value.slice(0, VALUES_MAX) : [value];
  const aggregate = new MetricAggregate();
  for (const each of values) {
    if (typeof each !== "number" || !Number.isFinite(each)) return undefined;
    aggregate.add(each);
  }
  return aggregate.count === 0 ? undefined : aggregate;
}

import { compileLogFilter, type LogFilter } from "../core/log-filter-pattern.ts";
import { compileLogValue, type LogValue } from "../core/log-filter-values.ts";
import type { LogCatalogue } from "./log-catalogue.ts";
import type { IngestedEvents } from "./log-ingestion.ts";
import type { GroupName, StoredMetricFilter } from "./log-records.ts";
import { fixedMetricValue, metricFiltersOf } from "./metric-filters.ts";

/** What a metric filter makes of an event. */
export interface LogMetricPoint {
  readonly account: string;
  readonly region: string;
  readonly namespace: string;
  readonly metricName: string;
  readonly dimensions: readonly { readonly name: string; readonly value: string }[];
  readonly unit: string;
  readonly timestampMs: number;
  readonly value: number;
}

interface CompiledFilter {
  readonly matches: LogFilter;
  readonly valueOf: LogValue;
  readonly dimensions: readonly { readonly name: string; readonly read: LogValue }[];
}

const MINUTE_MS = 60_000;
/** AWS: of a dimension's value. */
const DIMENSION_LENGTH_MAX = 1024;

/** Counts events that match metric filters into their metrics; events come when they are stored. */
export class MetricCounts {
  readonly #catalogue: LogCatalogue;
  readonly #count: (point: LogMetricPoint) => void;
  /** Filters as they are stored are never changed, but replaced. */
  readonly #compiled = new WeakMap<StoredMetricFilter, CompiledFilter>();
  /** The last minute of a filter in which something was counted: there the default value is not. */
  readonly #countedMinute = new WeakMap<StoredMetricFilter, number>();

  constructor(deps: { catalogue: LogCatalogue; count: (point: LogMetricPoint) => void }) {
    this.#catalogue = deps.catalogue;
    this.#count = deps.count;
  }

  /** Takes what was ingested; most groups have no filters. */
  take({ stream, events }: IngestedEvents): void {
    const group = this.#catalogue.group(stream);
    if (group === undefined) return;
    for (const filter of metricFiltersOf(group)) {
      const compiled = this.#compile(filter);
      const counts = events.map((event) => this.#takeEvent(stream, { filter, compiled, ...event }));
      if (!counts.includes(true)) this.#takeDefault(stream, filter, events.at(-1)?.timestampMs);
    }
  }

  /** Whether the event matches. */
  #takeEvent(
    group: GroupName,
    event: { filter: StoredMetricFilter; compiled: CompiledFilter; message: string; timestampMs: number },
  ): boolean {
    const { filter, compiled, message, timestampMs } = event;
    if (compiled.matches?.(message) === false) return false;
    this.#countedMinute.set(filter, Math.floor(timestampMs / MINUTE_MS));
    const text = compiled.valueOf(message);
    const value = typeof text === "boolean" || text === null || text === "" ? Number.NaN : Number(text);
    const dimensions = compiled.dimensions.map(({ name, read }) => ({
      name,
      value: String(read(message) ?? "").slice(0, DIMENSION_LENGTH_MAX),
    }));
    // AWS: an event without a number, or without one of the dimensions, is in no metric.
    if (Number.isFinite(value) && dimensions.every((dimension) => dimension.value !== ""))
      this.#count({ ...metricOf(group, filter), dimensions, timestampMs, value });
    return true;
  }

  /** AWS: "a period when logs are ingested but no matching logs are found": once a minute. */
  #takeDefault(group: GroupName, filter: StoredMetricFilter, timestampMs: number | undefined): void {
    const { defaultValue: value } = filter.transformation;
    if (value === undefined || timestampMs === undefined) return;
    const minute = Math.floor(timestampMs / MINUTE_MS);
    if (this.#countedMinute.get(filter) === minute) return;
    this.#countedMinute.set(filter, minute);
    this.#count({ ...metricOf(group, filter), dimensions: [], timestampMs, value });
  }

  #compile(filter: StoredMetricFilter): CompiledFilter {
    const known = this.#compiled.get(filter);
    if (known !== undefined) return known;
    const { filterPattern, transformation } = filter;
    const fixed = fixedMetricValue(transformation.metricValue);
    const compiled: CompiledFilter = {
      matches: compileLogFilter(filterPattern),
      valueOf: fixed === undefined ? compileLogValue(filterPattern, transformation.metricValue) : () => fixed,
      dimensions: Object.entries(transformation.dimensions ?? {}).map(([name, selector]) => ({
        name,
        read: compileLogValue(filterPattern, selector),
      })),
    };
    this.#compiled.set(filter, compiled);
    return compiled;
  }
}

const metricOf = ({ account, region }: GroupName, { transformation }: StoredMetricFilter) => ({
  account,
  region,
  namespace: transformation.metricNamespace,
  metricName: transformation.metricName,
  unit: transformation.unit ?? "None",
});

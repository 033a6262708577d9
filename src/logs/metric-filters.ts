import { AwsError } from "../core/errors.ts";
import { compileLogFilter, InvalidFilterPattern } from "../core/log-filter-pattern.ts";
import { compileLogValue, filterKind } from "../core/log-filter-values.ts";
import type { Clock } from "../ports/clock.ts";
import { invalidLogsParameter } from "./log-errors.ts";
import type { LogGroups } from "./log-groups.ts";
import type { GroupName, StoredLogGroup, StoredMetricFilter } from "./log-records.ts";

/** AWS: "The maximum number of metric filters that can be associated with a log group is 100." */
const FILTERS_MAX = 100;
/** AWS: "up to three dimensions". */
const DIMENSIONS_MAX = 3;
const NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/;

/** The number that a metric value is by itself; undefined for a selector of one. */
export const fixedMetricValue = (metricValue: string): number | undefined =>
  NUMBER.test(metricValue) ? Number(metricValue) : undefined;

export const metricFiltersOf = (group: StoredLogGroup): readonly StoredMetricFilter[] =>
  group.metricFilters ?? [];

/** A metric filter and the group it belongs to. */
export interface GroupMetricFilter {
  readonly group: StoredLogGroup;
  readonly filter: StoredMetricFilter;
}

/** Metric filters of log groups: put, found, deleted. Every method throws AWS's errors. */
export class MetricFilters {
  readonly #groups: LogGroups;
  readonly #clock: Clock;

  constructor(deps: { groups: LogGroups; clock: Clock }) {
    this.#groups = deps.groups;
    this.#clock = deps.clock;
  }

  /** A filter of the same name is replaced. */
  async put(name: GroupName, input: Omit<StoredMetricFilter, "createdAtMs">): Promise<void> {
    this.#groups.group(name);
    check(input);
    await this.#groups.update(name, (group) => {
      const current = metricFiltersOf(group);
      const others = current.filter(({ filterName }) => filterName !== input.filterName);
      if (others.length >= FILTERS_MAX)
        throw new AwsError("LimitExceededException", "Resource limit exceeded.", 400);
      return { ...group, metricFilters: [...others, { ...input, createdAtMs: this.#clock.nowMs() }] };
    });
  }

  async delete(name: GroupName, filterName: string): Promise<void> {
    await this.#groups.update(name, (group) => {
      const left = metricFiltersOf(group).filter((filter) => filter.filterName !== filterName);
      if (left.length === metricFiltersOf(group).length)
        throw new AwsError("ResourceNotFoundException", "The specified metric filter does not exist.", 400);
      return { ...group, metricFilters: left };
    });
  }

  /** Of one group, or of all of an account in a region; sorted by group, then by name. */
  list(owner: { account: string; region: string }, logGroupName: string | undefined): GroupMetricFilter[] {
    const groups =
      logGroupName === undefined
        ? this.#groups.list(owner)
        : [this.#groups.group({ account: owner.account, region: owner.region, logGroupName })];
    return groups.flatMap((group) =>
      metricFiltersOf(group)
        .toSorted((left, right) => (left.filterName < right.filterName ? -1 : 1))
        .map((filter) => ({ group, filter })),
    );
  }
}

function check({ filterPattern, transformation }: Omit<StoredMetricFilter, "createdAtMs">): void {
  checkFilterPattern(filterPattern);
  const { metricValue, metricNamespace, defaultValue, dimensions = {} } = transformation;
  if (metricNamespace.startsWith("AWS/")) throw invalid("metricNamespace must not begin with AWS/");
  if (fixedMetricValue(metricValue) === undefined) checkSelector(filterPattern, metricValue, "metricValue");
  const selectors = Object.values(dimensions);
  if (selectors.length === 0) return;
  if (defaultValue !== undefined)
    throw invalid("dimensions and default value are mutually exclusive properties");
  if (selectors.length > DIMENSIONS_MAX) throw invalid(`at most ${DIMENSIONS_MAX} dimensions are allowed`);
  if (filterKind(filterPattern) === "terms")
    throw invalidLogsParameter("The specified filter pattern does not support dimensions");
  for (const selector of selectors) checkSelector(filterPattern, selector, "dimension value");
}

/** Throws AWS's refusal of a pattern that is none. */
export function checkFilterPattern(pattern: string): void {
  try {
    compileLogFilter(pattern);
  } catch (error) {
    throw error instanceof InvalidFilterPattern ? invalidLogsParameter("Invalid filter pattern") : error;
  }
}

function checkSelector(pattern: string, selector: string, what: string): void {
  try {
    compileLogValue(pattern, selector);
  } catch (error) {
    throw error instanceof InvalidFilterPattern ? invalid(`invalid ${what} ${selector}`) : error;
  }
}

const invalid = (what: string): AwsError => invalidLogsParameter(`Invalid metric transformation: ${what}`);

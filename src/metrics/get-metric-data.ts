import {
  evaluateMetricMath,
  type MathValue,
  MetricMathError,
  seriesOf,
  type TimeSeries,
} from "../core/metric-math.ts";
import type { Clock } from "../ports/clock.ts";
import { invalidMetricToken, metricQueryError, metricsNotSupported } from "./metric-errors.ts";
import type { MetricName } from "./metric-identity.ts";
import {
  byPeriodOfAll,
  checkPeriod,
  roundedStartMs,
  seriesOfMetric,
  statisticNamed,
} from "./metric-statistics.ts";
import type { MetricRange, MetricStore } from "./metric-store.ts";

export interface MetricQuery {
  readonly id: string;
  readonly label: string | undefined;
  readonly returnData: boolean;
  readonly periodSeconds: number | undefined;
  readonly expression: string | undefined;
  readonly metricStat:
    | {
        readonly metric: MetricName;
        readonly periodSeconds: number;
        readonly statistic: string;
        readonly unit: string | undefined;
      }
    | undefined;
}

export interface MetricDataRequest extends MetricRange {
  readonly queries: readonly MetricQuery[];
  readonly scanBy: "TimestampDescending" | "TimestampAscending";
  readonly maxDatapoints: number | undefined;
  readonly nextToken: string | undefined;
}

export interface MetricDataResult {
  readonly id: string;
  readonly label: string;
  readonly points: readonly (readonly [timestampMs: number, value: number])[];
  readonly isComplete: boolean;
}

/** AWS: "up to 500 MetricDataQuery structures", "as many as 100,800 data points". */
const QUERIES_MAX = 500;
const DATAPOINTS_MAX = 100_800;
/** Periods that one query may reach over; AWS's longest retention by the minute is 15 days, which is less. */
const PERIODS_MAX = 100_800;

/** GetMetricData: the points of each query that returns data, by pages over all of them. Throws AWS's errors. */
export async function getMetricData(
  deps: { store: MetricStore; clock: Clock },
  request: MetricDataRequest,
): Promise<{ results: MetricDataResult[]; nextToken: string | undefined }> {
  checkRequest(request);
  const evaluation = new Evaluation(deps, request);
  const direction = request.scanBy === "TimestampAscending" ? 1 : -1;
  let left = request.maxDatapoints ?? DATAPOINTS_MAX;
  const start = request.nextToken === undefined ? { query: 0, offset: 0 } : readToken(request.nextToken);
  const results: MetricDataResult[] = [];
  for (const [index, query] of request.queries.entries()) {
    if (index < start.query || !query.returnData) continue;
    const { values } = await evaluation.series(query);
    const all = [...values].sort(([one], [other]) => direction * (one - other));
    const offset = index === start.query ? start.offset : 0;
    const points = all.slice(offset, offset + left);
    left -= points.length;
    const isComplete = offset + points.length >= all.length;
    results.push({ id: query.id, label: labelOf(query), points, isComplete });
    if (!isComplete) return { results, nextToken: `${index}/${offset + points.length}` };
  }
  return { results, nextToken: undefined };
}

function checkRequest({ queries, startMs, endMs, maxDatapoints }: MetricDataRequest): void {
  if (startMs >= endMs)
    throw metricQueryError("The parameter StartTime must be less than the parameter EndTime.");
  if (queries.length === 0 || queries.length > QUERIES_MAX)
    throw metricQueryError(`The collection MetricDataQueries must have a size between 1 and ${QUERIES_MAX}.`);
  if (maxDatapoints !== undefined && (maxDatapoints < 1 || maxDatapoints > DATAPOINTS_MAX))
    throw metricQueryError(
      `The value ${maxDatapoints} for parameter MaxDatapoints must be between 1 and ${DATAPOINTS_MAX}.`,
    );
  if (new Set(queries.map(({ id }) => id)).size < queries.length)
    throw metricQueryError("The values for parameter id in MetricDataQueries are not unique.");
  if (!queries.some(({ returnData }) => returnData))
    throw metricQueryError("At least one MetricDataQuery must have ReturnData set to true.");
  for (const [index, query] of queries.entries())
    checkQuery(query, `MetricDataQueries.member.${index + 1}`, endMs - startMs);
}

function checkQuery(query: MetricQuery, path: string, spanMs: number): void {
  const { id, expression, metricStat, periodSeconds, label } = query;
  if (!/^[a-z][a-zA-Z0-9_]*$/.test(id))
    throw metricQueryError(
      `The value ${id} for parameter ${path}.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$.`,
    );
  if (expression !== undefined && metricStat !== undefined)
    throw metricQueryError(
      `The parameters ${path}.Expression and ${path}.MetricStat are mutually exclusive and you have specified both.`,
    );
  if (expression === undefined && metricStat === undefined)
    throw metricQueryError("Each MetricDataQuery must specify Expression or MetricStat.");
  if (periodSeconds !== undefined && metricStat !== undefined)
    throw metricQueryError(
      `The parameters ${path}.Period and ${path}.MetricStat are mutually exclusive and you have specified both.`,
    );
  if (label?.includes("${") === true) throw metricsNotSupported("A label with a dynamic part");
  if (metricStat === undefined) return;
  checkPeriod(metricStat.periodSeconds, `${path}.MetricStat.Period`);
  statisticNamed(metricStat.statistic, `${path}.MetricStat.Stat`);
  if (spanMs / (metricStat.periodSeconds * 1000) > PERIODS_MAX)
    throw metricQueryError(
      `The time range has more than ${PERIODS_MAX} periods of ${path}.MetricStat.Period.`,
    );
}

const labelOf = ({ id, label, metricStat }: MetricQuery): string =>
  label ?? metricStat?.metric.metricName ?? id;

/** The queries of one request, each read once. */
class Evaluation {
  readonly #deps: { store: MetricStore; clock: Clock };
  readonly #request: MetricDataRequest;
  readonly #known = new Map<string, TimeSeries>();
  readonly #underWay = new Set<string>();

  constructor(deps: { store: MetricStore; clock: Clock }, request: MetricDataRequest) {
    this.#deps = deps;
    this.#request = request;
  }

  async series(query: MetricQuery): Promise<TimeSeries> {
    const known = this.#known.get(query.id);
    if (known !== undefined) return known;
    const series =
      query.metricStat === undefined ? await this.#calculate(query) : await this.#read(query.metricStat);
    this.#known.set(query.id, series);
    return series;
  }

  async #read(metricStat: NonNullable<MetricQuery["metricStat"]>): Promise<TimeSeries> {
    const { store, clock } = this.#deps;
    const { periodSeconds, metric, unit } = metricStat;
    const { startMs, endMs } = this.#request;
    const nowMs = clock.nowMs();
    const statistic = statisticNamed(metricStat.statistic, "Stat");
    const asked = { startMs, endMs, periodSeconds, nowMs };
    const points = await byPeriodOfAll(store, seriesOfMetric(store, metric, unit), asked);
    const values = new Map<number, number>();
    for (const [timestampMs, aggregate] of points) {
      const value = statistic(aggregate);
      if (value !== undefined) values.set(timestampMs, value);
    }
    const periods = {
      startMs: roundedStartMs(startMs, periodSeconds, nowMs),
      endMs,
      periodMs: periodSeconds * 1000,
    };
    return { values, periods };
  }

  async #calculate(query: MetricQuery): Promise<TimeSeries> {
    if (this.#underWay.has(query.id))
      throw metricQueryError(`Error in expression '${query.id}': it refers to itself`);
    this.#underWay.add(query.id);
    const expression = query.expression ?? "";
    const variables = new Map<string, TimeSeries>();
    for (const other of this.#request.queries) {
      const isNamed = new RegExp(`\\b${other.id}\\b`).test(expression);
      const isMetric = other.metricStat !== undefined && /\bMETRICS\b/.test(expression);
      if (isNamed || isMetric) variables.set(other.id, await this.series(other));
    }
    this.#underWay.delete(query.id);
    return single(query.id, () =>
      evaluateMetricMath(expression, {
        variable: (id) => variables.get(id),
        metrics: () =>
          this.#request.queries
            .filter(({ metricStat }) => metricStat !== undefined)
            .map(({ id }) => variables.get(id))
            .filter((series) => series !== undefined),
      }),
    );
  }
}

function single(id: string, evaluate: () => MathValue): TimeSeries {
  try {
    const [series, second] = seriesOf(evaluate());
    if (series === undefined) throw new MetricMathError("it yields no time series");
    if (second !== undefined) throw metricsNotSupported("An expression that yields several time series");
    return series;
  } catch (error) {
    if (!(error instanceof MetricMathError)) throw error;
    throw error.unsupported === undefined
      ? metricQueryError(`Error in expression '${id}': ${error.message}`)
      : metricsNotSupported(error.unsupported);
  }
}

function readToken(token: string): { query: number; offset: number } {
  const [, query, offset] = /^(\d{1,4})\/(\d{1,9})$/.exec(token) ?? [];
  if (query === undefined) throw invalidMetricToken();
  return { query: Number(query), offset: Number(offset) };
}

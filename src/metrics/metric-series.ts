import { MetricAggregate } from "../core/metric-aggregate.ts";
import { metricIdOf, type SeriesName } from "./metric-identity.ts";

const SECOND_MS = 1000;
export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;
/** AWS keeps points below a minute for three hours. */
const SECONDS_KEPT_MS = 3 * HOUR_MS;
/** More than three hours and the two hours in the future that AWS accepts: some are too old. */
const SECONDS_MAX = 6 * 3_600;

/** A series as it is stored. */
export interface StoredSeries extends SeriesName {
  readonly schema: 1;
  readonly firstMs: number;
  readonly lastMs: number;
  /** Blocks of minutes, and of hours, that begin before these are gone. */
  readonly minutesFromMs?: number;
  readonly hoursFromMs?: number;
}

/** Aggregates by the start of their minute. */
export type Points = Map<number, MetricAggregate>;

export function addPoint(points: Points, timestampMs: number, added: MetricAggregate): void {
  const known = points.get(timestampMs);
  if (known === undefined) {
    const copy = new MetricAggregate();
    copy.merge(added);
    points.set(timestampMs, copy);
  } else known.merge(added);
}

/** What is not in the blocks of its series; once it is to go there, `through` is the last write to the journal in it. */
export class RecentPoints {
  readonly points: Points = new Map();
  through = Number.POSITIVE_INFINITY;
}

/** One series in memory: where its values lie in time, and what is not in its blocks yet. */
export class MetricSeries {
  readonly id: string;
  readonly metricId: string;
  readonly name: SeriesName;
  firstMs: number;
  lastMs: number;
  minutesFromMs: number;
  hoursFromMs: number;
  /** The stored record says the same of time. */
  isStored: boolean;
  /** In the journal or on the way there; not in the blocks. */
  recent = new RecentPoints();
  /** On the way into the blocks. */
  saving: RecentPoints | undefined;
  /** Not in the journal yet. */
  unwritten: Points = new Map();
  /** Of high resolution, by second; in memory only. */
  #seconds: Points | undefined;

  constructor(id: string, name: SeriesName, stored?: StoredSeries) {
    this.id = id;
    this.metricId = metricIdOf(name);
    this.name = name;
    this.firstMs = stored?.firstMs ?? Number.POSITIVE_INFINITY;
    this.lastMs = stored?.lastMs ?? 0;
    this.minutesFromMs = stored?.minutesFromMs ?? 0;
    this.hoursFromMs = stored?.hoursFromMs ?? 0;
    this.isStored = stored !== undefined;
  }

  get record(): StoredSeries {
    const { firstMs, lastMs, minutesFromMs, hoursFromMs } = this;
    return { schema: 1, ...this.name, firstMs, lastMs, minutesFromMs, hoursFromMs };
  }

  add(timestampMs: number, value: MetricAggregate): void {
    const minuteMs = timestampMs - (timestampMs % MINUTE_MS);
    addPoint(this.unwritten, minuteMs, value);
    addPoint(this.recent.points, minuteMs, value);
    this.noteTime(minuteMs);
  }

  addSecond(timestampMs: number, value: MetricAggregate, nowMs: number): void {
    this.#seconds ??= new Map();
    // Nobody may ever read them.
    if (this.#seconds.size >= SECONDS_MAX) this.seconds(nowMs);
    addPoint(this.#seconds, timestampMs - (timestampMs % SECOND_MS), value);
  }

  /** How many seconds are in memory. */
  get secondsHeld(): number {
    return this.#seconds?.size ?? 0;
  }

  /** Seconds since three hours before now; older ones are forgotten. */
  seconds(nowMs: number): Points {
    for (const second of this.#seconds?.keys() ?? [])
      if (second < nowMs - SECONDS_KEPT_MS) this.#seconds?.delete(second);
    return this.#seconds ?? new Map();
  }

  noteTime(minuteMs: number): void {
    this.firstMs = Math.min(this.firstMs, minuteMs);
    this.lastMs = Math.max(this.lastMs, minuteMs);
  }
}

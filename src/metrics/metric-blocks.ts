import { MetricAggregate, type StoredAggregate } from "../core/metric-aggregate.ts";
import type { KeyValueStore } from "../ports/store.ts";
import { addPoint, DAY_MS, HOUR_MS, type Points } from "./metric-series.ts";

/** AWS keeps points of a minute for 15 days, and of an hour for 455 days. */
export const MINUTES_KEPT_MS = 15 * DAY_MS;
export const HOURS_KEPT_MS = 455 * DAY_MS;
const MINUTES_PREFIX = "metrics/minutes/";
const HOURS_PREFIX = "metrics/hours/";

/** An hour of minutes or a day of hours, as it is stored. */
interface StoredBlock {
  readonly schema: 1;
  /** The last write to the journal that it holds. */
  readonly through: number;
  readonly points: readonly (readonly [timestampMs: number, aggregate: StoredAggregate])[];
}

interface Block {
  /** The last write to the journal that it holds. */
  through: number;
  readonly points: Points;
}

/** The points of series by hour and by day. A block is written whole; the same write again changes nothing. */
export class MetricBlocks {
  readonly #keyValue: KeyValueStore;

  constructor(keyValue: KeyValueStore) {
    this.#keyValue = keyValue;
  }

  /** Adds minutes of a series to its hours, and the hours to its days. */
  async save(seriesId: string, points: Points, through: number): Promise<void> {
    const byHour = new Map<number, Points>();
    for (const [minuteMs, added] of points) {
      const hourMs = minuteMs - (minuteMs % HOUR_MS);
      const ofHour = byHour.get(hourMs) ?? new Map();
      byHour.set(hourMs, ofHour.set(minuteMs, added));
    }
    for (const [hourMs, added] of byHour) await this.#saveHour(seriesId, hourMs, { points: added, through });
  }

  /** The last write to the journal that the hour of a minute holds. */
  async throughOf(seriesId: string, minuteMs: number): Promise<number> {
    return (await this.minutes(seriesId, minuteMs - (minuteMs % HOUR_MS))).through;
  }

  minutes(seriesId: string, hourMs: number): Promise<Readonly<Block>> {
    return this.#read(minutesKey(seriesId, hourMs));
  }

  async hours(seriesId: string, dayMs: number): Promise<Points> {
    return (await this.#read(hoursKey(seriesId, dayMs))).points;
  }

  /** Removes the minutes of the hours that begin in a span of time. */
  async dropMinutes(seriesId: string, fromMs: number, beforeMs: number): Promise<void> {
    await this.#drop((hourMs) => minutesKey(seriesId, hourMs), { fromMs, beforeMs, stepMs: HOUR_MS });
  }

  /** Removes the hours of the days that begin in a span of time. */
  async dropHours(seriesId: string, fromMs: number, beforeMs: number): Promise<void> {
    await this.#drop((dayMs) => hoursKey(seriesId, dayMs), { fromMs, beforeMs, stepMs: DAY_MS });
  }

  async #drop(
    keyOf: (startMs: number) => string,
    { fromMs, beforeMs, stepMs }: { fromMs: number; beforeMs: number; stepMs: number },
  ): Promise<void> {
    const deletions: Promise<void>[] = [];
    for (let startMs = fromMs - (fromMs % stepMs); startMs < beforeMs; startMs += stepMs)
      deletions.push(this.#keyValue.delete(keyOf(startMs)));
    await Promise.all(deletions);
  }

  async #saveHour(seriesId: string, hourMs: number, added: Block): Promise<void> {
    const block = await this.#read(minutesKey(seriesId, hourMs));
    // The write before was cut off after this block: what it brought is in it.
    if (block.through >= added.through) return;
    for (const [minuteMs, aggregate] of added.points) addPoint(block.points, minuteMs, aggregate);
    const total = new MetricAggregate();
    for (const aggregate of block.points.values()) total.merge(aggregate);
    const dayMs = hourMs - (hourMs % DAY_MS);
    const day = await this.#read(hoursKey(seriesId, dayMs));
    day.points.set(hourMs, total);
    // The day first: what is cut off in between is done again, and a total takes the place of the one before.
    await this.#write(hoursKey(seriesId, dayMs), day);
    block.through = added.through;
    await this.#write(minutesKey(seriesId, hourMs), block);
  }

  async #read(key: string): Promise<Block> {
    const entry = await this.#keyValue.get(key);
    if (entry === undefined) return { through: 0, points: new Map() };
    const stored = JSON.parse(Buffer.from(entry.value).toString("utf8")) as StoredBlock;
    const points = stored.points.map(([timestampMs, aggregate]): [number, MetricAggregate] => [
      timestampMs,
      MetricAggregate.decode(aggregate),
    ]);
    return { through: stored.through, points: new Map(points) };
  }

  async #write(key: string, { through, points }: Block): Promise<void> {
    const stored: StoredBlock = {
      schema: 1,
      through,
      points: [...points].map(([timestampMs, aggregate]) => [timestampMs, aggregate.encode()]),
    };
    await this.#keyValue.put(key, Buffer.from(JSON.stringify(stored)));
  }
}

const minutesKey = (seriesId: string, hourMs: number): string => `${MINUTES_PREFIX}${seriesId}/${hourMs}`;
const hoursKey = (seriesId: string, dayMs: number): string => `${HOURS_PREFIX}${seriesId}/${dayMs}`;

import type { MetricAggregate } from "../core/metric-aggregate.ts";
import type { Clock } from "../ports/clock.ts";
import { type KeyValueStore, type LogStore, Unavailable } from "../ports/store.ts";
import { HOURS_KEPT_MS, MetricBlocks, MINUTES_KEPT_MS } from "./metric-blocks.ts";
import {
  type MetricName,
  type MetricOwner,
  metricIdOf,
  type SeriesName,
  seriesIdOf,
  seriesNameOf,
} from "./metric-identity.ts";
import { type JournalPoint, MetricJournal } from "./metric-journal.ts";
import {
  addPoint,
  DAY_MS,
  HOUR_MS,
  MetricSeries,
  type Points,
  RecentPoints,
  type StoredSeries,
} from "./metric-series.ts";
import { inParallel } from "./parallel-writes.ts";

/** Series of all accounts together, and as many again of AWS's own namespaces; what would be one more is refused. */
const SERIES_MAX = 20_000;
const SERIES_PREFIX = "metrics/series/";
/** The last write to the journal, stored before the journal is cleared. */
const SEQUENCE_KEY = "metrics/sequence";
const WRITE_INTERVAL_MS = 5_000;
const SAVE_INTERVAL_MS = 5 * 60_000;
const TRIM_INTERVAL_MS = 6 * HOUR_MS;

export interface MetricStoreOptions {
  readonly keyValue: KeyValueStore;
  readonly logs: LogStore;
  readonly clock: Clock;
  readonly seriesMax?: number;
}

/** Span of time, from `startMs` on, before `endMs`. */
export interface MetricRange {
  readonly startMs: number;
  readonly endMs: number;
}

/**
 * Values of metrics, by the minute. Adding is in memory; every five seconds what was added goes into a journal, every
 * five minutes from there into the blocks of its series. A crash loses the last seconds, unless `flush` was awaited.
 */
export class MetricStore {
  readonly #options: MetricStoreOptions;
  readonly #journal: MetricJournal;
  readonly #blocks: MetricBlocks;
  readonly #series = new Map<string, MetricSeries>();
  /** Of the platform: functions that make up metrics must not push them out. */
  #ownCount = 0;
  readonly #byMetric = new Map<string, MetricSeries[]>();
  readonly #unwritten = new Set<MetricSeries>();
  /** Their record is to be stored before the journal speaks of them. */
  readonly #unstored = new Set<MetricSeries>();
  /** A write that the store may or may not have taken: repeated as it was. */
  #undecided: { readonly sequence: number; readonly points: readonly JournalPoint[] } | undefined;
  #sequence = 0;
  #savedMs = 0;
  #trimmedMs = Number.NEGATIVE_INFINITY;
  #trimming: Promise<void> = Promise.resolve();
  #running: Promise<void> | undefined;
  #cancelTimer: (() => void) | undefined;
  #closed = false;

  private constructor(options: MetricStoreOptions) {
    this.#options = options;
    this.#journal = new MetricJournal(options.logs);
    this.#blocks = new MetricBlocks(options.keyValue);
  }

  /** Resolves when what was written before is there again. */
  static async open(options: MetricStoreOptions): Promise<MetricStore> {
    const store = new MetricStore(options);
    for (const { key, value } of await options.keyValue.list(SERIES_PREFIX)) {
      const record = JSON.parse(Buffer.from(value).toString("utf8")) as StoredSeries;
      const id = key.slice(SERIES_PREFIX.length);
      store.#insert(new MetricSeries(id, seriesNameOf(record), record));
    }
    const cleared = await options.keyValue.get(SEQUENCE_KEY);
    store.#sequence = Math.max(
      cleared === undefined ? 0 : Number(Buffer.from(cleared.value).toString()),
      await store.#journal.replay((point, sequence) => store.#restore(point, sequence)),
    );
    store.#savedMs = options.clock.monotonicMs();
    return store;
  }

  /** Adds values of one instant. False when there are too many series for a new one. */
  add(name: SeriesName, timestampMs: number, value: MetricAggregate, isHighResolution = false): boolean {
    const id = seriesIdOf(name);
    let series = this.#series.get(id);
    if (series === undefined) {
      const many = isOwn(name) ? this.#ownCount : this.#series.size - this.#ownCount;
      if (many >= (this.#options.seriesMax ?? SERIES_MAX)) return false;
      series = new MetricSeries(id, name);
      this.#insert(series);
    }
    series.add(timestampMs, value);
    if (isHighResolution) series.addSecond(timestampMs, value, this.#options.clock.nowMs());
    this.#unwritten.add(series);
    this.#schedule();
    return true;
  }

  /** Series of an account in a region. */
  seriesOf({ account, region }: MetricOwner): MetricSeries[] {
    return [...this.#series.values()].filter(
      ({ name }) => name.account === account && name.region === region,
    );
  }

  /** Series of one metric, by unit. */
  seriesOfMetric(metric: MetricName): readonly MetricSeries[] {
    return this.#byMetric.get(metricIdOf(metric)) ?? [];
  }

  find(name: SeriesName): MetricSeries | undefined {
    return this.#series.get(seriesIdOf(name));
  }

  /**
   * Points of a series by time. Minutes where they are still kept and `coarse` does not say that hours will do, hours
   * elsewhere; their timestamps are their starts.
   */
  async read(series: MetricSeries, range: MetricRange, coarse: boolean): Promise<Points> {
    const nowMs = this.#options.clock.nowMs();
    // Whatever is saved while this reads, these two hold what was not saved when it began.
    const unsaved = [series.saving ?? new RecentPoints(), series.recent];
    const unsavedHours = new Set(unsaved.flatMap((recent) => [...recent.points.keys()].map(hourOf)));
    const isByHour = (hourMs: number): boolean =>
      hourMs < nowMs - MINUTES_KEPT_MS || (coarse && !unsavedHours.has(hourMs));
    const points: Points = new Map();
    const through = new Map<number, number>();
    const fromMs = Math.max(range.startMs, series.firstMs, nowMs - HOURS_KEPT_MS);
    const untilMs = Math.min(range.endMs, series.lastMs + 1);
    for (let dayMs = fromMs - (fromMs % DAY_MS); dayMs < untilMs; dayMs += DAY_MS)
      for (const [hourMs, total] of await this.#blocks.hours(series.id, dayMs)) {
        if (hourMs + HOUR_MS <= fromMs || hourMs >= untilMs) continue;
        if (isByHour(hourMs)) addPoint(points, hourMs, total);
        else through.set(hourMs, await this.#addMinutes(points, series.id, hourMs));
      }
    for (const recent of unsaved) addUnsaved(points, recent, through);
    for (const timestampMs of points.keys())
      if (timestampMs < range.startMs || timestampMs >= range.endMs) points.delete(timestampMs);
    return points;
  }

  /** Answers the last write to the journal that the hour holds. */
  async #addMinutes(points: Points, seriesId: string, hourMs: number): Promise<number> {
    const block = await this.#blocks.minutes(seriesId, hourMs);
    for (const [minuteMs, value] of block.points) addPoint(points, minuteMs, value);
    return block.through;
  }

  /** Resolves when everything added before is on disk. Rejects when the store does not take it; it stays for later. */
  async flush(): Promise<void> {
    await this.#running?.catch(() => undefined);
    if (this.#unwritten.size > 0 || this.#undecided !== undefined)
      await (this.#running ?? this.#start(false));
  }

  /** Writes everything and stops. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelTimer?.();
    await this.#running?.catch(() => undefined);
    await this.#trimming;
    await this.#start(true);
  }

  #schedule(): void {
    if (this.#closed || this.#cancelTimer !== undefined) return;
    this.#cancelTimer = this.#options.clock.after(WRITE_INTERVAL_MS, () => {
      this.#cancelTimer = undefined;
      const isSaving = this.#options.clock.monotonicMs() - this.#savedMs >= SAVE_INTERVAL_MS;
      // A store that is not available is tried again at the next interval.
      if (this.#running === undefined) void this.#start(isSaving).catch(() => this.#schedule());
      else this.#schedule();
    });
  }

  #start(isSaving: boolean): Promise<void> {
    const run = this.#write(isSaving).finally(() => {
      this.#running = undefined;
    });
    this.#running = run;
    return run;
  }

  async #write(isSaving: boolean): Promise<void> {
    if (this.#undecided !== undefined) await this.#append();
    const fresh = [...this.#unwritten];
    const points = fresh.flatMap((series) =>
      [...series.unwritten].map(([minuteMs, added]) => ({ seriesId: series.id, minuteMs, added })),
    );
    for (const series of fresh) series.unwritten = new Map();
    this.#unwritten.clear();
    this.#sequence++;
    this.#undecided = { sequence: this.#sequence, points };
    const isTaken = isSaving && this.#takeForSaving();
    for (const series of fresh) if (!series.isStored) this.#unstored.add(series);
    await this.#append();
    if (isSaving) await this.#save(isTaken);
    else if (this.#hasRecent()) this.#schedule();
  }

  async #append(): Promise<void> {
    if (this.#undecided === undefined) return;
    const { sequence, points } = this.#undecided;
    try {
      await inParallel(this.#unstored, (series) => this.#storeRecord(series));
      await this.#journal.append(sequence, this.#options.clock.nowMs(), points);
      this.#undecided = undefined;
    } catch (error) {
      // What the journal will never take still goes into the blocks.
      if (!(error instanceof Unavailable)) this.#undecided = undefined;
      throw error;
    }
  }

  /** At the instant of a write to the journal: what is recent then goes into the blocks. False when some must wait. */
  #takeForSaving(): boolean {
    let isComplete = true;
    for (const series of this.#series.values()) {
      if (series.recent.points.size === 0) continue;
      if (series.saving !== undefined) isComplete = false;
      else {
        series.saving = series.recent;
        series.saving.through = this.#sequence;
        series.recent = new RecentPoints();
      }
    }
    return isComplete;
  }

  async #save(isComplete: boolean): Promise<void> {
    await inParallel(this.#series.values(), async (series) => {
      if (series.saving === undefined) return;
      await this.#blocks.save(series.id, series.saving.points, series.saving.through);
      series.saving = undefined;
      await this.#storeRecord(series);
    });
    if (isComplete) {
      // Blocks say what they hold by these numbers: they go on where the journal ends.
      await this.#options.keyValue.put(SEQUENCE_KEY, Buffer.from(String(this.#sequence)));
      await this.#journal.clear();
    }
    this.#savedMs = this.#options.clock.monotonicMs();
    if (this.#savedMs - this.#trimmedMs < TRIM_INTERVAL_MS || this.#closed) return;
    this.#trimmedMs = this.#savedMs;
    // Nobody waits for it; what a store that is not available leaves is removed the next time.
    this.#trimming = this.#trimming.then(() => this.trim()).catch(() => undefined);
  }

  /** Removes points that are too old, and series that have none left. */
  async trim(): Promise<void> {
    const nowMs = this.#options.clock.nowMs();
    for (const series of Array.from(this.#series.values())) {
      if (this.#closed) return;
      await this.#trimSeries(series, nowMs - MINUTES_KEPT_MS - HOUR_MS, nowMs - HOURS_KEPT_MS - DAY_MS);
    }
  }

  async #trimSeries(series: MetricSeries, minutesFromMs: number, hoursFromMs: number): Promise<void> {
    const { id, firstMs, lastMs } = series;
    if (firstMs >= minutesFromMs) return;
    const untilMs = (fromMs: number): number => Math.min(fromMs, lastMs + 1);
    const minutesMs = Math.max(series.minutesFromMs, firstMs);
    const hoursMs = Math.max(series.hoursFromMs, firstMs);
    if (minutesMs >= untilMs(minutesFromMs) && hoursMs >= untilMs(hoursFromMs)) return;
    await this.#blocks.dropMinutes(id, minutesMs, untilMs(minutesFromMs));
    await this.#blocks.dropHours(id, hoursMs, untilMs(hoursFromMs));
    if (series.lastMs < hoursFromMs) {
      this.#remove(series);
      await this.#options.keyValue.delete(`${SERIES_PREFIX}${id}`);
      return;
    }
    series.minutesFromMs = minutesFromMs - (minutesFromMs % HOUR_MS);
    series.hoursFromMs = hoursFromMs - (hoursFromMs % DAY_MS);
    await this.#storeRecord(series);
  }

  #insert(series: MetricSeries): void {
    this.#series.set(series.id, series);
    if (isOwn(series.name)) this.#ownCount++;
    const ofMetric = this.#byMetric.get(series.metricId);
    if (ofMetric === undefined) this.#byMetric.set(series.metricId, [series]);
    else ofMetric.push(series);
  }

  #remove(series: MetricSeries): void {
    this.#series.delete(series.id);
    if (isOwn(series.name)) this.#ownCount--;
    const others = (this.#byMetric.get(series.metricId) ?? []).filter((other) => other !== series);
    if (others.length === 0) this.#byMetric.delete(series.metricId);
    else this.#byMetric.set(series.metricId, others);
  }

  #hasRecent(): boolean {
    for (const { recent } of this.#series.values()) if (recent.points.size > 0) return true;
    return false;
  }

  async #storeRecord(series: MetricSeries): Promise<void> {
    const value = Buffer.from(JSON.stringify(series.record));
    await this.#options.keyValue.put(`${SERIES_PREFIX}${series.id}`, value);
    series.isStored = true;
    this.#unstored.delete(series);
  }

  async #restore({ seriesId, minuteMs, added }: JournalPoint, sequence: number): Promise<void> {
    const series = this.#series.get(seriesId);
    if (series === undefined || (await this.#blocks.throughOf(seriesId, minuteMs)) >= sequence) return;
    addPoint(series.recent.points, minuteMs, added);
    series.noteTime(minuteMs);
  }
}

const isOwn = ({ namespace }: MetricName): boolean => namespace.startsWith("AWS/");

const hourOf = (timestampMs: number): number => timestampMs - (timestampMs % HOUR_MS);

/** Adds what the blocks that were read do not hold. */
function addUnsaved(points: Points, recent: RecentPoints, through: ReadonlyMap<number, number>): void {
  for (const [minuteMs, value] of recent.points)
    if ((through.get(hourOf(minuteMs)) ?? 0) < recent.through) addPoint(points, minuteMs, value);
}

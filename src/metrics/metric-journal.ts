import { MetricAggregate, type StoredAggregate } from "../core/metric-aggregate.ts";
import type { LogStore, NewLogEntry } from "../ports/store.ts";

const STREAM = "metrics/journal";
const ENTRY_POINTS_MAX = 500;
const READ_ENTRIES = 100;

/** What one series gained in one minute since the write before. */
export interface JournalPoint {
  readonly seriesId: string;
  readonly minuteMs: number;
  readonly added: MetricAggregate;
}

interface StoredEntry {
  readonly sequence: number;
  readonly part: number;
  readonly points: readonly (readonly [seriesId: string, minuteMs: number, added: StoredAggregate])[];
}

/** What came since the blocks were written last: every few seconds one append for all series. */
export class MetricJournal {
  readonly #logs: LogStore;

  constructor(logs: LogStore) {
    this.#logs = logs;
  }

  /** Durable when it resolves. The same write again, with the same sequence number, counts once. */
  async append(sequence: number, nowMs: number, points: readonly JournalPoint[]): Promise<void> {
    const entries: NewLogEntry[] = [];
    for (let start = 0; start < points.length; start += ENTRY_POINTS_MAX) {
      const entry: StoredEntry = {
        sequence,
        part: entries.length,
        points: points
          .slice(start, start + ENTRY_POINTS_MAX)
          .map(({ seriesId, minuteMs, added }) => [seriesId, minuteMs, added.encode()]),
      };
      entries.push({ timestampMs: nowMs, message: JSON.stringify(entry) });
    }
    if (entries.length > 0) await this.#logs.append([{ stream: STREAM, entries }]);
  }

  /** Everything since the last `clear`, each write once; answers the last sequence number. */
  async replay(take: (point: JournalPoint, sequence: number) => Promise<void>): Promise<number> {
    let position: string | undefined;
    let last = 0;
    const seen = new Set<string>();
    for (;;) {
      const page = await this.#logs.read(STREAM, position, READ_ENTRIES);
      for (const { message } of page) {
        const { sequence, part, points } = JSON.parse(message) as StoredEntry;
        last = Math.max(last, sequence);
        if (seen.has(`${sequence}/${part}`)) continue;
        seen.add(`${sequence}/${part}`);
        for (const [seriesId, minuteMs, added] of points)
          await take({ seriesId, minuteMs, added: MetricAggregate.decode(added) }, sequence);
      }
      if (page.length < READ_ENTRIES) return last;
      position = page.at(-1)?.position;
    }
  }

  async clear(): Promise<void> {
    await this.#logs.drop(STREAM);
  }
}

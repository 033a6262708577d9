import type { Clock } from "../ports/clock.ts";
import { type BatchCut, cutBatch } from "./batch-cut.ts";
import { type BatchInvoker, problem } from "./batch-invoker.ts";
import type { RecordSource, SourceRecord } from "./event-source.ts";
import type { MappingDocument } from "./mapping-document.ts";

/** How long a sequence where nothing happens is waited for at a time; its source may wait for less. */
export const POLL_MS = 60_000;
/** Before a source is asked again that did not wait at all, as one that waits for whole seconds only. */
const EMPTY_READ_DELAY_MS = 250;
const SHORT_READ_MS = 1_000;
const PROBLEM_DELAY_MIN_MS = 1_000;
const PROBLEM_DELAY_MAX_MS = 60_000;

export interface CollectorOptions<R extends SourceRecord> {
  readonly mapping: MappingDocument;
  readonly source: RecordSource<R>;
  readonly invoker: BatchInvoker;
  readonly clock: Clock;
  readonly report: (result: string) => void;
}

/** Reads and filters the records of batches. */
export class BatchCollector<R extends SourceRecord> {
  readonly #options: CollectorOptions<R>;
  readonly #stopping: AbortSignal;
  readonly #wait: (delayMs: number) => Promise<void>;
  /** Reads that failed since the last one that did not. */
  #problems = 0;

  constructor(options: CollectorOptions<R>, stopping: AbortSignal, wait: (delayMs: number) => Promise<void>) {
    this.#options = options;
    this.#stopping = stopping;
    this.#wait = wait;
  }

  /**
   * Reads into `kept` until there is a batch: full, or its window over, which begins with the first record. Waits up to
   * `waitMs` for that. Undefined: there is nothing, or it could not be read, which has been told and waited for.
   */
  async collect(kept: R[], waitMs: number): Promise<BatchCut | undefined> {
    const { source, mapping, clock } = this.#options;
    const { batchSize, maximumBatchingWindowSeconds } = mapping.settings;
    let release: (() => void) | undefined;
    try {
      let closesAtMs = clock.monotonicMs();
      for (;;) {
        const cut = cutBatch(kept, batchSize);
        const leftMs = closesAtMs - clock.monotonicMs();
        if (cut.count > 0 && (cut.isFull || leftMs <= 0)) return cut;
        const max = Math.min(source.readMax, batchSize - kept.length);
        const read = await this.#read(max, kept.length > 0 ? Math.min(leftMs, POLL_MS) : waitMs);
        if (read === undefined) return cut.count > 0 ? cut : undefined;
        if (kept.length === 0) {
          if (read.length === 0) return undefined;
          closesAtMs = clock.monotonicMs() + maximumBatchingWindowSeconds * 1000;
        }
        kept.push(...(await this.#filtered(read)));
        if (kept.length > 0 && maximumBatchingWindowSeconds > 0) release ??= source.hold(kept);
      }
    } finally {
      release?.();
    }
  }

  /** Undefined: nobody reads any more, or it failed. */
  async #read(max: number, waitMs: number): Promise<readonly R[] | undefined> {
    const { source, mapping, invoker, clock } = this.#options;
    if (this.#stopping.aborted) return undefined;
    const obstacle = invoker.obstacle(mapping);
    if (obstacle !== undefined) return this.#failed(obstacle);
    try {
      const startedMs = clock.monotonicMs();
      const read = await source.read({ max, waitMs, signal: this.#stopping });
      this.#problems = 0;
      invoker.count(mapping, "PolledEventCount", read.length);
      const tookMs = clock.monotonicMs() - startedMs;
      if (read.length === 0 && tookMs < Math.min(waitMs, SHORT_READ_MS))
        await this.#wait(Math.min(waitMs - tookMs, EMPTY_READ_DELAY_MS));
      return read;
    } catch (error) {
      return this.#stopping.aborted ? undefined : this.#failed(problem(error));
    }
  }

  async #failed(result: string): Promise<undefined> {
    this.#options.report(result);
    await this.#wait(Math.min(PROBLEM_DELAY_MIN_MS * 2 ** this.#problems++, PROBLEM_DELAY_MAX_MS));
  }

  async #filtered(records: readonly R[]): Promise<readonly R[]> {
    const { source, mapping, invoker, report } = this.#options;
    if (mapping.settings.filterPatterns.length === 0 || records.length === 0) return records;
    const wanted: R[] = [];
    const others: R[] = [];
    for (const record of records) (source.wants(record) ? wanted : others).push(record);
    if (others.length > 0) invoker.count(mapping, "FilteredOutEventCount", others.length);
    // What could not be discarded comes again, and is looked at again.
    if (others.length > 0) await source.discard(others).catch((error: unknown) => report(problem(error)));
    return wanted;
  }
}

import { setMaxListeners } from "node:events";
import type { Clock } from "../ports/clock.ts";
import { BatchCollector, POLL_MS } from "./batch-collector.ts";
import { type BatchInvoker, problem } from "./batch-invoker.ts";
import type { BatchOutcome, RecordSource, SourceRecord } from "./event-source.ts";
import type { MappingDocument } from "./mapping-document.ts";

const THROTTLED_DELAY_MIN_MS = 100;
const THROTTLED_DELAY_MAX_MS = 10_000;
/** How often a mapping that uses all its concurrency asks for more. */
const GROWTH_INTERVAL_MS = 1_000;

export interface PumpOptions<R extends SourceRecord> {
  readonly mapping: MappingDocument;
  readonly source: RecordSource<R>;
  readonly invoker: BatchInvoker;
  readonly clock: Clock;
  /** Told what became of each batch, and of problems: LastProcessingResult. */
  readonly report: (result: string) => void;
}

/**
 * Brings one sequence of records to its function: read, filter, batch, invoke, checkpoint. One lane waits for records;
 * when it has a batch another one takes its place, and while the source has more than one read brings, more lanes
 * read, as many as the limit allows. A sequence where nothing happens costs one waiting read, and no timer.
 */
export class RecordPump<R extends SourceRecord> {
  readonly #options: PumpOptions<R>;
  readonly #stopping = new AbortController();
  readonly #ended = Promise.withResolvers<void>();
  readonly #collector: BatchCollector<R>;
  #lanes = 0;
  /** A lane waits for the next records. */
  #isWatched = false;
  #cancelGrowth: (() => void) | undefined;

  constructor(options: PumpOptions<R>) {
    this.#options = options;
    const { signal } = this.#stopping;
    setMaxListeners(0, signal);
    this.#collector = new BatchCollector(options, signal, (delayMs) => this.#wait(delayMs));
  }

  start(): void {
    this.#watch();
  }

  /** Reads nothing more; what runs goes on. */
  stop(): void {
    this.#stopping.abort();
    this.#cancelGrowth?.();
    if (this.#lanes === 0) this.#ended.resolve();
  }

  /** Resolves when it was stopped and nothing runs any more. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** Puts a lane in the place of the one that waits, if there is none and the limit allows it. */
  #watch(): void {
    if (this.#isWatched || !this.#mayBegin()) return;
    this.#isWatched = true;
    this.#begin(true);
  }

  /** A lane that reads what is there already, and ends when that is nothing. */
  #help(): void {
    if (this.#mayBegin()) this.#begin(false);
  }

  #mayBegin(): boolean {
    const { concurrency } = this.#options.source;
    if (this.#isStopping) return false;
    if (this.#lanes < concurrency.value) return true;
    concurrency.reached();
    if (this.#lanes < concurrency.value) return true;
    this.#askAgainLater();
    return false;
  }

  #askAgainLater(): void {
    const { source, clock } = this.#options;
    if (this.#cancelGrowth !== undefined || !source.concurrency.grows) return;
    this.#cancelGrowth = clock.after(GROWTH_INTERVAL_MS, () => {
      this.#cancelGrowth = undefined;
      this.#watch();
    });
  }

  #begin(watches: boolean): void {
    this.#lanes++;
    void this.#lane(watches).finally(() => {
      this.#lanes--;
      if (this.#lanes + 1 < this.#options.source.concurrency.value)
        this.#options.source.concurrency.notReached();
      if (!this.#isStopping) this.#watch();
      else if (this.#lanes === 0) this.#ended.resolve();
    });
  }

  /** One lane: batches one after another while there are full ones; never rejects. */
  async #lane(begunWatching: boolean): Promise<void> {
    let watches = begunWatching;
    const kept: R[] = [];
    for (;;) {
      const cut = await this.#collector.collect(kept, watches ? POLL_MS : 0);
      if (watches) {
        this.#isWatched = false;
        watches = false;
        // AWS: a queue where nothing comes is read with little concurrency.
        if (cut === undefined) this.#options.source.concurrency.rested();
        else this.#watch();
      }
      if (cut === undefined) return;
      if (cut.isFull) this.#help();
      const batch = kept.splice(0, cut.count);
      await this.#process(batch);
      // Records that did not fit are already this lane's own; after a batch that was not full there is no backlog.
      if (kept.length > 0) continue;
      if (!cut.isFull || this.#isStopping) return;
      if (this.#lanes > this.#options.source.concurrency.value) return;
    }
  }

  /** Invokes and checkpoints until the source wants nothing of this batch tried again. */
  async #process(batch: readonly R[]): Promise<void> {
    const { source } = this.#options;
    const waiting: (readonly R[])[] = [batch];
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const outcome = await this.#deliver(next);
      const again = await this.#orReport(source.settle(next, outcome));
      if (again !== undefined && outcome.type === "processed")
        this.#countDone(next.length - outcome.failed.size);
      waiting.unshift(...(again ?? []));
    }
  }

  #countDone(records: number): void {
    const { source, invoker, mapping } = this.#options;
    if (source.doneMetric !== undefined && records > 0) invoker.count(mapping, source.doneMetric, records);
  }

  /** Until the function ran, or the source cannot wait any longer. */
  async #deliver(batch: readonly R[]): Promise<BatchOutcome> {
    const { source, invoker, mapping, report } = this.#options;
    if (this.#isStopping) return { type: "stopped" };
    const payload = source.payload(batch);
    for (let delayMs = THROTTLED_DELAY_MIN_MS; ; delayMs = Math.min(2 * delayMs, THROTTLED_DELAY_MAX_MS)) {
      const release = source.hold(batch);
      const { outcome, result } = await invoker.attempt(mapping, batch, payload);
      release();
      report(result);
      if (outcome.type === "processed") return outcome;
      source.concurrency.backOff(outcome.type);
      if (outcome.type === "failed" || !source.mayWait(batch, delayMs)) return outcome;
      await this.#wait(delayMs);
      if (this.#isStopping) return { type: "stopped" };
    }
  }

  /** A checkpoint that fails means that the source brings the records again. */
  async #orReport<T>(work: Promise<T>): Promise<T | undefined> {
    try {
      return await work;
    } catch (error) {
      this.#options.report(problem(error));
      return undefined;
    }
  }

  /** Or until it is stopped. */
  #wait(delayMs: number): Promise<void> {
    const { signal } = this.#stopping;
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const done = (): void => {
        signal.removeEventListener("abort", done);
        cancel();
        resolve();
      };
      const cancel = this.#options.clock.after(delayMs, done);
      signal.addEventListener("abort", done, { once: true });
    });
  }
}

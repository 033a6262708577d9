import type { LogEntry, LogStore, NewLogEntry } from "../../src/ports/store.ts";

/** A log store in memory that keeps the port's promises; `failNext` and `hold` make appends fail or wait. */
export class MemoryLogStore implements LogStore {
  readonly streams = new Map<string, LogEntry[]>();
  appends = 0;
  reads = 0;
  readonly #failures: Error[] = [];
  readonly #now: () => number;
  #gate: Promise<void> | undefined;
  #position = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** The next append throws. */
  failNext(error: Error): void {
    this.#failures.push(error);
  }

  /** Appends wait until the returned function is called. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate = promise;
    return () => {
      this.#gate = undefined;
      resolve();
    };
  }

  async append(batches: readonly { stream: string; entries: readonly NewLogEntry[] }[]): Promise<void> {
    this.appends++;
    await this.#gate;
    const failure = this.#failures.shift();
    if (failure !== undefined) throw failure;
    for (const { stream, entries } of batches) {
      const stored = this.streams.get(stream) ?? [];
      this.streams.set(stream, stored);
      for (const entry of entries) {
        const position = String(++this.#position).padStart(12, "0");
        stored.push({ ...entry, position, ingestedAtMs: this.#now() });
      }
    }
  }

  async read(stream: string, from: string | undefined, max: number): Promise<LogEntry[]> {
    this.reads++;
    const entries = this.streams.get(stream) ?? [];
    return entries.filter(({ position }) => from === undefined || position > from).slice(0, max);
  }

  async readBackwards(stream: string, before: string | undefined, max: number): Promise<LogEntry[]> {
    this.reads++;
    const entries = this.streams.get(stream) ?? [];
    return entries.filter(({ position }) => before === undefined || position < before).slice(-max);
  }

  async drop(stream: string): Promise<void> {
    this.streams.delete(stream);
  }

  async trim(stream: string, beforeMs: number): Promise<void> {
    const kept = (this.streams.get(stream) ?? []).filter(({ timestampMs }) => timestampMs >= beforeMs);
    this.streams.set(stream, kept);
  }
}

import type { Clock } from "../ports/clock.ts";
import type { Sandbox } from "../ports/sandbox.ts";

/**
 * How often the figure is read at most; reading it costs more than the rest of a report. While it stays the same, it is
 * read half as often with each time, down to the second figure.
 */
const READ_INTERVAL_MS_MIN = 50;
const READ_INTERVAL_MS_MAX = 400;
const MEBIBYTE = 1_048_576;

/** `Max Memory Used` of an environment: the highest use so far, at most what the function has. */
export class MemoryFigure {
  readonly #clock: Clock;
  readonly #memoryMb: number;
  #nextReadMs = Number.NEGATIVE_INFINITY;
  #intervalMs = READ_INTERVAL_MS_MIN;
  #usedMb = 0;

  constructor({ clock, memoryMb }: { readonly clock: Clock; readonly memoryMb: number }) {
    this.#clock = clock;
    this.#memoryMb = memoryMb;
  }

  /** `precise`: read now, however recently that was done. */
  maxUsedMb(sandbox: Pick<Sandbox, "memoryPeakBytes"> | undefined, precise: boolean): number {
    const nowMs = this.#clock.monotonicMs();
    if (precise || nowMs >= this.#nextReadMs) this.#read(sandbox, nowMs);
    return this.#usedMb;
  }

  #read(sandbox: Pick<Sandbox, "memoryPeakBytes"> | undefined, nowMs: number): void {
    const peakBytes = sandbox?.memoryPeakBytes() ?? 0;
    const usedMb = Math.min(this.#memoryMb, Math.max(this.#usedMb, Math.ceil(peakBytes / MEBIBYTE)));
    this.#intervalMs =
      usedMb === this.#usedMb ? Math.min(2 * this.#intervalMs, READ_INTERVAL_MS_MAX) : READ_INTERVAL_MS_MIN;
    this.#usedMb = usedMb;
    this.#nextReadMs = nowMs + this.#intervalMs;
  }
}

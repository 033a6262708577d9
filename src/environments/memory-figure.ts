import type { Clock } from "../ports/clock.ts";
import type { Sandbox } from "../ports/sandbox.ts";

/** How often the figure is read at most; reading it costs more than the rest of a report. */
const READ_INTERVAL_MS = 50;
const MEBIBYTE = 1_048_576;

/** `Max Memory Used` of an environment: the highest use so far, at most what the function has. */
export class MemoryFigure {
  readonly #clock: Clock;
  readonly #memoryMb: number;
  #readAtMs = Number.NEGATIVE_INFINITY;
  #usedMb = 0;

  constructor({ clock, memoryMb }: { readonly clock: Clock; readonly memoryMb: number }) {
    this.#clock = clock;
    this.#memoryMb = memoryMb;
  }

  /** `precise`: read now, however recently that was done. */
  maxUsedMb(sandbox: Sandbox | undefined, precise: boolean): number {
    const nowMs = this.#clock.monotonicMs();
    if (precise || nowMs - this.#readAtMs >= READ_INTERVAL_MS) {
      this.#readAtMs = nowMs;
      const peakBytes = sandbox?.memoryPeakBytes();
      if (peakBytes !== undefined)
        this.#usedMb = Math.min(this.#memoryMb, Math.max(this.#usedMb, Math.ceil(peakBytes / MEBIBYTE)));
    }
    return this.#usedMb;
  }
}

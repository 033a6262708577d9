const BLOCK_MAX = 200;

/** So many a second, and after a quiet time so many at once; refilled continuously, nothing accrues beyond that. */
export class RateLimit {
  #perSecond: number;
  #atOnce: number;
  #left: number;
  #refilledMs = 0;

  constructor(perSecond: number, atOnce: number) {
    this.#perSecond = perSecond;
    this.#atOnce = atOnce;
    this.#left = atOnce;
  }

  /** What was left stays left, as far as the new limit has room for it. */
  change(perSecond: number, atOnce: number): void {
    if (perSecond === this.#perSecond && atOnce === this.#atOnce) return;
    // Whoever raises the limit may use it at once.
    this.#left = Math.min(atOnce, this.#left + Math.max(0, atOnce - this.#atOnce));
    this.#perSecond = perSecond;
    this.#atOnce = atOnce;
  }

  /** False when the limit is reached. `nowMs`: monotonic. */
  take(nowMs: number): boolean {
    this.#refill(nowMs);
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }

  /** As many as are left, at most `needed` and a hundredth of a second's beyond that. */
  takeBlock(needed: number, nowMs: number): number {
    this.#refill(nowMs);
    const beyond = Math.min(BLOCK_MAX, Math.floor(this.#perSecond / 100));
    const taken = Math.min(needed + beyond, Math.floor(this.#left));
    this.#left -= taken;
    return taken;
  }

  /** Returns what was taken and not used. */
  putBack(unused: number): void {
    this.#left = Math.min(this.#atOnce, this.#left + unused);
  }

  #refill(nowMs: number): void {
    if (this.#left < this.#atOnce) {
      const refilled = ((nowMs - this.#refilledMs) * this.#perSecond) / 1000;
      this.#left = Math.min(this.#atOnce, this.#left + refilled);
    }
    this.#refilledMs = nowMs;
  }
}

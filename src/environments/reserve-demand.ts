/** Kept for a runtime that functions use, though none was started lately. */
const STANDING = 2;
/** Arrivals this close together count as one burst: a sandbox taken is replaced within it at the earliest. */
const BURST_MS = 10_000;
/** For so long another burst like the largest one is expected. */
const MEMORY_MS = 300_000;

/** How many sandboxes of one kind should wait, from when they were asked for. Times are monotonic milliseconds. */
export class ReserveDemand {
  /** The largest burst that began within each of the last periods of `BURST_MS`: [its beginning, its size]. */
  readonly #bursts: [number, number][] = [];
  #announced = 0;
  /** [Until when, how many]: of what is due at a time and need not come to a cold start. */
  #expected: [number, number][] = [];
  #isUsed = false;

  /** A function uses this kind. */
  use(): void {
    this.#isUsed = true;
  }

  /** So many will be asked for soon. */
  announce(count: number): void {
    this.#announced += count;
    this.#isUsed = true;
  }

  /** So many may be asked for until then; afterwards they are not expected any more. */
  expect(count: number, untilMs: number): void {
    this.#expected.push([untilMs, count]);
    this.#isUsed = true;
  }

  /** One of those that were announced has come, and may have taken another kind. */
  announcedCame(): void {
    this.#announced = Math.max(0, this.#announced - 1);
  }

  /** One was asked for, whether it was there or not. */
  arrived(nowMs: number): void {
    this.#isUsed = true;
    this.announcedCame();
    const last = this.#bursts.at(-1);
    if (last !== undefined && nowMs - last[0] < BURST_MS) last[1]++;
    else this.#bursts.push([nowMs, 1]);
  }

  /** How many should wait now. */
  target(nowMs: number): number {
    while (this.#bursts[0] !== undefined && nowMs - this.#bursts[0][0] > MEMORY_MS) this.#bursts.shift();
    if (!this.#isUsed) return 0;
    const largest = this.#bursts.reduce((most, [, count]) => Math.max(most, count), 0);
    this.#expected = this.#expected.filter(([untilMs]) => untilMs > nowMs);
    const expected = this.#expected.reduce((sum, [, count]) => sum + count, 0);
    return Math.max(STANDING, largest, this.#announced + expected);
  }
}

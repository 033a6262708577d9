import { DueHeap } from "../core/due-heap.ts";
import type { Clock } from "../ports/clock.ts";

/** The wall clock may be set, and timers have a longest time: it is looked at this often while something is due. */
const LONGEST_WAIT_MS = 3_600_000;

interface DueTime {
  readonly id: string;
  readonly atMs: number;
}

/**
 * Things that are due at a time each, with one timer for the next of them: ten thousand that wait cost nothing.
 * Nothing is told before `start`.
 */
export class DueTimes {
  readonly #clock: Clock;
  readonly #isDue: (id: string, atMs: number) => void;
  /** May have entries that were replaced. */
  readonly #heap = new DueHeap<DueTime>();
  readonly #current = new Map<string, DueTime>();
  #timer: { readonly atMs: number; readonly cancel: () => void } | undefined;
  #isRunning = false;

  constructor(clock: Clock, isDue: (id: string, atMs: number) => void) {
    this.#clock = clock;
    this.#isDue = isDue;
  }

  get size(): number {
    return this.#current.size;
  }

  /** Sets or replaces the time of one; undefined: it is never due. */
  set(id: string, atMs: number | undefined): void {
    if (atMs === undefined) {
      this.#current.delete(id);
    } else {
      const due = { id, atMs };
      this.#current.set(id, due);
      this.#heap.add(atMs, due);
    }
    if (this.#heap.size > 64 && this.#heap.size > 4 * this.#current.size) this.#compact();
    this.#arm();
  }

  start(): void {
    this.#isRunning = true;
    this.#arm();
  }

  stop(): void {
    this.#isRunning = false;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(): void {
    const next = this.#earliest();
    if (!this.#isRunning || next === undefined || (this.#timer?.atMs ?? Infinity) <= next.atMs) return;
    this.#timer?.cancel();
    const delayMs = Math.min(Math.max(0, next.atMs - this.#clock.nowMs()), LONGEST_WAIT_MS);
    const cancel = this.#clock.after(delayMs, () => this.#fire());
    this.#timer = { atMs: next.atMs, cancel };
  }

  #fire(): void {
    this.#timer = undefined;
    for (let next = this.#earliest(); next !== undefined; next = this.#earliest()) {
      if (next.atMs > this.#clock.nowMs() || !this.#isRunning) break;
      this.#current.delete(next.id);
      this.#heap.take(next.atMs);
      this.#isDue(next.id, next.atMs);
    }
    this.#arm();
  }

  /** The earliest that was not replaced. */
  #earliest(): DueTime | undefined {
    for (let first = this.#heap.first; first !== undefined; first = this.#heap.first) {
      if (this.#current.get(first.id) === first) return first;
      this.#heap.take(first.atMs);
    }
    return undefined;
  }

  #compact(): void {
    this.#heap.clear();
    for (const due of this.#current.values()) this.#heap.add(due.atMs, due);
  }
}

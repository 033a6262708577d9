import type { Clock } from "../ports/clock.ts";

/** What the process takes of its functions' output a second, in the end; an event is one, and so is a kilobyte. */
const UNITS_PER_SECOND = 20_000;
/** What it takes at once before anybody waits. */
const BURST_UNITS = 20_000;
/** A kilobyte costs as much as an event. */
const UNITS_PER_BYTE = 1 / 1_024;
/** Who wrote no more than this in the last second waits for nobody. */
const UNNOTICED_UNITS = 500;
const TICK_MS = 10;

/** A stream that can be read later; what its writer has no room for then makes it wait, as on AWS. */
export interface PacedStream {
  pause(): unknown;
  resume(): unknown;
}

/**
 * How fast one process reads the output of its functions. Reading and storing a line costs this process more than it
 * costs a function to write it, so that without a measure one function that writes without end would keep all others
 * waiting. While there is more than is taken, those that write most are read last.
 */
export class OutputPace {
  readonly #clock: Clock;
  readonly #held = new Set<EnvironmentPace>();
  #credit = BURST_UNITS;
  #creditedMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#creditedMs = clock.monotonicMs();
  }

  /** For the output of one environment. */
  open(): EnvironmentPace {
    return new EnvironmentPace(this.#clock, (pace, units) => this.#charge(pace, units));
  }

  #charge(pace: EnvironmentPace, units: number): void {
    this.#refill();
    this.#credit -= units;
    if (this.#credit >= 0 || pace.recentUnits() <= UNNOTICED_UNITS || this.#held.has(pace)) return;
    pace.hold();
    this.#held.add(pace);
    if (this.#held.size === 1) this.#waitForCredit();
  }

  #refill(): void {
    const nowMs = this.#clock.monotonicMs();
    const earned = ((nowMs - this.#creditedMs) * UNITS_PER_SECOND) / 1_000;
    this.#credit = Math.min(BURST_UNITS, this.#credit + earned);
    this.#creditedMs = nowMs;
  }

  #waitForCredit(): void {
    this.#clock.after(TICK_MS, () => {
      this.#refill();
      if (this.#credit >= 0) this.#letGo();
      if (this.#held.size > 0) this.#waitForCredit();
    });
  }

  /** One at a time, as nobody knows what it has written meanwhile. */
  #letGo(): void {
    const paces = [...this.#held];
    const next = paces.reduce((least, pace) => (pace.recentUnits() < least.recentUnits() ? pace : least));
    this.#held.delete(next);
    next.letGo();
  }
}

/** The output of one environment. */
export class EnvironmentPace {
  readonly #clock: Clock;
  readonly #charge: (pace: EnvironmentPace, units: number) => void;
  readonly #streams = new Set<PacedStream>();
  #recent = 0;
  #recentMs = 0;

  constructor(clock: Clock, charge: (pace: EnvironmentPace, units: number) => void) {
    this.#clock = clock;
    this.#charge = charge;
  }

  /** Belongs to it from now on, until it is closed. */
  add(stream: PacedStream): void {
    this.#streams.add(stream);
  }

  closed(stream: PacedStream): void {
    this.#streams.delete(stream);
  }

  /** Something was read. */
  took(events: number, bytes: number): void {
    const units = events + bytes * UNITS_PER_BYTE;
    this.#recent = this.recentUnits() + units;
    this.#recentMs = this.#clock.monotonicMs();
    this.#charge(this, units);
  }

  /** What it wrote in the last second, roughly: what lies back longer counts less. */
  recentUnits(): number {
    return this.#recent * 2 ** ((this.#recentMs - this.#clock.monotonicMs()) / 500);
  }

  hold(): void {
    for (const stream of this.#streams) stream.pause();
  }

  letGo(): void {
    for (const stream of this.#streams) stream.resume();
  }
}

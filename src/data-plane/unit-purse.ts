import type { Owner } from "../core/function-reference.ts";
import type { Units } from "./calls.ts";

/** Borrowed beyond what is needed just now, so that the next ones find some in hand. */
const BLOCK_UNITS = 8;
const FEW_INVOCATIONS_MAX = 50;

export type Refusal = "ConcurrentInvocationLimitExceeded" | "FunctionInvocationRateLimitExceeded";

type Settle = (refusal: Refusal | undefined) => void;

/**
 * The concurrency units and the rate of one account that a data-plane process has in hand. Taking and giving back are a
 * few additions; who finds nothing waits for the main process, which alone refuses, and only what is really over
 * the limit.
 */
export class UnitPurse {
  readonly owner: Owner;
  readonly #borrow: (owner: Owner, wanted: Units) => Promise<Units>;
  readonly #waiting: Settle[] = [];
  #units = 0;
  #invocations = 0;
  /** With fewer invocations in hand, the next block is asked for: half of what a block is for this account. */
  #few = 0;
  #isAsking = false;

  constructor(owner: Owner, borrow: (owner: Owner, wanted: Units) => Promise<Units>) {
    this.owner = owner;
    this.#borrow = borrow;
  }

  /** Undefined: the invocation may run at once. Otherwise the promise resolves with why it may not, or undefined. */
  take(): Promise<Refusal | undefined> | undefined {
    if (this.#waiting.length === 0 && this.#takeInHand()) {
      // So that a steady load never waits for the next block.
      if (this.#invocations < this.#few) this.#ask();
      return undefined;
    }
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#ask();
    });
  }

  /** An invocation has ended. */
  leave(): void {
    this.#units++;
    this.#handOut();
  }

  /** An invocation was not made after all. */
  putBack(): void {
    this.#invocations++;
    this.leave();
  }

  /** Everything that is not in use. */
  empty(): Units {
    const units = { units: this.#units, invocations: this.#invocations };
    this.#units = 0;
    this.#invocations = 0;
    return units;
  }

  #takeInHand(): boolean {
    if (this.#units < 1 || this.#invocations < 1) return false;
    this.#units--;
    this.#invocations--;
    return true;
  }

  #handOut(): void {
    while (this.#waiting.length > 0 && this.#takeInHand()) this.#waiting.shift()?.(undefined);
  }

  #ask(): void {
    if (this.#isAsking) return;
    this.#isAsking = true;
    const asking = this.#waiting.length;
    const lacking = Math.max(0, asking - this.#units);
    const wanted = {
      units: lacking === 0 ? 0 : lacking + BLOCK_UNITS,
      // The lender adds a block to it.
      invocations: Math.max(0, asking - this.#invocations),
    };
    this.#borrow(this.owner, wanted).then(
      (given) => this.#answered(given, asking, wanted),
      () => this.#answered({ units: 0, invocations: 0 }, asking, wanted),
    );
  }

  #answered(given: Units, asked: number, wanted: Units): void {
    this.#isAsking = false;
    this.#units += given.units;
    this.#invocations += given.invocations;
    const block = Math.max(0, given.invocations - wanted.invocations);
    this.#few = Math.min(FEW_INVOCATIONS_MAX, Math.floor(block / 2));
    const before = this.#waiting.length;
    this.#handOut();
    // Those who came later were not part of the question.
    const left = asked - (before - this.#waiting.length);
    if (wanted.units > 0 && given.units === 0)
      this.#refuse(this.#units, left, "ConcurrentInvocationLimitExceeded");
    else if (wanted.invocations > 0 && given.invocations === 0)
      this.#refuse(this.#invocations, left, "FunctionInvocationRateLimitExceeded");
    if (this.#waiting.length > 0) this.#ask();
  }

  /** All but the first of them, for whom there is something in hand. */
  #refuse(first: number, end: number, refusal: Refusal): void {
    if (end > first) for (const refuse of this.#waiting.splice(first, end - first)) refuse(refusal);
  }
}

import type { Clock } from "../ports/clock.ts";
import type { Lease, LeaseAnswer, LeaseQuestion } from "./calls.ts";

/** Requests of different kinds that are remembered; beyond that, all are asked for again. */
const LEASES_MAX = 20_000;

/** The leases that a data-plane process holds, and the requests of which it knows that it has none. */
export class Leases {
  readonly #clock: Clock;
  readonly #ask: (question: LeaseQuestion) => Promise<LeaseAnswer>;
  readonly #known = new Map<string, Lease | "forward">();
  readonly #asking = new Map<string, Promise<Lease | "forward">>();
  #epoch = 0;

  constructor(clock: Clock, ask: (question: LeaseQuestion) => Promise<LeaseAnswer>) {
    this.#clock = clock;
    this.#ask = ask;
  }

  /** Undefined when it has to be asked for. */
  find(key: string): Lease | "forward" | undefined {
    const known = this.#known.get(key);
    if (known === undefined || known === "forward" || this.isCurrent(known)) return known;
    this.#known.delete(key);
    return undefined;
  }

  /** Whether the lease may be used at this moment. */
  isCurrent(lease: Lease): boolean {
    return lease.epoch === this.#epoch && this.#clock.nowMs() < lease.untilMs;
  }

  /** Asks the main process; what it answered may have been revoked when this resolves. */
  ask(question: LeaseQuestion): Promise<Lease | "forward"> {
    const { key } = question;
    const asking = this.#asking.get(key);
    if (asking !== undefined) return asking;
    const answered = this.#ask(question)
      .then((answer) => {
        const lease = "forward" in answer ? "forward" : answer;
        // An answer to a question from before a revocation is not remembered.
        if (answer.epoch === this.#epoch) {
          if (this.#known.size >= LEASES_MAX) this.#known.clear();
          this.#known.set(key, lease);
        }
        return lease;
      })
      .finally(() => {
        if (this.#asking.get(key) === answered) this.#asking.delete(key);
      });
    this.#asking.set(key, answered);
    return answered;
  }

  /** Leases of earlier epochs are void from now on. */
  revoke(epoch: number): void {
    this.#epoch = epoch;
    this.#known.clear();
    this.#asking.clear();
  }
}

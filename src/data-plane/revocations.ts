import type { Clock } from "../ports/clock.ts";

/** A data-plane process that holds leases. */
export interface LeaseHolder {
  /** Resolves when it uses no lease of an earlier epoch any more. */
  revoke(epoch: number, retired: readonly string[]): Promise<void>;
  /** Ends it at once; resolves when it has ended. */
  end(): Promise<void>;
}

/** A process that has not answered for so long is ended: a change waits for it. */
const ANSWER_WITHIN_MS = 10_000;
/** The last part of it; whatever kept this process busy until then, it has time to see an answer that has come. */
const SECOND_LOOK_MS = 500;

/**
 * Takes all leases back whenever something changes that one of them may rest on. Coarse on purpose: a lease costs one
 * question, and what is not told apart cannot be told apart wrongly.
 */
export class Revocations {
  readonly #clock: Clock;
  readonly #holders = new Set<LeaseHolder>();
  #retired: string[] = [];
  #epoch = 1;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Leases that are granted now are of this epoch. */
  get epoch(): number {
    return this.#epoch;
  }

  join(holder: LeaseHolder): void {
    this.#holders.add(holder);
  }

  leave(holder: LeaseHolder): void {
    this.#holders.delete(holder);
  }

  /** The deployment gets no new event from the next revocation on. */
  retire(deploymentId: string): void {
    if (this.#holders.size > 0) this.#retired.push(deploymentId);
  }

  /** Resolves when no lease that was granted before is used by anybody. */
  async revoke(): Promise<void> {
    this.#epoch++;
    const retired = this.#retired;
    this.#retired = [];
    await Promise.all([...this.#holders].map((holder) => this.#answerOf(holder, retired)));
  }

  async #answerOf(holder: LeaseHolder, retired: readonly string[]): Promise<void> {
    const late = Promise.withResolvers<"late">();
    let cancel = this.#clock.after(ANSWER_WITHIN_MS - SECOND_LOOK_MS, () => {
      cancel = this.#clock.after(SECOND_LOOK_MS, () => late.resolve("late"));
    });
    const answer = await Promise.race([
      holder.revoke(this.#epoch, retired).then(
        () => "revoked",
        () => "gone",
      ),
      late.promise,
    ]);
    cancel();
    // Gone, or deaf: what has ended uses no lease.
    if (answer !== "revoked") await holder.end();
  }
}

import type { Owner } from "../core/function-reference.ts";
import type { Units } from "./calls.ts";

/** Whose concurrency it is; lending counts against the account's limits at once. */
export interface Lender {
  /** At most what is wanted, and what is left. */
  lend(owner: Owner, wanted: Units): Units;
  takeBack(owner: Owner, units: Units): void;
}

/** A data-plane process, as far as it borrows. */
export interface Borrower {
  /** What it has in hand and does not use; nothing when it is gone. */
  recall(owner: Owner): Promise<Units>;
}

const NONE: Units = { units: 0, invocations: 0 };
const keyOf = ({ account, region }: Owner): string => `${account}/${region}`;

/**
 * Which data-plane process has how many of an account's concurrency units. What one of them has in hand and does not use
 * is asked back before anybody is refused.
 */
export class UnitLedger {
  readonly #lender: Lender;
  /** Units lent, in use or not, by account. */
  readonly #lent = new Map<Borrower, Map<string, { readonly owner: Owner; units: number }>>();
  /** Per account, one after the other. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(lender: Lender) {
    this.#lender = lender;
  }

  /** The answer has no units, or no invocations, only where the account's limit is reached. */
  borrow(borrower: Borrower, owner: Owner, wanted: Units): Promise<Units> {
    return this.#inTurn(owner, async () => {
      let given = this.#lend(borrower, owner, wanted);
      if (isEnough(given, wanted)) return given;
      await this.#recall(owner, borrower);
      const missing = {
        units: given.units === 0 ? wanted.units : 0,
        invocations: given.invocations === 0 ? wanted.invocations : 0,
      };
      const more = this.#lend(borrower, owner, missing);
      given = { units: given.units + more.units, invocations: given.invocations + more.invocations };
      return given;
    });
  }

  giveBack(borrower: Borrower, owner: Owner, units: Units): void {
    const lent = this.#lent.get(borrower)?.get(keyOf(owner));
    if (lent === undefined) return;
    lent.units -= units.units;
    this.#lender.takeBack(owner, units);
  }

  /** Asks back what no process uses, for the main process's own invocations; undefined when nothing is lent. */
  recallAll(owner: Owner): Promise<void> | undefined {
    const key = keyOf(owner);
    const isLent = [...this.#lent.values()].some((accounts) => accounts.has(key));
    return isLent ? this.#inTurn(owner, () => this.#recall(owner)) : undefined;
  }

  /** The process has ended: what it had is the account's again. */
  ended(borrower: Borrower): void {
    for (const { owner, units } of this.#lent.get(borrower)?.values() ?? [])
      this.#lender.takeBack(owner, { units, invocations: 0 });
    this.#lent.delete(borrower);
  }

  #lend(borrower: Borrower, owner: Owner, wanted: Units): Units {
    const accounts = this.#lent.get(borrower) ?? new Map<string, { owner: Owner; units: number }>();
    this.#lent.set(borrower, accounts);
    const given = this.#lender.lend(owner, wanted);
    const key = keyOf(owner);
    const lent = accounts.get(key);
    if (lent === undefined) accounts.set(key, { owner, units: given.units });
    else lent.units += given.units;
    return given;
  }

  async #recall(owner: Owner, except?: Borrower): Promise<void> {
    const key = keyOf(owner);
    const others = [...this.#lent].filter(([borrower, accounts]) => borrower !== except && accounts.has(key));
    await Promise.all(
      others.map(async ([borrower]) => {
        const idle = await borrower.recall(owner).catch(() => NONE);
        // It may have ended meanwhile, and everything been taken back.
        if (this.#lent.has(borrower)) this.giveBack(borrower, owner, idle);
      }),
    );
  }

  #inTurn<T>(owner: Owner, run: () => Promise<T>): Promise<T> {
    const key = keyOf(owner);
    const turn = (this.#turns.get(key) ?? Promise.resolve()).then(run, run);
    const settled = turn.catch(() => undefined);
    this.#turns.set(key, settled);
    void settled.then(() => {
      if (this.#turns.get(key) === settled) this.#turns.delete(key);
    });
    return turn;
  }
}

const isEnough = (given: Units, wanted: Units): boolean =>
  (wanted.units === 0 || given.units > 0) && (wanted.invocations === 0 || given.invocations > 0);

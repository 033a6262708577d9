import type { FunctionConcurrency } from "../core/function-concurrency.ts";
import { FUNCTION_LIMITS } from "../core/function-limits.ts";
import type { Owner } from "../core/function-reference.ts";
import type { ConcurrencyLoad } from "../ports/function-metrics.ts";
import { RateLimit } from "./rate-limit.ts";

/** Why AWS refuses an invocation with 429: those of ThrottleReason that the invocation side decides. */
export type ThrottleReason =
  | "ConcurrentInvocationLimitExceeded"
  | "FunctionInvocationRateLimitExceeded"
  | "ReservedFunctionConcurrentInvocationLimitExceeded"
  | "ReservedFunctionInvocationRateLimitExceeded";

/** Concurrency units, and invocations of the rate. */
export interface LentUnits {
  readonly units: number;
  readonly invocations: number;
}

type FunctionName = Owner & { readonly functionName: string };

const { requestsPerSecondPerConcurrency, newEnvironmentsPerInterval, scalingIntervalSeconds } =
  FUNCTION_LIMITS;

/** What the functions of an account in a region share. */
class AccountShare {
  readonly functions = new Map<string, FunctionShare>();
  readonly rate: RateLimit;
  readonly #limit: number;
  /** Reserved by functions, and provisioned for functions that reserve nothing. */
  claimed = 0;
  /** Invocations that run on what is not claimed. */
  inFlight = 0;
  /** Of that, what data-plane processes have in hand, used or not. */
  lent = 0;
  /** Of that, what runs there of functions that reserve by now: it is theirs, and no longer the account's. */
  lentToReserved = 0;
  /** All invocations, and those of functions that reserve nothing. */
  running = 0;
  unreservedRunning = 0;

  constructor(limit: number) {
    this.#limit = limit;
    const perSecond = limit * requestsPerSecondPerConcurrency;
    this.rate = new RateLimit(perSecond, perSecond);
  }

  get isExhausted(): boolean {
    return this.left <= 0;
  }

  get left(): number {
    return this.#limit - this.claimed - this.inFlight - (this.lent - this.lentToReserved);
  }
}

/** What the versions of a function share. */
class FunctionShare {
  readonly name: FunctionName;
  readonly account: AccountShare;
  readonly rate = new RateLimit(0, 0);
  readonly newEnvironments: RateLimit;
  reserved: number | undefined;
  provisioned = 0;
  /** Invocations beyond what is provisioned for their version. */
  inFlight = 0;
  /** All its invocations. */
  running = 0;
  /** Of these, the ones that data-plane processes have admitted, before it reserved anything. */
  elsewhere = 0;
  /** Pools of this function. */
  users = 0;

  constructor(name: FunctionName, account: AccountShare, scalingShare: number) {
    this.name = name;
    this.account = account;
    const atOnce = newEnvironmentsPerInterval * scalingShare;
    this.newEnvironments = new RateLimit(atOnce / scalingIntervalSeconds, atOnce);
  }

  get isForgettable(): boolean {
    return this.users === 0 && this.running === 0 && this.reserved === undefined && this.provisioned === 0;
  }

  configure(reserved: number | undefined, provisioned: number): void {
    const { account } = this;
    account.claimed -= this.reserved ?? this.provisioned;
    if (this.reserved === undefined) {
      account.inFlight -= this.inFlight;
      account.unreservedRunning -= this.running;
    } else account.lentToReserved -= this.elsewhere;
    this.reserved = reserved;
    this.provisioned = provisioned;
    account.claimed += reserved ?? provisioned;
    if (reserved === undefined) {
      account.inFlight += this.inFlight;
      account.unreservedRunning += this.running;
    } else {
      account.lentToReserved += this.elsewhere;
      const perSecond = reserved * requestsPerSecondPerConcurrency;
      this.rate.change(perSecond, perSecond);
    }
  }
}

/**
 * Counts the invocations of one deployment of a function version against what is provisioned for it, reserved for its
 * function, and left in its account, in this order. Entering and leaving are a few additions: nothing is allocated.
 *
 * AWS: reserved concurrency is cap and guarantee over all versions; what is provisioned for one version is part of it
 * and out of reach for the others, so that $LATEST is throttled when all of it is provisioned.
 */
export class VersionAdmission implements ConcurrencyLoad {
  readonly share: FunctionShare;
  #provisioned = 0;
  #inFlight = 0;

  constructor(share: FunctionShare) {
    this.share = share;
  }

  /** Invocations that are this version's own, whatever else runs. */
  setProvisioned(provisioned: number): void {
    const { share } = this;
    const before = Math.max(0, this.#inFlight - this.#provisioned);
    const change = Math.max(0, this.#inFlight - provisioned) - before;
    this.#provisioned = provisioned;
    share.inFlight += change;
    if (share.reserved === undefined) share.account.inFlight += change;
  }

  /** Undefined when the invocation may run: `leave` is called when it is over. `nowMs`: monotonic. */
  enter(nowMs: number): ThrottleReason | undefined {
    const { share } = this;
    const { account, reserved } = share;
    const isShared = this.#inFlight >= this.#provisioned;
    if (reserved === undefined) {
      if (isShared && account.isExhausted) return "ConcurrentInvocationLimitExceeded";
      if (!account.rate.take(nowMs)) return "FunctionInvocationRateLimitExceeded";
    } else {
      if (isShared && share.inFlight + share.elsewhere >= reserved - share.provisioned) {
        return "ReservedFunctionConcurrentInvocationLimitExceeded";
      }
      if (!share.rate.take(nowMs)) return "ReservedFunctionInvocationRateLimitExceeded";
    }
    this.#inFlight++;
    this.#count(1);
    if (isShared) {
      share.inFlight++;
      if (reserved === undefined) account.inFlight++;
    }
    return undefined;
  }

  leave(): void {
    const { share } = this;
    const wasShared = this.#inFlight > this.#provisioned;
    this.#inFlight--;
    this.#count(-1);
    if (!wasShared) return;
    share.inFlight--;
    if (share.reserved === undefined) share.account.inFlight--;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get provisioned(): number {
    return this.#provisioned;
  }

  get functionInFlight(): number {
    return this.share.running;
  }

  get accountInFlight(): number {
    return this.share.account.running;
  }

  get unreservedInFlight(): number {
    return this.share.account.unreservedRunning;
  }

  /** An invocation that another process has admitted, with a unit that was lent to it, began or ended there. */
  noteElsewhere(change: 1 | -1): void {
    this.#inFlight += change;
    const { share } = this;
    share.elsewhere += change;
    if (share.reserved !== undefined) share.account.lentToReserved += change;
    this.#count(change);
  }

  #count(change: 1 | -1): void {
    const { share } = this;
    share.running += change;
    share.account.running += change;
    if (share.reserved === undefined) share.account.unreservedRunning += change;
  }

  /** False when the function has started as many environments as AWS allows. `nowMs`: monotonic. */
  mayStartEnvironment(nowMs: number): boolean {
    return this.share.newEnvironments.take(nowMs);
  }
}

/** Who may run now: the concurrency of accounts, functions and versions. */
export class Admission {
  readonly #accounts = new Map<string, AccountShare>();
  readonly #accountConcurrency: number;
  readonly #scalingShare: number;

  /** `scalingShare`: of the environments that a function may start, where several processes start them. */
  constructor(accountConcurrency: number, scalingShare = 1) {
    this.#accountConcurrency = accountConcurrency;
    this.#scalingShare = scalingShare;
  }

  /** Units of the account's concurrency and invocations of its rate, as far as there are any: they count as used. */
  lend(owner: Owner, wanted: LentUnits, nowMs: number): LentUnits {
    const account = this.#account(owner);
    const units = Math.max(0, Math.min(wanted.units, account.left));
    account.lent += units;
    return { units, invocations: account.rate.takeBlock(wanted.invocations, nowMs) };
  }

  takeBack(owner: Owner, { units, invocations }: LentUnits): void {
    const account = this.#account(owner);
    account.lent -= units;
    account.rate.putBack(invocations);
  }

  /** For the pool of one deployment, until it is released. */
  acquire(name: FunctionName): VersionAdmission {
    const share = this.#share(name);
    share.users++;
    return new VersionAdmission(share);
  }

  release({ share }: VersionAdmission): void {
    share.users--;
    this.#forget(share);
  }

  configure(concurrency: FunctionConcurrency): void {
    const share = this.#share(concurrency);
    const provisioned = concurrency.provisioned.reduce((total, { requested }) => total + requested, 0);
    share.configure(concurrency.reserved, provisioned);
    this.#forget(share);
  }

  #share(name: FunctionName): FunctionShare {
    const account = this.#account(name);
    let share = account.functions.get(name.functionName);
    if (share === undefined) {
      share = new FunctionShare(name, account, this.#scalingShare);
      account.functions.set(name.functionName, share);
    }
    return share;
  }

  #account({ account: id, region }: Owner): AccountShare {
    const owner = `${id}/${region}`;
    let account = this.#accounts.get(owner);
    if (account === undefined) {
      account = new AccountShare(this.#accountConcurrency);
      this.#accounts.set(owner, account);
    }
    return account;
  }

  #forget(share: FunctionShare): void {
    if (share.isForgettable) share.account.functions.delete(share.name.functionName);
  }
}

import { AwsError } from "../core/errors.ts";
import {
  type FunctionConcurrency,
  NOTHING_ALLOCATED,
  type ProvisionedAllocation,
  type ProvisionedAllocations,
} from "../core/function-concurrency.ts";
import type { Owner } from "../core/function-reference.ts";
import type { FunctionVersion } from "../core/function-version.ts";
import type { InvocationRequest, InvocationResult, Invoker, ResponseSink } from "../core/invocation.ts";
import type { EnvironmentFactory } from "../environments/environment-factory.ts";
import type { Clock } from "../ports/clock.ts";
import type { ConcurrencyLoad, FunctionMetrics } from "../ports/function-metrics.ts";
import type { PlatformMetrics } from "../ports/metrics.ts";
import { Admission, type LentUnits, type ThrottleReason } from "./admission.ts";
import { DeploymentPool, type PoolDependencies } from "./deployment-pool.ts";
import { EnvironmentCapacity } from "./environment-capacity.ts";
import { FairTurns } from "./fair-turns.ts";
import { IdleFreezer } from "./idle-freezer.ts";
import { KeepAlives } from "./keep-alive.ts";
import { NO_FUNCTION_METRICS } from "./pool-tallies.ts";
import { pacedSink, type ResponsePace } from "./response-pace.ts";

export interface DispatcherDependencies {
  readonly clock: Clock;
  readonly factory: EnvironmentFactory;
  readonly metrics: PlatformMetrics;
  /** Where the functions' owners see their invocations counted; nowhere unless given. */
  readonly functionMetrics?: FunctionMetrics | undefined;
  /** Told of every failure that is the platform's own fault. */
  readonly platformFailure: (error: unknown, context: object) => void;
  readonly limits: DispatcherLimits;
  /**
   * Asks back what was lent of an account's concurrency and is not used; undefined when nothing is lent. Left out where
   * nothing is ever lent.
   */
  readonly recall?: ((owner: Owner) => Promise<void> | undefined) | undefined;
}

export interface DispatcherLimits {
  /** AWS's account concurrency, 1,000 by default, per account and region. */
  readonly accountConcurrency: number;
  readonly maxEnvironments: number;
  readonly maxStarting: number;
  /** Idle environments of a function of which nothing is known yet are ended after this time. */
  readonly idleTimeoutMs: number;
  /** However long a function is usually idle, its idle environments are ended after this time. */
  readonly idleTimeoutMaxMs: number;
  /** Environments are replaced after this time, when they are idle. */
  readonly maxLifeMs: number;
  /** How long an invocation waits on a full machine. */
  readonly maxWaitMs: number;
  /** How fast streamed responses go to their callers; without it, as fast as these read. */
  readonly responsePace?: ResponsePace | undefined;
  /** Of the environments that a function may start in a time, where several processes start them; 1 when left out. */
  readonly scalingShare?: number | undefined;
}

const REAP_INTERVAL_MS = 5_000;
/** However seldom a function is invoked, its environments are kept for so long, unless the operator wants less. */
const IDLE_TIMEOUT_MIN_MS = 30_000;

/** Admits invocations and brings each to an execution environment of its function version. */
export class InvocationDispatcher implements Invoker, ProvisionedAllocations {
  readonly #dependencies: DispatcherDependencies;
  readonly #pools = new Map<string, DeploymentPool>();
  readonly #admission: Admission;
  readonly #poolDependencies: PoolDependencies;
  readonly #freezer: IdleFreezer;
  readonly #turns: FairTurns;
  readonly #keepAlives: KeepAlives;
  #inFlightTotal = 0;
  #closing = false;
  #drained: (() => void) | undefined;
  #cancelReaping: (() => void) | undefined;
  #pumpScheduled = false;
  #evicting = 0;

  constructor(dependencies: DispatcherDependencies) {
    this.#dependencies = dependencies;
    const { clock, factory, limits, metrics } = dependencies;
    this.#admission = new Admission(limits.accountConcurrency, limits.scalingShare);
    const capacity = new EnvironmentCapacity(limits);
    this.#freezer = new IdleFreezer(clock);
    this.#turns = new FairTurns(clock, () => !capacity.isStartingTooMany);
    this.#keepAlives = new KeepAlives({
      minMs: Math.min(IDLE_TIMEOUT_MIN_MS, limits.idleTimeoutMs),
      defaultMs: limits.idleTimeoutMs,
      maxMs: Math.max(limits.idleTimeoutMs, limits.idleTimeoutMaxMs),
    });
    this.#poolDependencies = {
      clock,
      factory,
      capacity,
      turns: this.#turns,
      functionMetrics: dependencies.functionMetrics ?? NO_FUNCTION_METRICS,
      maxWaitMs: limits.maxWaitMs,
      maxLifeMs: limits.maxLifeMs,
      makeRoom: (asking) => this.#makeRoom(asking),
      idled: (pool) => this.#freezer.idled(pool),
      capacityChanged: () => this.#capacityChanged(),
      coldStart: (runtime, durationMs) => metrics.coldStart({ runtime, durationMs }),
      throttle: () => throttled("ConcurrentInvocationLimitExceeded"),
      platformFailure: (error, version) => {
        dependencies.platformFailure(error, { functionName: version.functionName, version: version.version });
        return new AwsError("ServiceException", "The execution environment could not be started.", 500);
      },
    };
  }

  /** Rejects with AWS's 429 and its reason when the invocation is not admitted, with 503 while shutting down. */
  invoke(request: InvocationRequest): Promise<InvocationResult> {
    return this.#invoke(request, this.#dependencies.recall);
  }

  #invoke(request: InvocationRequest, recall: DispatcherDependencies["recall"]): Promise<InvocationResult> {
    const { version } = request;
    const { metrics, clock } = this.#dependencies;
    if (this.#closing) return Promise.reject(shuttingDown());
    const startedMs = clock.monotonicMs();
    const pool = this.#pool(version);
    const tally = pool.tallies.of(request.invokedFunctionArn);
    const refused = pool.admission.enter(startedMs);
    if (refused !== undefined) {
      const recalled = isOfAccount(refused) ? recall?.(version) : undefined;
      if (recalled !== undefined) return recalled.then(() => this.#invoke(request, undefined));
      tally.refused();
      metrics.invocation({ functionName: version.functionName, durationMs: 0, outcome: "throttled" });
      return Promise.reject(throttled(refused));
    }
    tally.began();
    this.#inFlightTotal++;
    return new Promise<InvocationResult>((resolve, reject) => {
      const finish = (outcome: "ok" | "error" | "throttled"): void => {
        pool.admission.leave();
        this.#inFlightTotal--;
        metrics.invocation({
          functionName: version.functionName,
          durationMs: clock.monotonicMs() - startedMs,
          outcome,
        });
        if (this.#inFlightTotal === 0) this.#drained?.();
      };
      pool.invoke(
        request,
        (result) => {
          const failed = result.functionError !== undefined;
          tally.ended(startedMs, result.durationMs ?? 0, failed);
          finish(failed ? "error" : "ok");
          resolve(result);
        },
        (error) => {
          const isThrottled = error.name === "TooManyRequestsException";
          tally.dropped(isThrottled);
          finish(isThrottled ? "throttled" : "error");
          reject(error);
        },
      );
    });
  }

  invokeStreaming(request: InvocationRequest, sink: ResponseSink): Promise<InvocationResult> {
    const { clock, limits } = this.#dependencies;
    const { responsePace } = limits;
    const responseSink = responsePace === undefined ? sink : pacedSink(sink, responsePace, clock);
    return this.invoke({ ...request, responseSink });
  }

  /** A deployment was replaced or deleted: its environments take no new event and end when they are free. */
  retire(deploymentId: string): void {
    for (const [key, pool] of this.#pools) {
      if (!key.startsWith(`${deploymentId}/`)) continue;
      pool.retire();
      this.#dropIfEmpty(key, pool);
    }
  }

  /**
   * Brings environments to the runtime they are to have: those of one function version whose setting was changed, or
   * all of them when the machine's runtimes have changed.
   */
  renewRuntimes(changed?: FunctionVersion): void {
    if (changed !== undefined) this.#pools.get(keyOf(changed))?.renewRuntime(changed);
    else for (const pool of this.#pools.values()) pool.renewRuntime(pool.version);
  }

  /** What is reserved and provisioned for a function from now on. */
  configure(concurrency: FunctionConcurrency): void {
    if (this.#closing) return;
    this.#admission.configure(concurrency);
    const provided = new Set<DeploymentPool>();
    for (const { version, requested, lastModifiedMs } of concurrency.provisioned) {
      const pool = this.#pool(version);
      provided.add(pool);
      pool.provide(requested, lastModifiedMs);
    }
    for (const [key, pool] of this.#pools) {
      if (pool.provisionedRequested === 0 || provided.has(pool)) continue;
      if (!isSameFunction(pool.version, concurrency)) continue;
      pool.provide(0, 0);
      this.#dropIfEmpty(key, pool);
    }
  }

  provisionedAllocation(version: FunctionVersion): ProvisionedAllocation {
    return this.#pools.get(keyOf(version))?.provisionedAllocation ?? NOTHING_ALLOCATED;
  }

  /** Units and rate of an account for a process that admits invocations itself; see `Admission.lend`. */
  lend(owner: Owner, wanted: LentUnits): LentUnits {
    return this.#admission.lend(owner, wanted, this.#dependencies.clock.monotonicMs());
  }

  takeBack(owner: Owner, units: LentUnits): void {
    this.#admission.takeBack(owner, units);
  }

  /** The load of a function version in another process, as far as that tells. */
  elsewhere(name: Owner & { readonly functionName: string }): {
    readonly load: ConcurrencyLoad;
    change(by: 1 | -1): void;
    release(): void;
  } {
    const load = this.#admission.acquire(name);
    return {
      load,
      change: (by) => load.noteElsewhere(by),
      release: () => this.#admission.release(load),
    };
  }

  /** Environments alive, per runtime. */
  environmentCounts(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const pool of this.#pools.values()) {
      const { runtime } = pool.version;
      counts.set(runtime, (counts.get(runtime) ?? 0) + pool.environmentCount);
    }
    return counts;
  }

  /** Refuses new invocations, lets running ones finish for at most `drainMs`, then ends every environment. */
  async close(drainMs: number): Promise<void> {
    this.#closing = true;
    this.#cancelReaping?.();
    this.#freezer.close();
    if (this.#inFlightTotal > 0) {
      await new Promise<void>((resolve) => {
        const cancel = this.#dependencies.clock.after(drainMs, resolve);
        this.#drained = () => {
          cancel();
          resolve();
        };
      });
    }
    await Promise.all([...this.#pools.values()].map((pool) => pool.endAll(shuttingDown)));
  }

  #pool(version: FunctionVersion): DeploymentPool {
    const key = keyOf(version);
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      const parts = { admission: this.#admission.acquire(version), keepAlive: this.#keepAlives.of(version) };
      pool = new DeploymentPool(version, parts, this.#poolDependencies);
      this.#pools.set(key, pool);
      this.#keepReaping();
    }
    return pool;
  }

  #dropIfEmpty(key: string, pool: DeploymentPool): void {
    if (!pool.isEmpty) return;
    this.#pools.delete(key);
    this.#turns.leave(pool);
    this.#admission.release(pool.admission);
  }

  /** Ends the idle on-demand environment that was used least recently, of another deployment than the one asking. */
  #makeRoom(asking?: DeploymentPool): boolean {
    let oldest: DeploymentPool | undefined;
    let oldestSinceMs = Number.POSITIVE_INFINITY;
    for (const pool of this.#pools.values()) {
      const sinceMs = pool === asking ? undefined : pool.longestIdleSinceMs;
      if (sinceMs !== undefined && sinceMs < oldestSinceMs) {
        oldest = pool;
        oldestSinceMs = sinceMs;
      }
    }
    if (oldest !== undefined && this.#evicting < this.#dependencies.limits.maxStarting) {
      this.#evicting++;
      void oldest.evictOne().finally(() => {
        this.#evicting--;
      });
    }
    // The room is there when the evicted environment is gone; `capacityChanged` tells.
    return false;
  }

  #capacityChanged(): void {
    if (this.#pumpScheduled || this.#closing) return;
    this.#pumpScheduled = true;
    queueMicrotask(() => {
      this.#pumpScheduled = false;
      this.#turns.handOut();
      for (const [key, pool] of this.#pools) {
        if (pool.wantsRoom) pool.pump();
        else this.#dropIfEmpty(key, pool);
      }
    });
  }

  #keepReaping(): void {
    this.#cancelReaping ??= this.#dependencies.clock.after(REAP_INTERVAL_MS, () => {
      this.#cancelReaping = undefined;
      for (const [key, pool] of this.#pools) {
        pool.endIdle();
        this.#dropIfEmpty(key, pool);
      }
      if (this.#pools.size > 0) this.#keepReaping();
    });
  }
}

const keyOf = ({ deploymentId, version }: FunctionVersion): string => `${deploymentId}/${version}`;

const isSameFunction = (a: FunctionVersion, b: FunctionConcurrency): boolean =>
  a.functionName === b.functionName && a.region === b.region && a.account === b.account;

/** Whether the account's limit is what has been reached. */
const isOfAccount = (reason: ThrottleReason): boolean =>
  reason === "ConcurrentInvocationLimitExceeded" || reason === "FunctionInvocationRateLimitExceeded";

/** AWS's 429; the model has `retryAfterSeconds` as the header Retry-After, in whole seconds. */
export function throttled(reason: ThrottleReason): AwsError {
  return new AwsError("TooManyRequestsException", "Rate Exceeded.", 429, {
    Reason: reason,
    retryAfterSeconds: "1",
  });
}

function shuttingDown(): AwsError {
  return new AwsError("ServiceException", "Lambent is shutting down.", 503);
}

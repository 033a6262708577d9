import type { AwsError } from "../core/errors.ts";
import { NOTHING_ALLOCATED, type ProvisionedAllocation } from "../core/function-concurrency.ts";
import { timedOut } from "../core/function-error.ts";
import type { FunctionVersion } from "../core/function-version.ts";
import type { InvocationRequest, InvocationResult } from "../core/invocation.ts";
import type { EnvironmentFactory, MadeEnvironment } from "../environments/environment-factory.ts";
import type { ExecutionEnvironment, InitOutcome } from "../environments/execution-environment.ts";
import type { Clock } from "../ports/clock.ts";
import type { VersionAdmission } from "./admission.ts";
import type { EnvironmentCapacity } from "./environment-capacity.ts";
import { announceInit } from "./init-announcement.ts";
import { ProvisionedEnvironments } from "./provisioned-environments.ts";
import { StartDecision } from "./start-decision.ts";

/** AWS: the Init phase is limited to ten seconds; it is then repeated inside the first invocation. */
const INIT_LIMIT_MS = 10_000;

export interface WaitingInvocation {
  readonly request: InvocationRequest;
  readonly resolve: (result: InvocationResult) => void;
  readonly reject: (error: Error) => void;
  /** Monotonic. */
  readonly sinceMs: number;
  cancelWait: (() => void) | undefined;
}

export interface PoolDependencies {
  readonly clock: Clock;
  readonly factory: EnvironmentFactory;
  readonly capacity: EnvironmentCapacity;
  /** Called when the machine is full: asks for room by ending an idle environment, not one of `pool`. */
  readonly makeRoom: (pool?: DeploymentPool) => boolean;
  /** Called when an environment of the pool has nothing to do, and is to be frozen soon. */
  readonly idled: (pool: DeploymentPool) => void;
  /** Called when capacity may have become free for others. */
  readonly capacityChanged: () => void;
  readonly platformFailure: (error: unknown, version: FunctionVersion) => AwsError;
  readonly coldStart: (runtime: string, durationMs: number) => void;
  /** How long an invocation waits for an environment on a full machine before it is throttled. */
  readonly maxWaitMs: number;
  readonly throttle: () => AwsError;
}

/**
 * The execution environments of one deployment of a function version. An invocation takes the environment that was
 * used last; without an idle one it waits here, and one more environment is started where that is expected to be sooner
 * than waiting for a busy one (`StartDecision`). Whichever comes first, a freed or a new environment, takes the invocation that waits longest.
 */
export class DeploymentPool {
  version: FunctionVersion;
  readonly admission: VersionAdmission;
  readonly #dependencies: PoolDependencies;
  readonly #all = new Map<ExecutionEnvironment, MadeEnvironment>();
  readonly #idle: ExecutionEnvironment[] = [];
  readonly #waiting: WaitingInvocation[] = [];
  /** Their runtime is not the one that the function is to run on any more. */
  readonly #outdated = new WeakSet<ExecutionEnvironment>();
  #provisioned: ProvisionedEnvironments | undefined;
  readonly #decision = new StartDecision();
  #starting = 0;
  /** Environments that have not ended, whatever of the ended ones still has to be cleared away. */
  #alive = 0;
  #cancelSecondLook: (() => void) | undefined;
  #retired = false;

  constructor(version: FunctionVersion, admission: VersionAdmission, dependencies: PoolDependencies) {
    this.version = version;
    this.admission = admission;
    this.#dependencies = dependencies;
  }

  get environmentCount(): number {
    return this.#all.size + this.provisionedAllocation.available;
  }

  /** An invocation waits, or a provisioned environment is missing. */
  get wantsRoom(): boolean {
    return this.#waiting.length > 0 || this.#provisioned?.isIncomplete === true;
  }

  get isEmpty(): boolean {
    return this.environmentCount === 0 && this.#waiting.length === 0 && this.provisionedRequested === 0;
  }

  get provisionedRequested(): number {
    return this.#provisioned?.requested ?? 0;
  }

  get provisionedAllocation(): ProvisionedAllocation {
    return this.#provisioned?.allocation ?? NOTHING_ALLOCATED;
  }

  /** Keeps so many environments initialised; see `ProvisionedEnvironments.provide`. */
  provide(requested: number, lastModifiedMs: number): void {
    this.admission.setProvisioned(requested);
    if (this.#provisioned === undefined && requested === 0) return;
    this.#provisioned ??= new ProvisionedEnvironments(this.version, {
      ...this.#dependencies,
      makeRoom: () => this.#dependencies.makeRoom(),
      idled: () => this.#dependencies.idled(this),
      offer: (environment) => this.#offer(environment),
    });
    this.#provisioned.provide(requested, lastModifiedMs);
  }

  /** Monotonic time since when the longest-idle on-demand environment has been idle; undefined when none is idle. */
  get longestIdleSinceMs(): number | undefined {
    return this.#idle[0]?.idleSinceMs;
  }

  /** The warm path: no store, no promise beyond the caller's, no wait when an environment is idle. */
  invoke(
    request: InvocationRequest,
    resolve: (result: InvocationResult) => void,
    reject: (error: Error) => void,
  ): void {
    const environment = this.#takeIdle();
    if (environment !== undefined) {
      environment.invoke(request, resolve);
      return;
    }
    const sinceMs = this.#dependencies.clock.monotonicMs();
    this.#waiting.push({ request, resolve, reject, sinceMs, cancelWait: undefined });
    this.pump();
  }

  /** Hands waiting invocations to idle environments and starts what is still missing, as far as there is room. */
  pump(): void {
    this.#provisioned?.pump();
    while (this.#waiting.length > 0) {
      const environment = this.#takeIdle();
      if (environment === undefined) break;
      this.#offer(environment);
    }
    const { capacity, clock, makeRoom, throttle } = this.#dependencies;
    while (!capacity.isStartingTooMany && this.#isStartNeeded()) {
      if (capacity.isFull && !makeRoom(this)) {
        if (this.environmentCount === 0) this.#limitWaits();
        return;
      }
      if (this.admission.mayStartEnvironment(clock.monotonicMs())) this.#start();
      else this.#takeWaiting("newest")?.reject(throttle());
    }
  }

  /** Whether one more environment should be started; where waiting is better, this is looked at again in time. */
  #isStartNeeded(): boolean {
    const waiting = this.#waiting.length - this.#starting;
    const longest = this.#waiting[0];
    if (waiting <= 0 || longest === undefined) return false;
    const longestWaitMs = this.#dependencies.clock.monotonicMs() - longest.sinceMs;
    const onDemand = this.#alive - this.#idle.length - this.#starting;
    const busy = Math.max(0, onDemand) + this.provisionedAllocation.available;
    if (this.#decision.isWorthStarting({ waiting, busy, longestWaitMs })) return true;
    this.#cancelSecondLook ??= this.#dependencies.clock.after(
      this.#decision.patienceMs - longestWaitMs,
      () => {
        this.#cancelSecondLook = undefined;
        this.pump();
      },
    );
    return false;
  }

  /** Freezes what has been idle since before the instant (monotonic); false when some of the idle still run. */
  freezeIdle(idleBeforeMs: number): boolean {
    let allFrozen = true;
    const freeze = (environment: ExecutionEnvironment): void => {
      if (environment.idleSinceMs > idleBeforeMs || !environment.freeze()) allFrozen = false;
    };
    for (const environment of this.#idle) freeze(environment);
    this.#provisioned?.forEachIdle(freeze);
    return allFrozen;
  }

  /** Runs `version` from now on: environments on another runtime take no further event and end when they are free. */
  renewRuntime(version: FunctionVersion): void {
    this.version = version;
    for (const [environment, { runtime }] of this.#all) {
      if (this.#dependencies.factory.isCurrent(runtime, version)) continue;
      this.#outdated.add(environment);
      const at = this.#idle.indexOf(environment);
      if (at < 0) continue;
      this.#idle.splice(at, 1);
      void environment.end();
    }
    this.#provisioned?.renewRuntime(version);
  }

  /** No new invocation comes: idle environments end now, busy ones after their invocation. */
  retire(): void {
    this.#retired = true;
    this.provide(0, 0);
    if (this.#waiting.length === 0) this.endIdle(Number.POSITIVE_INFINITY);
  }

  /** Ends environments idle since before the instant (monotonic); returns how many. */
  endIdle(idleBeforeMs: number): number {
    let count = 0;
    while (this.#idle[0] !== undefined && this.#idle[0].idleSinceMs < idleBeforeMs) {
      void this.#idle.shift()?.end();
      count++;
    }
    return count;
  }

  /** Ends the environment that has been idle longest, to make room. */
  async evictOne(): Promise<void> {
    await this.#idle.shift()?.end();
  }

  /** Ends everything; what waits or runs fails. */
  async endAll(refusal: () => Error): Promise<void> {
    this.#retired = true;
    this.#cancelSecondLook?.();
    for (let waiting = this.#takeWaiting(); waiting !== undefined; waiting = this.#takeWaiting()) {
      waiting.reject(refusal());
    }
    const onDemand = [...this.#all.keys()].map((environment) => environment.end());
    await Promise.all([...onDemand, this.#provisioned?.endAll()]);
  }

  #start(): void {
    const { factory, platformFailure } = this.#dependencies;
    this.#starting++;
    try {
      const made = this.#track(factory.make(this.version));
      announceInit(made, this.version);
      void made.environment
        .start(INIT_LIMIT_MS, (requestId) => timedOut(requestId, INIT_LIMIT_MS / 1000))
        .then(
          (outcome) => this.#started(made, outcome),
          (error: unknown) => this.#couldNotStart(made, error),
        );
    } catch (error) {
      this.#starting--;
      this.#takeWaiting()?.reject(platformFailure(error, this.version));
    }
  }

  #started(made: MadeEnvironment, outcome: InitOutcome): void {
    this.#starting--;
    this.#dependencies.capacity.initialized();
    if (outcome.status === "success") {
      this.#dependencies.coldStart(this.version.runtime, outcome.durationMs);
      this.#decision.startTook(outcome.durationMs);
      this.#ready(made.environment);
    } else {
      this.#initFailed(made, outcome);
    }
    this.#dependencies.capacityChanged();
  }

  #couldNotStart(made: MadeEnvironment, error: unknown): void {
    this.#starting--;
    this.#dependencies.capacity.initialized();
    void made.environment.end();
    this.#takeWaiting()?.reject(this.#dependencies.platformFailure(error, this.version));
    this.#dependencies.capacityChanged();
    this.pump();
  }

  #ready(environment: ExecutionEnvironment): void {
    environment.limitCpu();
    this.#becameIdle(environment);
  }

  #becameIdle(environment: ExecutionEnvironment): void {
    if (environment.state !== "idle") return;
    if (this.#outdated.has(environment)) {
      void environment.end();
      return;
    }
    if (environment.lastInvocationMs !== undefined)
      this.#decision.invocationTook(environment.lastInvocationMs);
    if (this.#offer(environment)) return;
    if (this.#retired) void environment.end();
    else {
      this.#idle.push(environment);
      this.#dependencies.idled(this);
    }
  }

  #initFailed(made: MadeEnvironment, outcome: Exclude<InitOutcome, { status: "success" }>): void {
    made.log.initReport({
      phase: "init",
      status: outcome.status,
      durationMs: outcome.durationMs,
      errorType: outcome.status === "timeout" ? undefined : outcome.failure("").errorType,
    });
    void made.environment.end();
    const waiting = this.#takeWaiting();
    if (waiting === undefined) return;
    this.#initInsideInvocation(made, waiting).catch((error: unknown) =>
      waiting.reject(this.#dependencies.platformFailure(error, this.version)),
    );
  }

  /** AWS: a failed Init phase is repeated inside the first invocation, under the function's own timeout. */
  async #initInsideInvocation(previous: MadeEnvironment, waiting: WaitingInvocation): Promise<void> {
    const { clock, factory, platformFailure, capacity } = this.#dependencies;
    const { request, resolve, reject } = waiting;
    const startedMs = clock.monotonicMs();
    const made = this.#track(factory.make(this.version, previous));
    made.log.start(request.requestId, request.version.version, request.wantsLogTail);
    announceInit(made, this.version);
    const timeoutMs = request.version.timeoutSeconds * 1000;
    try {
      const outcome = await made.environment.start(timeoutMs, (requestId) =>
        timedOut(requestId, request.version.timeoutSeconds),
      );
      if (outcome.status === "success") {
        made.environment.limitCpu();
        made.environment.invoke(request, resolve, startedMs);
      } else {
        const failure = outcome.failure(request.requestId);
        const errorType = outcome.status === "timeout" ? undefined : failure.errorType;
        made.log.initReport({
          phase: "invoke",
          status: outcome.status,
          durationMs: outcome.durationMs,
          errorType,
        });
        made.environment.failInvocation(request, resolve, { startedMs, status: outcome.status, failure });
        void made.environment.end();
      }
    } catch (error) {
      void made.environment.end();
      reject(platformFailure(error, this.version));
    } finally {
      capacity.initialized();
      this.#dependencies.capacityChanged();
    }
  }

  #track(made: MadeEnvironment): MadeEnvironment {
    const { environment } = made;
    this.#dependencies.capacity.started();
    this.#alive++;
    this.#all.set(environment, made);
    environment.onIdle = (idle) => this.#becameIdle(idle);
    environment.onEnded = (ended) => {
      this.#alive--;
      const at = this.#idle.indexOf(ended);
      if (at >= 0) this.#idle.splice(at, 1);
      // Its place is free only when its processes and memory are.
      void ended.end().finally(() => {
        this.#all.delete(ended);
        this.#dependencies.capacity.ended();
        this.#dependencies.capacityChanged();
      });
    };
    return made;
  }

  /** Provisioned environments come first: on-demand ones take what spills over. */
  #takeIdle(): ExecutionEnvironment | undefined {
    return this.#provisioned?.take() ?? this.#idle.pop();
  }

  /** Gives an idle environment the invocation that waits longest; false when none waits. */
  #offer(environment: ExecutionEnvironment): boolean {
    const waiting = this.#takeWaiting();
    if (waiting !== undefined) environment.invoke(waiting.request, waiting.resolve);
    return waiting !== undefined;
  }

  #takeWaiting(which: "longest" | "newest" = "longest"): WaitingInvocation | undefined {
    const waiting = which === "longest" ? this.#waiting.shift() : this.#waiting.pop();
    waiting?.cancelWait?.();
    return waiting;
  }

  /** The machine is full and nothing of this function runs here that could free up: waiting has an end. */
  #limitWaits(): void {
    const { clock, maxWaitMs, throttle } = this.#dependencies;
    for (const waiting of this.#waiting) {
      waiting.cancelWait ??= clock.after(maxWaitMs, () => {
        const at = this.#waiting.indexOf(waiting);
        if (at < 0) return;
        this.#waiting.splice(at, 1);
        waiting.reject(throttle());
      });
    }
  }
}

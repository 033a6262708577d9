import type { AwsError } from "../core/errors.ts";
import { NOTHING_ALLOCATED, type ProvisionedAllocation } from "../core/function-concurrency.ts";
import { timedOut } from "../core/function-error.ts";
import type { FunctionVersion } from "../core/function-version.ts";
import type { InvocationRequest, InvocationResult } from "../core/invocation.ts";
import type { EnvironmentFactory, MadeEnvironment } from "../environments/environment-factory.ts";
import type { ExecutionEnvironment } from "../environments/execution-environment.ts";
import type { InitOutcome } from "../environments/initialization.ts";
import type { Clock } from "../ports/clock.ts";
import type { FunctionMetrics } from "../ports/function-metrics.ts";
import type { VersionAdmission } from "./admission.ts";
import type { EnvironmentCapacity } from "./environment-capacity.ts";
import { EnvironmentPlaces } from "./environment-places.ts";
import type { FairTurns, TakesTurns } from "./fair-turns.ts";
import { announceInit } from "./init-announcement.ts";
import type { KeepAlive } from "./keep-alive.ts";
import { PoolTallies } from "./pool-tallies.ts";
import { ProvisionedEnvironments } from "./provisioned-environments.ts";
import { StartDecision } from "./start-decision.ts";
import { type WaitingInvocation, WaitingInvocations } from "./waiting-invocations.ts";

/** AWS: the Init phase is limited to ten seconds; it is then repeated inside the first invocation. */
const INIT_LIMIT_MS = 10_000;

export interface PoolDependencies {
  readonly clock: Clock;
  readonly factory: EnvironmentFactory;
  readonly capacity: EnvironmentCapacity;
  readonly turns: FairTurns;
  readonly functionMetrics: FunctionMetrics;
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
  /** An environment is replaced after this time, when it is idle. */
  readonly maxLifeMs: number;
}

/**
 * The execution environments of one deployment of a function version. An invocation takes the environment that was
 * used last; without an idle one it waits here, and one more environment is started where that is expected to be sooner
 * than waiting for a busy one (`StartDecision`). Whichever comes first, a freed or a new environment, takes the invocation that waits longest.
 */
export class DeploymentPool implements TakesTurns {
  version: FunctionVersion;
  readonly admission: VersionAdmission;
  readonly tallies: PoolTallies;
  readonly #dependencies: PoolDependencies;
  readonly #places: EnvironmentPlaces;
  readonly #waiting: WaitingInvocations;
  readonly #keepAlive: KeepAlive;
  #provisioned: ProvisionedEnvironments | undefined;
  readonly #decision = new StartDecision();
  #starting = 0;
  #cancelSecondLook: (() => void) | undefined;
  #retired = false;

  constructor(
    version: FunctionVersion,
    parts: { readonly admission: VersionAdmission; readonly keepAlive: KeepAlive },
    dependencies: PoolDependencies,
  ) {
    this.version = version;
    this.admission = parts.admission;
    this.tallies = new PoolTallies(dependencies.functionMetrics, version, parts.admission);
    this.#keepAlive = parts.keepAlive;
    this.#dependencies = dependencies;
    this.#waiting = new WaitingInvocations(dependencies);
    this.#places = new EnvironmentPlaces({ ...dependencies, keepAlive: parts.keepAlive });
  }

  /** Places on the machine that it holds, those of reset environments included. */
  get environmentCount(): number {
    return this.#places.count + this.provisionedAllocation.available;
  }

  get missingEnvironments(): number {
    return Math.max(0, this.#waiting.count - this.#starting);
  }

  /** An invocation waits, or a provisioned environment is missing. */
  get wantsRoom(): boolean {
    return this.#waiting.count > 0 || this.#provisioned?.isIncomplete === true;
  }

  get isEmpty(): boolean {
    return this.environmentCount === 0 && this.#waiting.count === 0 && this.provisionedRequested === 0;
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
    return this.#places.longestIdleSinceMs;
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
    this.#waiting.push({ request, resolve, reject, sinceMs });
    this.pump();
  }

  /** Hands waiting invocations to idle environments and starts what is still missing, as far as there is room. */
  pump(): void {
    this.#provisioned?.pump();
    while (this.#waiting.count > 0) {
      const environment = this.#takeIdle();
      if (environment === undefined) break;
      this.#offer(environment);
    }
    const { turns } = this.#dependencies;
    if (turns.isContended(this)) {
      // What is free belongs to whoever's turn it is.
      turns.wait(this);
      turns.handOut();
    } else while (this.startOne());
  }

  startOne(): boolean {
    const { capacity, clock, makeRoom, throttle, turns } = this.#dependencies;
    if (!this.#isStartNeeded()) {
      turns.leave(this);
      return false;
    }
    turns.wait(this);
    if (capacity.isStartingTooMany) return false;
    const reset = this.#places.takeReset();
    if (reset !== undefined) this.#initInsideInvocation(reset);
    else if (capacity.isFull && !makeRoom(this)) {
      this.#waiting.limit(() => (capacity.isFull ? this.#starting : Number.POSITIVE_INFINITY));
      return false;
    } else if (this.admission.mayStartEnvironment(clock.monotonicMs())) this.#start();
    else {
      this.#waiting.takeNewest()?.reject(throttle());
      return true;
    }
    turns.started(this);
    return true;
  }

  /** Whether one more environment should be started; where waiting is better, this is looked at again in time. */
  #isStartNeeded(): boolean {
    const waiting = this.missingEnvironments;
    const longestSinceMs = this.#waiting.longestSinceMs;
    if (waiting === 0 || longestSinceMs === undefined) return false;
    const longestWaitMs = this.#dependencies.clock.monotonicMs() - longestSinceMs;
    const onDemand = this.#places.busyCount - this.#starting;
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
    for (const environment of this.#places.idle) freeze(environment);
    this.#provisioned?.forEachIdle(freeze);
    return allFrozen;
  }

  /** Runs `version` from now on: environments on another runtime take no further event and end when they are free. */
  renewRuntime(version: FunctionVersion): void {
    this.version = version;
    this.#places.endOutdated(({ runtime }) => this.#dependencies.factory.isCurrent(runtime, version));
    this.#provisioned?.renewRuntime(version);
  }

  /** No new invocation comes: idle environments end now, busy ones after their invocation. */
  retire(): void {
    this.#retired = true;
    this.provide(0, 0);
    this.#finishRetiring();
  }

  /** What still waits may need the place of an environment that fails; after that nothing is kept any more. */
  #finishRetiring(): void {
    if (!this.#retired || this.#waiting.count > 0) return;
    this.#places.close();
    void this.#places.endIdleBefore(Number.POSITIVE_INFINITY);
  }

  /** Ends what has been idle for longer than it is worth keeping, and idle environments that are too old. */
  endIdle(): void {
    this.#places.endIdle();
    this.#provisioned?.recycle();
  }

  /** Ends the environment that has been idle longest, to make room. */
  evictOne(): Promise<void> {
    return this.#places.evictOne();
  }

  /** Ends everything; what waits or runs fails. */
  async endAll(refusal: () => Error): Promise<void> {
    this.#retired = true;
    this.#cancelSecondLook?.();
    this.#waiting.rejectAll(refusal);
    await Promise.all([this.#places.endAll(), this.#provisioned?.endAll()]);
  }

  #start(): void {
    const { factory, platformFailure, clock } = this.#dependencies;
    this.#starting++;
    this.#keepAlive.started(clock.monotonicMs());
    try {
      const made = this.#track(factory.make(this.version), "new");
      announceInit(made, this.version);
      void made.environment
        .start(INIT_LIMIT_MS, (requestId) => timedOut(requestId, INIT_LIMIT_MS / 1000))
        .then(
          (outcome) => this.#started(made, outcome),
          (error: unknown) => this.#couldNotStart(made, error),
        );
    } catch (error) {
      this.#starting--;
      this.#waiting.takeLongest()?.reject(platformFailure(error, this.version));
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
      this.#initFailed(made);
    }
    this.#dependencies.capacityChanged();
  }

  #couldNotStart(made: MadeEnvironment, error: unknown): void {
    this.#starting--;
    this.#dependencies.capacity.initialized();
    void this.#places.discard(made.environment);
    this.#waiting.takeLongest()?.reject(this.#dependencies.platformFailure(error, this.version));
    this.#dependencies.capacityChanged();
    this.pump();
  }

  #ready(environment: ExecutionEnvironment): void {
    this.#becameIdle(environment);
    // In the same turn, and after the event that waits for it has gone out.
    if (environment.state !== "ended") environment.limitCpu();
  }

  #becameIdle(environment: ExecutionEnvironment): void {
    if (environment.state !== "idle") return;
    if (environment.lastInvocationMs !== undefined)
      this.#decision.invocationTook(environment.lastInvocationMs);
    const { turns, capacity } = this.#dependencies;
    if (capacity.isFull && turns.owes(this, this.#waiting.count > 0)) {
      void this.#places.discard(environment).finally(turns.yields());
      return;
    }
    if (this.#places.isToEnd(environment)) {
      void this.#places.discard(environment);
      this.pump();
      return;
    }
    if (this.#offer(environment)) return;
    if (this.#retired) {
      void this.#places.discard(environment);
      this.#finishRetiring();
    } else {
      this.#places.pushIdle(environment);
      this.#dependencies.idled(this);
    }
  }

  #initFailed(made: MadeEnvironment): void {
    void made.environment.end();
    if (this.#waiting.count === 0) {
      this.#finishRetiring();
      return;
    }
    const reset = this.#places.takeReset(made);
    if (reset !== undefined) this.#initInsideInvocation(reset);
  }

  /**
   * AWS: an environment that was reset initialises again inside the next invocation that it gets, under the function's
   * own timeout; likewise one whose Init phase has failed, inside its first.
   */
  #initInsideInvocation(previous: MadeEnvironment): void {
    const { factory, platformFailure } = this.#dependencies;
    const waiting = this.#waiting.takeLongest();
    if (waiting === undefined) return;
    try {
      const made = this.#track(factory.make(this.version, previous), "kept");
      void this.#startInside(made, waiting, previous);
    } catch (error) {
      void this.#places.giveUp(previous);
      waiting.reject(platformFailure(error, this.version));
    }
  }

  async #startInside(
    made: MadeEnvironment,
    { request, resolve, reject }: WaitingInvocation,
    previous: MadeEnvironment,
  ): Promise<void> {
    const { platformFailure, capacity } = this.#dependencies;
    // The Shutdown phase of what has failed is no part of this invocation; a failure of it is one of the start as well.
    await previous.environment.end().catch(() => undefined);
    announceInit(made, this.version, "invoke");
    const timeoutMs = request.version.timeoutSeconds * 1000;
    try {
      const outcome = await made.environment.start(
        timeoutMs,
        (requestId) => timedOut(requestId, request.version.timeoutSeconds),
        "invoke",
      );
      const { beganMs: startedMs } = outcome;
      if (outcome.status === "success") {
        made.environment.limitCpu();
        made.environment.invoke(request, resolve, startedMs);
      } else {
        const failure = outcome.failure(request.requestId);
        made.environment.failInvocation(request, resolve, { startedMs, status: outcome.status, failure });
        void made.environment.end();
      }
    } catch (error) {
      void this.#places.discard(made.environment);
      reject(platformFailure(error, this.version));
    } finally {
      // What the new sandbox has not taken over.
      void previous.environment.release();
      capacity.initialized();
      this.#finishRetiring();
      this.#dependencies.capacityChanged();
    }
  }

  #track(made: MadeEnvironment, place: "new" | "kept"): MadeEnvironment {
    this.#places.add(made, place);
    made.environment.onIdle = (idle) => this.#becameIdle(idle);
    return made;
  }

  /** Provisioned environments come first: on-demand ones take what spills over. */
  #takeIdle(): ExecutionEnvironment | undefined {
    return this.#provisioned?.take() ?? this.#places.takeIdle();
  }

  /** Gives an idle environment the invocation that waits longest; false when none waits. */
  #offer(environment: ExecutionEnvironment): boolean {
    const waiting = this.#waiting.takeLongest();
    if (waiting !== undefined) environment.invoke(waiting.request, waiting.resolve);
    return waiting !== undefined;
  }
}

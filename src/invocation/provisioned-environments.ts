import type { AwsError } from "../core/errors.ts";
import { NOTHING_ALLOCATED, type ProvisionedAllocation } from "../core/function-concurrency.ts";
import { timedOut } from "../core/function-error.ts";
import type { FunctionVersion } from "../core/function-version.ts";
import type { EnvironmentFactory, MadeEnvironment } from "../environments/environment-factory.ts";
import type { ExecutionEnvironment } from "../environments/execution-environment.ts";
import type { InitOutcome } from "../environments/initialization.ts";
import type { Clock } from "../ports/clock.ts";
import type { EnvironmentCapacity } from "./environment-capacity.ts";
import { announceInit } from "./init-announcement.ts";
import { environmentLifeMs } from "./recycling.ts";

/** AWS: 130 seconds or the function's timeout, whichever is longer; see "Lambda execution environment lifecycle". */
const INIT_LIMIT_MIN_MS = 130_000;
/** AWS's StatusReason when a function could not be initialised (recorded from the service). */
const INIT_FAILED = "FUNCTION_ERROR_INIT_FAILURE";
/** After this time a lost environment is replaced again when its first replacement could not be initialised. */
const RETRY_AFTER_FAILURE_MS = 60_000;
/** An environment that died without an event to run is replaced after this time, so that it does no more in a loop. */
const RETRY_AFTER_DEATH_MS = 1_000;

export interface ProvisionedDependencies {
  readonly clock: Clock;
  readonly factory: EnvironmentFactory;
  readonly capacity: EnvironmentCapacity;
  /** Called when the machine is full: asks for room by ending some idle on-demand environment. */
  readonly makeRoom: () => boolean;
  readonly capacityChanged: () => void;
  readonly platformFailure: (error: unknown, version: FunctionVersion) => AwsError;
  /** Called when an environment has nothing to do. */
  readonly idled: () => void;
  /** An environment is replaced after this time, when it is idle. */
  readonly maxLifeMs: number;
  /** Gives the environment the invocation that waits longest; false when none waits. */
  readonly offer: (environment: ExecutionEnvironment) => boolean;
}

/**
 * The environments that provisioned concurrency keeps initialised for one function version. None takes an invocation
 * before all are there; from then on each that is lost is replaced, and none is ended for being idle.
 */
export class ProvisionedEnvironments {
  #version: FunctionVersion;
  readonly #dependencies: ProvisionedDependencies;
  /** Everything that holds a place on the machine: starting, ready and ending ones. */
  readonly #all = new Map<ExecutionEnvironment, MadeEnvironment>();
  readonly #outdated = new WeakSet<ExecutionEnvironment>();
  readonly #ready = new Set<ExecutionEnvironment>();
  readonly #idle: ExecutionEnvironment[] = [];
  /** Too old: it ends when its replacement is ready. */
  #outgoing: ExecutionEnvironment | undefined;
  #requested = 0;
  #lastModifiedMs = 0;
  /** Set once all were there. */
  #usable = false;
  #failure: string | undefined;
  #cancelRetry: (() => void) | undefined;

  constructor(version: FunctionVersion, dependencies: ProvisionedDependencies) {
    this.#version = version;
    this.#dependencies = dependencies;
  }

  get requested(): number {
    return this.#requested;
  }

  /** Environments that hold a place on the machine. */
  get count(): number {
    return this.#all.size;
  }

  /** More environments are to be started as soon as there is room. */
  get isIncomplete(): boolean {
    const outgoing = this.#outgoing === undefined ? 0 : 1;
    return this.#all.size - outgoing < this.#wanted && this.#cancelRetry === undefined;
  }

  get allocation(): ProvisionedAllocation {
    if (this.#requested === 0) return NOTHING_ALLOCATED;
    const allocated = this.#ready.size;
    return { allocated, available: this.#usable ? allocated : 0, failure: this.#failure };
  }

  /** Keeps so many environments; 0 drains them. A later `lastModifiedMs` tries again what failed. */
  provide(requested: number, lastModifiedMs: number): void {
    if (lastModifiedMs !== this.#lastModifiedMs) {
      this.#failure = undefined;
      this.#stopRetrying();
    }
    this.#lastModifiedMs = lastModifiedMs;
    this.#requested = requested;
    if (requested === 0) this.#usable = false;
    const { maxEnvironments } = this.#dependencies.capacity;
    if (requested > maxEnvironments) {
      this.#failure = `This machine carries at most ${maxEnvironments} execution environments.`;
    }
    this.#endSurplus();
    this.#becomeUsable();
    this.pump();
  }

  /** An environment for an invocation, or undefined. */
  take(): ExecutionEnvironment | undefined {
    return this.#usable ? this.#idle.pop() : undefined;
  }

  /** See `DeploymentPool.renewRuntime`; what ends is replaced. */
  renewRuntime(version: FunctionVersion): void {
    this.#version = version;
    for (const [environment, { runtime }] of this.#all) {
      if (this.#dependencies.factory.isCurrent(runtime, version)) continue;
      this.#outdated.add(environment);
      const at = this.#idle.indexOf(environment);
      if (at < 0) continue;
      this.#idle.splice(at, 1);
      void environment.end();
    }
  }

  forEachIdle(visit: (environment: ExecutionEnvironment) => void): void {
    for (const environment of this.#idle) visit(environment);
  }

  /** Replaces the first that is too old; it serves until the new one is ready. */
  recycle(): void {
    const { clock, maxLifeMs } = this.#dependencies;
    if (!this.#usable || this.#ready.size < this.#wanted || this.#all.size > this.#wanted) return;
    const nowMs = clock.monotonicMs();
    for (const environment of this.#ready) {
      const ageMs = nowMs - (this.#all.get(environment)?.createdMs ?? nowMs);
      if (ageMs <= environmentLifeMs(environment.id, maxLifeMs)) continue;
      this.#outgoing = environment;
      this.pump();
      return;
    }
  }

  /** Starts what is missing, as far as there is room. */
  pump(): void {
    const { capacity, makeRoom } = this.#dependencies;
    while (this.isIncomplete && !capacity.isStartingTooMany) {
      if (capacity.isFull && !makeRoom()) return;
      this.#start();
    }
  }

  async endAll(): Promise<void> {
    this.#requested = 0;
    this.#stopRetrying();
    await Promise.all([...this.#all.keys()].map((environment) => environment.release()));
  }

  /** Nothing is kept of a version that could not be initialised; what served before a failure goes on serving. */
  get #wanted(): number {
    return this.#failure !== undefined && !this.#usable ? 0 : this.#requested;
  }

  #start(): void {
    const { factory, clock, capacity } = this.#dependencies;
    try {
      const made = factory.make(this.#version, undefined, "provisioned-concurrency");
      const { environment } = made;
      capacity.started();
      this.#all.set(environment, made);
      environment.onIdle = (idle) => this.#becameIdle(idle);
      environment.onEnded = (ended) => this.#ended(ended);
      announceInit(made, this.#version);
      const limitMs = Math.max(INIT_LIMIT_MIN_MS, this.#version.timeoutSeconds * 1000);
      const startedMs = clock.monotonicMs();
      void environment
        .start(limitMs, (requestId) => timedOut(requestId, limitMs / 1000))
        .catch((error: unknown) => ({ error, durationMs: clock.monotonicMs() - startedMs }))
        .then((outcome) => this.#started(made, outcome));
    } catch (error) {
      this.#failed(this.#dependencies.platformFailure(error, this.#version).message);
    }
  }

  #started(made: MadeEnvironment, outcome: InitOutcome | { readonly error: unknown }): void {
    const { capacity, capacityChanged, platformFailure } = this.#dependencies;
    const { environment } = made;
    capacity.initialized();
    if ("error" in outcome) {
      void environment.end();
      // Ended on purpose while it started: nobody's fault.
      if (this.#wanted > 0) this.#failed(platformFailure(outcome.error, this.#version).message);
    } else if (outcome.status === "success") this.#initialized(environment);
    else {
      void environment.end();
      if (this.#wanted > 0) this.#failed(INIT_FAILED);
    }
    capacityChanged();
  }

  #initialized(environment: ExecutionEnvironment): void {
    if (environment.state !== "idle") {
      this.#retryAfter(RETRY_AFTER_DEATH_MS);
      return;
    }
    environment.takeInitDurationMs();
    environment.limitCpu();
    this.#ready.add(environment);
    this.#becameIdle(environment);
    this.#becomeUsable();
    const outgoing = this.#outgoing;
    if (outgoing?.state === "idle" && this.#ready.size > this.#wanted) void outgoing.end();
  }

  #becameIdle(environment: ExecutionEnvironment): void {
    if (environment.state !== "idle") return;
    const surplus = this.#ready.size - this.#wanted;
    const isSurplus = surplus > 1 || (surplus === 1 && environment === (this.#outgoing ?? environment));
    if (isSurplus || this.#outdated.has(environment)) void environment.end();
    else if (!this.#usable || !this.#dependencies.offer(environment)) {
      this.#idle.push(environment);
      this.#dependencies.idled();
    }
  }

  #becomeUsable(): void {
    if (this.#ready.size < this.#requested || this.#requested === 0) return;
    this.#failure = undefined;
    if (this.#usable) return;
    this.#usable = true;
    while (this.#idle[0] !== undefined && this.#dependencies.offer(this.#idle[0])) this.#idle.shift();
  }

  #ended(environment: ExecutionEnvironment): void {
    const wasReady = this.#ready.delete(environment);
    if (environment === this.#outgoing) this.#outgoing = undefined;
    const at = this.#idle.indexOf(environment);
    if (at >= 0) {
      this.#idle.splice(at, 1);
      if (wasReady && this.#ready.size < this.#wanted) this.#retryAfter(RETRY_AFTER_DEATH_MS);
    }
    // Its place is free only when its processes and memory are.
    void environment.release().finally(() => {
      this.#all.delete(environment);
      this.#dependencies.capacity.ended();
      this.#dependencies.capacityChanged();
    });
  }

  #failed(reason: string): void {
    this.#failure = reason;
    if (this.#usable) this.#retryAfter(RETRY_AFTER_FAILURE_MS);
    else this.#endSurplus();
  }

  #endSurplus(): void {
    while (this.#ready.size > this.#wanted) {
      const environment = this.#idle.pop();
      if (environment === undefined) return;
      void environment.end();
    }
  }

  #retryAfter(delayMs: number): void {
    this.#cancelRetry ??= this.#dependencies.clock.after(delayMs, () => {
      this.#cancelRetry = undefined;
      this.pump();
    });
  }

  #stopRetrying(): void {
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
  }
}

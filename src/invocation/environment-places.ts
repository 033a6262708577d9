import type { MadeEnvironment } from "../environments/environment-factory.ts";
import type { ExecutionEnvironment } from "../environments/execution-environment.ts";
import type { Clock } from "../ports/clock.ts";
import type { EnvironmentCapacity } from "./environment-capacity.ts";
import type { KeepAlive } from "./keep-alive.ts";
import { environmentLifeMs } from "./recycling.ts";
import { ResetEnvironments } from "./reset-environments.ts";

export interface PlacesDependencies {
  readonly clock: Clock;
  readonly capacity: EnvironmentCapacity;
  readonly keepAlive: KeepAlive;
  /** An environment is replaced after this time, when it is idle. */
  readonly maxLifeMs: number;
  /** Called when capacity may have become free for others. */
  readonly capacityChanged: () => void;
}

/**
 * The on-demand environments of one deployment with the places on the machine that they hold: a place is taken when an
 * environment starts, kept when it is reset, and free only when nothing is left of it.
 */
export class EnvironmentPlaces {
  readonly #dependencies: PlacesDependencies;
  readonly #all = new Map<ExecutionEnvironment, MadeEnvironment>();
  /** The one that was used last is at the end. */
  readonly #idle: ExecutionEnvironment[] = [];
  /** Ended after a failure, with their places kept for the next invocations. */
  readonly #resets = new ResetEnvironments();
  /** Ended on purpose: nothing of them is kept. */
  readonly #discarded = new WeakSet<ExecutionEnvironment>();
  readonly #outdated = new WeakSet<ExecutionEnvironment>();
  #alive = 0;
  #closed = false;

  constructor(dependencies: PlacesDependencies) {
    this.#dependencies = dependencies;
  }

  /** Those of reset environments included, and of ended ones of which something has still to be cleared away. */
  get count(): number {
    return this.#all.size + this.#resets.count;
  }

  /** Environments with a running invocation, and starting ones. */
  get busyCount(): number {
    return this.#alive - this.#idle.length;
  }

  get idle(): readonly ExecutionEnvironment[] {
    return this.#idle;
  }

  /** Monotonic time since when the longest-idle one has been idle; undefined when none is. */
  get longestIdleSinceMs(): number | undefined {
    const idleSinceMs = this.#idle[0]?.idleSinceMs ?? Number.POSITIVE_INFINITY;
    const sinceMs = Math.min(idleSinceMs, this.#resets.longestSinceMs ?? Number.POSITIVE_INFINITY);
    return sinceMs === Number.POSITIVE_INFINITY ? undefined : sinceMs;
  }

  /** From now on nothing that fails is kept. */
  close(): void {
    this.#closed = true;
  }

  /** A new environment takes a place, or one that was reset has its own again. */
  add(made: MadeEnvironment, place: "new" | "kept"): void {
    const { environment } = made;
    const { capacity } = this.#dependencies;
    if (place === "new") capacity.started();
    else capacity.restarted();
    this.#alive++;
    this.#all.set(environment, made);
    environment.onEnded = () => this.#ended(made);
  }

  pushIdle(environment: ExecutionEnvironment): void {
    this.#idle.push(environment);
  }

  /** The idle environment that was used last. */
  takeIdle(): ExecutionEnvironment | undefined {
    const environment = this.#idle.pop();
    if (environment !== undefined) {
      const { keepAlive, clock } = this.#dependencies;
      keepAlive.wasIdle(clock.monotonicMs() - environment.idleSinceMs);
    }
    return environment;
  }

  /** One that was reset: the last, or this one if it still waits to be used. */
  takeReset(wanted?: MadeEnvironment): MadeEnvironment | undefined {
    return this.#resets.take(wanted);
  }

  /** Environments that are not current take no further event and end when they are free. */
  endOutdated(isCurrent: (made: MadeEnvironment) => boolean): void {
    for (const [environment, made] of this.#all) {
      if (isCurrent(made)) continue;
      this.#outdated.add(environment);
      if (this.#idle.includes(environment)) void this.discard(environment);
    }
  }

  /** Whether an environment that is free now has lived long enough, or is on an outdated runtime. */
  isToEnd(environment: ExecutionEnvironment): boolean {
    if (this.#outdated.has(environment)) return true;
    const { clock, maxLifeMs } = this.#dependencies;
    const createdMs = this.#all.get(environment)?.createdMs ?? Number.POSITIVE_INFINITY;
    return clock.monotonicMs() - createdMs > environmentLifeMs(environment.id, maxLifeMs);
  }

  /** Ends what has been idle for longer than it is worth keeping, and idle environments that are too old. */
  endIdle(): void {
    const { clock, keepAlive } = this.#dependencies;
    void this.endIdleBefore(clock.monotonicMs() - keepAlive.keepMs);
    for (const environment of this.#idle.filter((idle) => this.isToEnd(idle))) void this.discard(environment);
  }

  /** Ends environments idle or reset since before the instant (monotonic). */
  async endIdleBefore(beforeMs: number): Promise<void> {
    const ending: Promise<void>[] = [];
    const firstKept = this.#idle.findIndex(({ idleSinceMs }) => idleSinceMs >= beforeMs);
    for (const environment of this.#idle.splice(0, firstKept < 0 ? this.#idle.length : firstKept)) {
      this.#dependencies.keepAlive.ended(environment.idleSinceMs);
      ending.push(this.discard(environment));
    }
    for (let made = this.#resets.takeOlderThan(beforeMs); made !== undefined; ) {
      ending.push(this.giveUp(made));
      made = this.#resets.takeOlderThan(beforeMs);
    }
    await Promise.all(ending);
  }

  /** Ends the environment that has been idle or reset longest, to make room. */
  async evictOne(): Promise<void> {
    const reset = this.#resets.takeOlderThan(this.#idle[0]?.idleSinceMs ?? Number.POSITIVE_INFINITY);
    if (reset !== undefined) return this.giveUp(reset);
    const idle = this.#idle.shift();
    if (idle !== undefined) await this.discard(idle);
  }

  async endAll(): Promise<void> {
    this.close();
    const ending = [...this.#all.keys()].map((environment) => this.discard(environment));
    await Promise.all([...ending, this.endIdleBefore(Number.POSITIVE_INFINITY)]);
  }

  /** Ends an environment on purpose, and keeps nothing of it. */
  async discard(environment: ExecutionEnvironment): Promise<void> {
    this.#discarded.add(environment);
    await environment.release();
  }

  /** Clears away what is left of an environment that has ended; its place is free when that is done. */
  async giveUp(made: MadeEnvironment): Promise<void> {
    const { environment } = made;
    this.#all.set(environment, made);
    await environment.release().finally(() => {
      this.#all.delete(environment);
      this.#dependencies.capacity.ended();
      this.#dependencies.capacityChanged();
    });
  }

  #ended(made: MadeEnvironment): void {
    const { environment } = made;
    const { clock, capacityChanged } = this.#dependencies;
    this.#alive--;
    const at = this.#idle.indexOf(environment);
    if (at >= 0) this.#idle.splice(at, 1);
    if (this.#closed || this.#discarded.has(environment)) {
      void this.giveUp(made);
      return;
    }
    this.#all.delete(environment);
    this.#resets.add(made, clock.monotonicMs());
    void environment.end().finally(capacityChanged);
  }
}

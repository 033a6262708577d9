import type { Clock } from "../ports/clock.ts";
import type { DurableQueue, Job } from "../ports/store.ts";
import { ConcurrencyLimit } from "./concurrency-limit.ts";
import type { Verdict } from "./event-execution.ts";
import type { JobsInHand } from "./jobs-in-hand.ts";
import { decodeEvent, encodeEvent, type QueuedEvent } from "./queued-event.ts";

/** Events that one function has in memory beyond those that run: as much as is used up in no time. */
const BATCH_MIN = 8;
const BATCH_MAX = 128;
const BATCH_BYTES_MAX = 4 * 1024 * 1024;
const USED_UP_MS = 100;
/** Writes that follow on executions and have not reached the disk. */
const UNSETTLED_MAX = 512;
/** How long a queue is listened to before it is looked at whether there is anything in it at all. */
const LISTEN_MS = 30_000;
/** How long a function is left alone that refuses events; then one event tries for all the others. */
const PAUSE_MS = [1_000, 2_000, 4_000, 8_000, 10_000] as const;
const STORE_RETRY_MS = 1_000;
const STORE_ATTEMPTS_MAX = 10;

export interface FunctionEventsDependencies {
  readonly queue: DurableQueue;
  readonly clock: Clock;
  readonly inHand: JobsInHand;
  readonly attempt: (event: QueuedEvent, enqueuedAtMs: number) => Promise<Verdict>;
  /** How many events of a function may run at once. */
  readonly maxConcurrency: (queueName: string) => number;
  /** Nothing is left, nor delayed. */
  readonly emptied: (events: FunctionEvents) => void;
  readonly failed: (error: unknown, context: object) => void;
}

/**
 * Takes the events of one function out of its queue and has them executed, as many at once as the function allows.
 * Holds a few events in memory, however many wait on disk. Costs nothing but a timer while nothing is due.
 */
export class FunctionEvents {
  readonly queueName: string;
  readonly #dependencies: FunctionEventsDependencies;
  readonly #limit: ConcurrencyLimit;
  #ready: Job[] = [];
  #running = 0;
  #unsettled = 0;
  #isReceiving = false;
  #batch = BATCH_MIN;
  #largestBytes = 1;
  #receivedMs = 0;
  #throttles = 0;
  #isPaused = false;
  #isWanted = false;
  #isStopped = false;
  #cancelPause: (() => void) | undefined;
  #settled: (() => void) | undefined;

  constructor(queueName: string, dependencies: FunctionEventsDependencies) {
    this.queueName = queueName;
    this.#dependencies = dependencies;
    this.#limit = new ConcurrencyLimit(dependencies.clock, () => dependencies.maxConcurrency(queueName));
  }

  /** There may be events: begins to look for them, and does not let go before it has. */
  wake(): void {
    this.#isWanted = true;
    this.#work();
  }

  /** Takes no more events. What it holds and does not run stays in the queue. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelPause?.();
    this.#limit.close();
    for (const job of this.#ready) this.#dependencies.inHand.remove(job);
    this.#ready = [];
  }

  /** Resolves when what runs has ended and everything that follows on it is written. */
  settled(): Promise<void> {
    if (this.#isQuiet) return Promise.resolve();
    return new Promise((resolve) => {
      this.#settled = resolve;
    });
  }

  get #isQuiet(): boolean {
    return this.#running === 0 && this.#unsettled === 0;
  }

  get #allowed(): number {
    return this.#isPaused || this.#throttles > 0 ? 1 : this.#limit.current;
  }

  #work(): void {
    if (this.#isStopped) return;
    // An event that joins others on disk changes nothing: its turn comes when those before it are done.
    if (this.#isReceiving && this.#ready.length === 0) return;
    while (
      !this.#isPaused &&
      this.#running < this.#allowed &&
      this.#unsettled - this.#running < UNSETTLED_MAX &&
      this.#ready.length > 0
    )
      this.#run(this.#ready.shift() as Job);
    if (this.#ready.length > 0 && this.#running >= this.#allowed && this.#throttles === 0)
      this.#limit.saturated(() => this.#work());
    if (this.#isReceiving || this.#isPaused || this.#ready.length > this.#batch / 2) return;
    if (this.#running + this.#ready.length >= this.#allowed + this.#batch) return;
    this.#isReceiving = true;
    void this.#receive();
  }

  async #receive(): Promise<void> {
    const { queue, clock, inHand, failed } = this.#dependencies;
    try {
      const jobs = await queue.receive(this.queueName, this.#wanted, LISTEN_MS);
      this.#isReceiving = false;
      if (this.#isStopped) return;
      if (jobs.length === 0) {
        await this.#lookWhetherAnythingIsLeft();
        return;
      }
      inHand.add(jobs);
      this.#adaptBatch(jobs);
      for (const job of jobs) this.#ready.push(job);
      this.#work();
    } catch (error) {
      this.#isReceiving = false;
      if (this.#isStopped) return;
      failed(error, { queue: this.queueName });
      clock.after(STORE_RETRY_MS, () => this.#work());
    }
  }

  /** How many events to take now: fewer when they are large, one while the function is throttled. */
  get #wanted(): number {
    if (this.#throttles > 0) return 1;
    const fitting = Math.max(1, Math.floor(BATCH_BYTES_MAX / this.#largestBytes));
    return Math.min(Math.max(this.#batch, this.#allowed - this.#running), fitting);
  }

  /** Takes more at a time while what it takes is used up at once, fewer when it is not. */
  #adaptBatch(jobs: readonly Job[]): void {
    const nowMs = this.#dependencies.clock.monotonicMs();
    const isUsedUp = nowMs - this.#receivedMs < USED_UP_MS;
    this.#receivedMs = nowMs;
    this.#batch = isUsedUp ? Math.min(BATCH_MAX, this.#batch * 2) : Math.max(BATCH_MIN, this.#batch / 2);
    this.#largestBytes = jobs.reduce((largest, { body }) => Math.max(largest, body.byteLength), 1);
  }

  async #lookWhetherAnythingIsLeft(): Promise<void> {
    const { queue, emptied } = this.#dependencies;
    this.#isWanted = false;
    const { waiting, inFlightOrDelayed } = await queue.stats(this.queueName);
    const isLeft = waiting + inFlightOrDelayed > 0 || this.#isWanted || !this.#isQuiet;
    if (isLeft || this.#ready.length > 0) this.#work();
    else if (!this.#isReceiving) {
      this.stop();
      emptied(this);
    }
  }

  #run(job: Job): void {
    this.#running++;
    this.#execute(job)
      .catch((error: unknown) => this.#dependencies.failed(error, { queue: this.queueName }))
      .finally(() => {
        this.#dependencies.inHand.remove(job);
        this.#unsettled--;
        this.#work();
        if (this.#isQuiet) this.#settled?.();
      });
  }

  async #execute(job: Job): Promise<void> {
    const { attempt } = this.#dependencies;
    let verdict: Verdict;
    this.#unsettled++;
    try {
      verdict = await attempt(decodeEvent(job.body), job.enqueuedAtMs);
    } finally {
      this.#running--;
    }
    this.#learn(verdict);
    // The next one runs while the disk takes note of this one.
    this.#work();
    if (verdict.type === "finished") {
      await verdict.delivered;
      await this.#store(() => job.done());
      return;
    }
    // Refused because Lambent stops: it is still in the queue as it was, and is given out again at the next start.
    if (this.#isStopped && verdict.durationMs === undefined) return;
    const { delayMs, event } = verdict;
    await this.#store(() => job.retry(delayMs, encodeEvent(event)));
  }

  #learn(verdict: Verdict): void {
    if (verdict.durationMs !== undefined) this.#limit.ran(verdict.durationMs);
    if (verdict.type === "retry" && verdict.isRefused) {
      this.#limit.refused();
      this.#pause();
    } else if (verdict.durationMs !== undefined) this.#throttles = 0;
  }

  /** A throttled function is left alone for a while: each event that tried would be written again. */
  #pause(): void {
    if (this.#isPaused || this.#isStopped) return;
    const pauseMs = PAUSE_MS[this.#throttles] ?? PAUSE_MS.at(-1) ?? 0;
    this.#throttles = Math.min(this.#throttles + 1, PAUSE_MS.length);
    this.#isPaused = true;
    this.#cancelPause = this.#dependencies.clock.after(pauseMs, () => {
      this.#isPaused = false;
      this.#work();
    });
  }

  /** Repeats what a store that is not available did not take: the event would run again otherwise. */
  async #store(write: () => Promise<void>): Promise<void> {
    const { clock } = this.#dependencies;
    for (let attempt = 1; ; attempt++) {
      try {
        await write();
        return;
      } catch (error) {
        if (this.#isStopped || attempt >= STORE_ATTEMPTS_MAX) throw error;
        await new Promise<void>((resolve) => clock.after(STORE_RETRY_MS, resolve));
      }
    }
  }
}

import type { Clock } from "../../src/ports/clock.ts";
import { type DurableQueue, type Job, LeaseLost, type NewJob } from "../../src/ports/store.ts";

const VISIBILITY_MS = 30_000;

interface Kept {
  readonly id: number;
  readonly enqueuedAtMs: number;
  body: Uint8Array;
  dueMs: number;
  deliveries: number;
  token: number | undefined;
}

/** The durable queue's behaviour in memory, by a clock that tests can move. */
export class MemoryQueue implements DurableQueue {
  readonly #clock: Clock;
  readonly #queues = new Map<string, Kept[]>();
  readonly #waiting = new Set<() => void>();
  #next = 1;
  /** The next write rejects with it. */
  failNext: Error | undefined;
  /** The most jobs that were given out and not settled at one time. */
  outMax = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async enqueue(queue: string, jobs: readonly NewJob[]): Promise<void> {
    this.#mayFail();
    const nowMs = this.#clock.nowMs();
    const kept = this.#queues.get(queue) ?? [];
    this.#queues.set(queue, kept);
    for (const { body, delayMs = 0 } of jobs)
      kept.push({
        id: this.#next++,
        enqueuedAtMs: nowMs,
        body: new Uint8Array(body),
        dueMs: nowMs + delayMs,
        deliveries: 0,
        token: undefined,
      });
    this.#wake();
  }

  async receive(queue: string, max: number, waitMs: number): Promise<Job[]> {
    const deadlineMs = this.#clock.monotonicMs() + waitMs;
    for (;;) {
      const jobs = this.#claim(queue, max);
      const leftMs = deadlineMs - this.#clock.monotonicMs();
      if (jobs.length > 0 || leftMs <= 0) return jobs;
      const dues = (this.#queues.get(queue) ?? []).map(({ dueMs }) => dueMs - this.#clock.nowMs());
      await this.#wait(Math.min(leftMs, ...dues));
    }
  }

  async stats(queue: string): Promise<{ waiting: number; inFlightOrDelayed: number }> {
    const kept = this.#queues.get(queue) ?? [];
    const waiting = kept.filter(({ dueMs }) => dueMs <= this.#clock.nowMs()).length;
    return { waiting, inFlightOrDelayed: kept.length - waiting };
  }

  async queues(prefix: string): Promise<string[]> {
    return [...this.#queues]
      .filter(([name, jobs]) => name.startsWith(prefix) && jobs.length > 0)
      .map(([n]) => n);
  }

  /** What a new process does: nobody works on anything any more. */
  releaseAll(): void {
    for (const jobs of this.#queues.values())
      for (const job of jobs)
        if (job.token !== undefined) {
          job.token = undefined;
          job.dueMs = 0;
        }
  }

  #claim(queue: string, max: number): Job[] {
    const nowMs = this.#clock.nowMs();
    const due = (this.#queues.get(queue) ?? []).filter(({ dueMs }) => dueMs <= nowMs);
    const claimed = due.sort((a, b) => a.dueMs - b.dueMs || a.id - b.id).slice(0, max);
    const jobs = claimed.map((kept) => this.#job(queue, kept));
    const out = [...this.#queues.values()].flat().filter(({ token }) => token !== undefined).length;
    this.outMax = Math.max(this.outMax, out);
    return jobs;
  }

  #job(queue: string, kept: Kept): Job {
    const token = this.#next++;
    kept.token = token;
    kept.deliveries++;
    kept.dueMs = this.#clock.nowMs() + VISIBILITY_MS;
    return {
      id: String(kept.id),
      body: kept.body,
      enqueuedAtMs: kept.enqueuedAtMs,
      deliveries: kept.deliveries,
      done: async () => {
        this.#mayFail();
        const jobs = this.#queues.get(queue) ?? [];
        if (kept.token === token) jobs.splice(jobs.indexOf(kept), 1);
      },
      retry: async (delayMs, body) => {
        this.#mayFail();
        if (kept.token !== token) return;
        kept.token = undefined;
        kept.dueMs = this.#clock.nowMs() + delayMs;
        if (body !== undefined) kept.body = new Uint8Array(body);
        this.#wake();
      },
      extend: async () => {
        if (kept.token !== token) throw new LeaseLost(String(kept.id));
        kept.dueMs = this.#clock.nowMs() + VISIBILITY_MS;
      },
    };
  }

  #mayFail(): void {
    const error = this.failNext;
    this.failNext = undefined;
    if (error !== undefined) throw error;
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }

  #wait(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        cancel();
        this.#waiting.delete(end);
        resolve();
      };
      const cancel = this.#clock.after(waitMs, end);
      this.#waiting.add(end);
    });
  }
}

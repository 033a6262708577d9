import type { Clock } from "../../ports/clock.ts";
import type { DurableQueue, Job, NewJob } from "../../ports/store.ts";
import { checkPrefix, JOB_BYTES_MAX, ownBytes } from "./limits.ts";
import { QueueSignal } from "./queue-signal.ts";
import type { Reader } from "./reader.ts";
import type { ClaimedJob } from "./write-operations.ts";
import type { Writer } from "./writer.ts";

const RETRY_DELAY_MS_MAX = 6 * 60 * 60_000;

/** The durable queue. Jobs that a process had when it died are given out again as soon as the store is opened. */
export class Queue implements DurableQueue {
  readonly #writer: Writer;
  readonly #reader: Reader;
  readonly #clock: Clock;
  readonly #visibilityMs: number;
  /** Of the queues that somebody receives from at this moment: there is nobody else to wake. */
  readonly #signals = new Map<string, QueueSignal>();
  #nextToken = 1;

  constructor(connections: { writer: Writer; reader: Reader }, clock: Clock, visibilityMs: number) {
    this.#writer = connections.writer;
    this.#reader = connections.reader;
    this.#clock = clock;
    this.#visibilityMs = visibilityMs;
  }

  async enqueue(queue: string, jobs: readonly NewJob[]): Promise<void> {
    const nowMs = Math.trunc(this.#clock.nowMs());
    const queued = jobs.map(({ body, deduplicationId, delayMs = 0 }) => {
      if (!(delayMs >= 0)) {
        throw new RangeError(`a job cannot be delayed by ${delayMs} ms`);
      }
      return {
        body: ownBytes(body, "the job's body", JOB_BYTES_MAX),
        deduplicationId,
        dueMs: nowMs + Math.ceil(delayMs),
      };
    });
    await this.#writer.run("enqueueJobs", { queue, nowMs, jobs: queued }, ({ added, nextDueMs }) => {
      const signal = this.#signals.get(queue);
      if (nextDueMs !== undefined && nextDueMs <= this.#clock.nowMs()) {
        signal?.wake(added);
      } else {
        signal?.dueAt(nextDueMs);
      }
    });
  }

  async receive(queue: string, max: number, waitMs: number): Promise<Job[]> {
    const signal = this.#signal(queue);
    signal.receivers++;
    try {
      return await this.#receive(signal, { queue, max, waitMs });
    } finally {
      signal.receivers--;
      // Whoever receives next looks for itself, and hears when the next job is due.
      if (signal.receivers === 0) {
        this.#signals.delete(queue);
        signal.close();
      }
    }
  }

  async #receive(
    signal: QueueSignal,
    { queue, max, waitMs }: { readonly queue: string; readonly max: number; readonly waitMs: number },
  ): Promise<Job[]> {
    const deadlineMs = this.#clock.monotonicMs() + waitMs;
    for (;;) {
      const seen = signal.version;
      const jobs = await this.#claim(queue, max);
      const leftMs = deadlineMs - this.#clock.monotonicMs();
      if (jobs.length > 0 || leftMs <= 0) {
        return jobs;
      }
      if (signal.version === seen && !(await signal.wait(leftMs))) {
        return [];
      }
    }
  }

  async stats(queue: string): Promise<{ waiting: number; inFlightOrDelayed: number }> {
    const row = this.#reader.get(
      "select count(*) filter (where due_ms <= ?) as waiting, count(*) as total from job where queue = ?",
      Math.trunc(this.#clock.nowMs()),
      queue,
    );
    const waiting = Number(row?.waiting ?? 0);
    return { waiting, inFlightOrDelayed: Number(row?.total ?? 0) - waiting };
  }

  async queues(prefix: string): Promise<string[]> {
    checkPrefix(prefix);
    // One step in the index for each name, however many jobs there are.
    const rows = this.#reader.all(
      "with recursive name (queue) as (select min(queue) from job where queue >= ?1 and queue < ?2 " +
        "union all select (select min(queue) from job where queue > name.queue and queue < ?2) from name " +
        "where name.queue is not null) select queue from name where queue is not null",
      prefix,
      // "0" follows "/": everything below the prefix, and nothing beside it.
      prefix === "" ? "\u{10ffff}" : `${prefix.slice(0, -1)}0`,
    );
    return rows.map(({ queue }) => String(queue));
  }

  /** Ends the waiting of all receivers. */
  close(): void {
    for (const signal of this.#signals.values()) {
      signal.close();
    }
  }

  async #claim(queue: string, max: number): Promise<Job[]> {
    const nowMs = Math.trunc(this.#clock.nowMs());
    const token = this.#nextToken++;
    const { jobs } = await this.#writer.run(
      "claimJobs",
      { queue, nowMs, max: Math.max(0, max), token, visibleAgainAtMs: nowMs + this.#visibilityMs },
      ({ nextDueMs }) => this.#signals.get(queue)?.dueAt(nextDueMs),
    );
    return jobs.map((job) => this.#job(queue, token, job));
  }

  #job(queue: string, token: number, claimed: ClaimedJob): Job {
    const { id, body, enqueuedAtMs, deliveries } = claimed;
    const settleAt = (delayMs: number): number => Math.trunc(this.#clock.nowMs()) + Math.ceil(delayMs);
    return {
      id: String(id),
      body,
      enqueuedAtMs,
      deliveries,
      done: async () => {
        await this.#writer.run("finishJob", { id, token });
      },
      retry: async (delayMs, newBody) => {
        if (!(delayMs >= 0 && delayMs <= RETRY_DELAY_MS_MAX)) {
          throw new RangeError(`a job cannot be delayed by ${delayMs} ms; at most are ${RETRY_DELAY_MS_MAX}`);
        }
        const replacement =
          newBody === undefined ? undefined : ownBytes(newBody, "the job's new body", JOB_BYTES_MAX);
        const dueMs = settleAt(delayMs);
        await this.#writer.run("retryJob", { id, token, dueMs, body: replacement }, () =>
          this.#signals.get(queue)?.dueAt(dueMs),
        );
      },
      extend: async () => {
        await this.#writer.run("extendJob", { id, token, dueMs: settleAt(this.#visibilityMs) });
      },
    };
  }

  #signal(queue: string): QueueSignal {
    let signal = this.#signals.get(queue);
    if (signal === undefined) {
      signal = new QueueSignal(this.#clock);
      this.#signals.set(queue, signal);
    }
    return signal;
  }
}

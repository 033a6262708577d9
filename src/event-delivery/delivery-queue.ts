import type { Clock } from "../ports/clock.ts";
import { DeliveryRefused } from "../ports/event-targets.ts";
import type { BlobStore, DurableQueue, Job } from "../ports/store.ts";

/** How often, and how long, a delivery is tried. */
export interface RetryLimits {
  readonly maximumRetryAttempts: number;
  readonly maximumEventAgeSeconds: number;
}

/** AWS: "for 24 hours and up to 185 times". */
export const DEFAULT_RETRIES: RetryLimits = { maximumRetryAttempts: 185, maximumEventAgeSeconds: 86_400 };

/** Why a delivery was given up. */
export interface DeliveryFailure {
  readonly code: string;
  readonly message: string;
  /** Which limit ended it; undefined: it was refused for good. */
  readonly exhausted: "MaximumRetryAttempts" | "MaximumEventAgeInSeconds" | undefined;
  readonly retryAttempts: number;
}

/** What is stored of a delivery: who gets it in the owner's words, and its bytes. */
export interface Delivery<Address> {
  readonly address: Address;
  readonly payload: Uint8Array;
}

export interface NewDelivery<Address> extends Delivery<Address> {
  readonly retries: RetryLimits;
  readonly delayMs?: number;
  /** The same delivery again within minutes is left out. */
  readonly deduplicationId?: string;
}

interface Header<Address> {
  readonly address: Address;
  readonly retries: RetryLimits;
  readonly attempts: number;
  /** When it could first be delivered. */
  readonly dueAtMs: number;
  /** The delivery is over and only its dead-letter queue is to be told. */
  readonly failure?: DeliveryFailure | undefined;
  /** Where the payload is, when it is too large for a job. */
  readonly blob?: string | undefined;
}

interface Options<Address> {
  readonly name: string;
  readonly queue: DurableQueue;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  /** Between 0 and 1. */
  readonly random: () => number;
  readonly newId: () => string;
  /** One attempt, counted from 1. `DeliveryRefused`: for good; any other rejection: again later. */
  readonly deliver: (delivery: Delivery<Address>, attempt: number) => Promise<void>;
  /** Tells the dead-letter queue, where there is one. */
  readonly giveUp: (delivery: Delivery<Address>, failure: DeliveryFailure) => Promise<void>;
  readonly failed: (error: unknown) => void;
}

const AT_A_TIME = 64;
const RECEIVE_MS = 60_000;
const PAUSE_AFTER_ERROR_MS = 1_000;
const FIRST_RETRY_MS = 1_000;
const RETRY_MS_MAX = 8 * 60_000;
/** A job has at most 1 MiB; the header has a part of it. */
const INLINE_BYTES_MAX = 900_000;
/** How long a dead-letter queue that cannot be reached is tried. */
const DEAD_LETTER_MS = 24 * 3_600_000;
const NEWLINE = 0x0a;

/**
 * Deliveries that survive the process: on disk before `add` resolves, tried until they are taken or their limits end
 * them, at least once each, in no order.
 */
export class DeliveryQueue<Address extends object> {
  readonly #options: Options<Address>;
  readonly #running = new Set<Promise<void>>();
  #closed = false;

  constructor(options: Options<Address>) {
    this.#options = options;
  }

  /** Resolves when all are on disk: all of them, or none. */
  async add(deliveries: readonly NewDelivery<Address>[]): Promise<void> {
    if (deliveries.length === 0) return;
    const { queue, name } = this.#options;
    await queue.enqueue(name, await Promise.all(deliveries.map((delivery) => this.#job(delivery))));
  }

  start(): void {
    void this.#run();
  }

  /** Nothing is begun any more; resolves when what was begun has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#running);
  }

  async #job({ address, payload, retries, delayMs = 0, deduplicationId }: NewDelivery<Address>) {
    const { clock, blobs, name, newId } = this.#options;
    const blob = payload.byteLength > INLINE_BYTES_MAX ? `${name}/${newId()}` : undefined;
    if (blob !== undefined) await blobs.put(blob, once(payload));
    const header = { address, retries, attempts: 0, dueAtMs: clock.nowMs() + delayMs, blob };
    return {
      body: encode(header, blob === undefined ? payload : new Uint8Array()),
      delayMs,
      ...(deduplicationId !== undefined && { deduplicationId }),
    };
  }

  async #run(): Promise<void> {
    const { queue, name, clock, failed } = this.#options;
    while (!this.#closed) {
      if (this.#running.size >= AT_A_TIME) {
        await Promise.race(this.#running);
        continue;
      }
      try {
        const jobs = await queue.receive(name, AT_A_TIME - this.#running.size, RECEIVE_MS);
        // After the end: the store gives the jobs out again when it is next opened.
        if (this.#closed) return;
        for (const job of jobs) this.#begin(job);
      } catch (error) {
        if (this.#closed) return;
        failed(error);
        await new Promise<void>((resolve) => clock.after(PAUSE_AFTER_ERROR_MS, resolve));
      }
    }
  }

  #begin(job: Job): void {
    const running = this.#attempt(job)
      .catch((error: unknown) => this.#options.failed(error))
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async #attempt(job: Job): Promise<void> {
    const { header, inline } = decode<Address>(job.body);
    const payload = header.blob === undefined ? inline : await this.#blob(header.blob);
    const delivery = { address: header.address, payload };
    if (header.failure !== undefined) return this.#tellDeadLetterQueue(job, { header, inline, delivery });
    const attempts = header.attempts + 1;
    try {
      await this.#options.deliver(delivery, attempts);
    } catch (error) {
      const failure = this.#failureAfter(error, { ...header, attempts });
      if (failure === undefined) {
        await job.retry(this.#delayMs(attempts), encode({ ...header, attempts }, inline));
        return;
      }
      await this.#tellDeadLetterQueue(job, { header: { ...header, attempts, failure }, inline, delivery });
      return;
    }
    await this.#done(job, header);
  }

  async #tellDeadLetterQueue(
    job: Job,
    {
      header,
      inline,
      delivery,
    }: { header: Header<Address>; inline: Uint8Array; delivery: Delivery<Address> },
  ): Promise<void> {
    const { giveUp, clock, failed } = this.#options;
    if (header.failure === undefined) return;
    try {
      await giveUp(delivery, header.failure);
    } catch (error) {
      const isOver = clock.nowMs() - header.dueAtMs > 2 * DEAD_LETTER_MS;
      if (!(error instanceof DeliveryRefused) && !isOver) {
        const attempts = header.attempts + 1;
        await job.retry(this.#delayMs(attempts), encode({ ...header, attempts }, inline));
        return;
      }
      failed(error);
    }
    await this.#done(job, header);
  }

  /** Undefined: once more. */
  #failureAfter(error: unknown, header: Header<Address>): DeliveryFailure | undefined {
    const { maximumRetryAttempts, maximumEventAgeSeconds } = header.retries;
    const retryAttempts = header.attempts - 1;
    const message = error instanceof Error ? error.message : String(error);
    if (error instanceof DeliveryRefused)
      return { code: error.code, message, exhausted: undefined, retryAttempts };
    const code = error instanceof Error && "code" in error ? String(error.code) : "INTERNAL_ERROR";
    if (retryAttempts >= maximumRetryAttempts)
      return { code, message, exhausted: "MaximumRetryAttempts", retryAttempts };
    const ageMs = this.#options.clock.nowMs() - header.dueAtMs;
    if (ageMs >= maximumEventAgeSeconds * 1000)
      return { code, message, exhausted: "MaximumEventAgeInSeconds", retryAttempts };
    return undefined;
  }

  /** Exponential, with jitter. */
  #delayMs(attempts: number): number {
    const longest = Math.min(FIRST_RETRY_MS * 2 ** (attempts - 1), RETRY_MS_MAX);
    return Math.ceil(longest * (0.5 + this.#options.random() / 2));
  }

  async #done(job: Job, { blob }: Header<Address>): Promise<void> {
    await job.done();
    if (blob !== undefined) await this.#options.blobs.delete(blob);
  }

  async #blob(key: string): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    for await (const piece of await this.#options.blobs.get(key)) pieces.push(piece);
    return Buffer.concat(pieces);
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function encode(header: object, payload: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), payload]);
}

function decode<Address>(body: Uint8Array): { header: Header<Address>; inline: Uint8Array } {
  const end = body.indexOf(NEWLINE);
  const header = JSON.parse(Buffer.from(body.subarray(0, end)).toString("utf8")) as Header<Address>;
  return { header, inline: body.subarray(end + 1) };
}

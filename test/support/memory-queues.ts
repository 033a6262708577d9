import { createHash, randomUUID } from "node:crypto";
import type { Clock } from "../../src/ports/clock.ts";
import type { MessageAttribute } from "../../src/ports/event-targets.ts";
import type { QueueDescription, QueueMessage, QueueMessages } from "../../src/ports/queue-messages.ts";

interface StoredMessage {
  readonly messageId: string;
  readonly body: string;
  readonly groupId: string | undefined;
  readonly attributes: Readonly<Record<string, MessageAttribute>>;
  readonly systemAttributes: Readonly<Record<string, string>>;
  receiptHandle: string;
  visibleAtMs: number;
  receiveCount: number;
}

interface MemoryQueue {
  description: QueueDescription;
  messages: StoredMessage[];
  waiting: Set<() => void>;
}

/** Queues in memory with SQS's visibility and message groups, on any clock. */
export class MemoryQueues implements QueueMessages {
  readonly #clock: Clock;
  readonly #queues = new Map<string, MemoryQueue>();
  /** Reads that wait at this moment, and all there were. */
  waitingReads = 0;
  reads = 0;
  /** Visibility timeouts that were set, in seconds. */
  readonly visibilityChanges: number[] = [];
  /** Reads reject with it. */
  failure: Error | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(queueArn: string, visibilityTimeoutSeconds = 30): void {
    const description = { isFifo: queueArn.endsWith(".fifo"), visibilityTimeoutSeconds };
    this.#queues.set(queueArn, { description, messages: [], waiting: new Set() });
  }

  send(
    queueArn: string,
    body: string,
    more: {
      readonly groupId?: string;
      readonly attributes?: Readonly<Record<string, MessageAttribute>>;
      readonly systemAttributes?: Readonly<Record<string, string>>;
    } = {},
  ): string {
    const messageId = randomUUID();
    const queue = this.#queue(queueArn);
    queue.messages.push({
      messageId,
      body,
      groupId: more.groupId,
      attributes: more.attributes ?? {},
      systemAttributes: more.systemAttributes ?? {},
      receiptHandle: "",
      visibleAtMs: 0,
      receiveCount: 0,
    });
    for (const wake of queue.waiting) wake();
    return messageId;
  }

  /** Bodies of what has not been deleted. */
  bodies(queueArn: string): string[] {
    return this.#queue(queueArn).messages.map(({ body }) => body);
  }

  /** How many of them would be received now. */
  visible(queueArn: string): number {
    return this.#queue(queueArn).messages.filter(({ visibleAtMs }) => visibleAtMs <= this.#clock.nowMs())
      .length;
  }

  async describe(queueArn: string): Promise<QueueDescription | undefined> {
    return this.#queues.get(queueArn)?.description;
  }

  async receive(
    queueArn: string,
    { max, waitMs, signal }: { readonly max: number; readonly waitMs: number; readonly signal: AbortSignal },
  ): Promise<readonly QueueMessage[]> {
    this.reads++;
    if (this.failure !== undefined) throw this.failure;
    const queue = this.#queue(queueArn);
    const untilMs = this.#clock.monotonicMs() + waitMs;
    for (;;) {
      const taken = this.#take(queue, max);
      if (taken.length > 0 || this.#clock.monotonicMs() >= untilMs || signal.aborted) return taken;
      this.waitingReads++;
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          queue.waiting.delete(wake);
          cancel();
          signal.removeEventListener("abort", wake);
          resolve();
        };
        // Or until a message can be seen again.
        const hiddenMs = queue.messages
          .map(({ visibleAtMs }) => visibleAtMs - this.#clock.nowMs())
          .filter((leftMs) => leftMs > 0);
        const cancel = this.#clock.after(Math.min(untilMs - this.#clock.monotonicMs(), ...hiddenMs), wake);
        queue.waiting.add(wake);
        signal.addEventListener("abort", wake);
      });
      this.waitingReads--;
    }
  }

  async delete(queueArn: string, receiptHandles: readonly string[]): Promise<void> {
    const queue = this.#queue(queueArn);
    queue.messages = queue.messages.filter(({ receiptHandle }) => !receiptHandles.includes(receiptHandle));
    for (const wake of queue.waiting) wake();
  }

  async changeVisibility(
    queueArn: string,
    receiptHandles: readonly string[],
    visibilityTimeoutSeconds: number,
  ): Promise<void> {
    this.visibilityChanges.push(visibilityTimeoutSeconds);
    const queue = this.#queue(queueArn);
    for (const message of queue.messages)
      if (receiptHandles.includes(message.receiptHandle))
        message.visibleAtMs = this.#clock.nowMs() + visibilityTimeoutSeconds * 1000;
    for (const wake of queue.waiting) wake();
  }

  #queue(queueArn: string): MemoryQueue {
    const queue = this.#queues.get(queueArn);
    if (queue === undefined) throw new Error(`The queue ${queueArn} does not exist.`);
    return queue;
  }

  #take(queue: MemoryQueue, max: number): QueueMessage[] {
    const nowMs = this.#clock.nowMs();
    const busy = new Set(
      queue.messages.filter(({ visibleAtMs }) => visibleAtMs > nowMs).map(({ groupId }) => groupId),
    );
    busy.delete(undefined);
    const taken = queue.messages
      .filter(({ visibleAtMs, groupId }) => visibleAtMs <= nowMs && !busy.has(groupId))
      .slice(0, max);
    return taken.map((message) => {
      message.receiptHandle = randomUUID();
      message.visibleAtMs = nowMs + queue.description.visibilityTimeoutSeconds * 1000;
      message.receiveCount++;
      return {
        messageId: message.messageId,
        receiptHandle: message.receiptHandle,
        body: message.body,
        md5OfBody: createHash("md5").update(message.body).digest("hex"),
        systemAttributes: {
          ApproximateReceiveCount: String(message.receiveCount),
          ...message.systemAttributes,
          ...(message.groupId !== undefined && { MessageGroupId: message.groupId }),
        },
        attributes: message.attributes,
      };
    });
  }
}

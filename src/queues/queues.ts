import { randomUUID } from "node:crypto";
import { type PolicyDocument, parsePolicyDocument } from "../core/policy-document.ts";
import type { Clock } from "../ports/clock.ts";
import { Conflict, type KeyValueStore } from "../ports/store.ts";
import { MessageMoves } from "./message-moves.ts";
import { Queue } from "./queue.ts";
import {
  checkAttributes,
  type QueueAttributes,
  type Redrive,
  redriveAllowance,
  redrivePolicy,
  withDefaults,
  withoutEmpty,
} from "./queue-attributes.ts";
import {
  invalidAttributeValue,
  invalidParameter,
  purgeInProgress,
  queueDoesNotExist,
  queueNameExists,
} from "./queue-errors.ts";
import type { StoredMessage } from "./queue-message.ts";
import {
  isFifoName,
  parseQueueArn,
  QUEUE_PREFIX,
  type QueueName,
  type QueueRecord,
  queueArn,
  queueKey,
} from "./queue-record.ts";

export interface QueuesDependencies {
  readonly keyValue: KeyValueStore;
  readonly clock: Clock;
}

export interface NewQueue {
  readonly owner: QueueName;
  readonly attributes: QueueAttributes;
  readonly tags: Readonly<Record<string, string>>;
}

/** AWS: a purge may be asked for once a minute. */
const PURGE_PAUSE_MS = 60_000;

/** All queues, and what SQS does with whole queues. Errors are SQS's. */
export class Queues {
  readonly moves: MessageMoves;
  readonly #dependencies: QueuesDependencies;
  readonly #byKey = new Map<string, Queue>();

  private constructor(dependencies: QueuesDependencies) {
    this.#dependencies = dependencies;
    this.moves = new MessageMoves({ queues: this, clock: dependencies.clock });
  }

  /** Resolves when every queue and message of the store is known. */
  static async open(dependencies: QueuesDependencies): Promise<Queues> {
    const queues = new Queues(dependencies);
    const entries = await dependencies.keyValue.list(QUEUE_PREFIX);
    await Promise.all(
      entries.map(async ({ key, value }) => {
        const queue = queues.#make(JSON.parse(Buffer.from(value).toString()) as QueueRecord);
        await queue.load();
        queues.#byKey.set(key, queue);
      }),
    );
    return queues;
  }

  #make(record: QueueRecord): Queue {
    const deadLetter = (from: Queue, message: StoredMessage, redrive: Redrive): Promise<boolean> =>
      this.#deadLetter(from, message, redrive);
    return new Queue(record, { ...this.#dependencies, deadLetter });
  }

  /** Undefined when there is none. */
  find(name: QueueName): Queue | undefined {
    return this.#byKey.get(queueKey(name));
  }

  get(name: QueueName): Queue {
    const queue = this.find(name);
    if (queue === undefined) throw queueDoesNotExist();
    return queue;
  }

  byArn(arn: string): Queue | undefined {
    const name = parseQueueArn(arn);
    return name && this.find(name);
  }

  /** Of one account in one region, by name. */
  list({ account, region }: Omit<QueueName, "name">, prefix = ""): Queue[] {
    return [...this.#byKey.values()]
      .filter(({ record }) => record.account === account && record.region === region)
      .filter(({ record }) => record.name.startsWith(prefix))
      .sort((a, b) => (a.record.name < b.record.name ? -1 : 1));
  }

  /** AWS: the same name with the same attributes is the same queue. */
  async create({ owner, attributes, tags }: NewQueue): Promise<Queue> {
    const isFifo = isFifoName(owner.name);
    checkName(owner.name);
    if (isFifo !== (attributes.FifoQueue === "true"))
      throw invalidParameter(
        isFifo
          ? "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length."
          : "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
      );
    checkAttributes(attributes, isFifo);
    this.#checkRedrive(owner, attributes);
    const existing = this.find(owner);
    if (existing !== undefined) return sameQueue(existing, attributes);
    const { keyValue, clock } = this.#dependencies;
    const nowMs = clock.nowMs();
    const record: QueueRecord = {
      schema: 1,
      ...owner,
      id: randomUUID().replaceAll("-", ""),
      attributes: withoutEmpty(withDefaults(attributes, isFifo)),
      tags,
      createdMs: nowMs,
      modifiedMs: nowMs,
    };
    try {
      await keyValue.create(queueKey(owner), encode(record));
    } catch (error) {
      if (error instanceof Conflict && this.find(owner) !== undefined)
        return sameQueue(this.get(owner), attributes);
      throw error;
    }
    const queue = this.#make(record);
    this.#byKey.set(queueKey(owner), queue);
    return queue;
  }

  async setAttributes(name: QueueName, attributes: QueueAttributes): Promise<void> {
    const queue = this.get(name);
    if (attributes.FifoQueue !== undefined) throw invalidAttributeValue("FifoQueue");
    checkAttributes(attributes, queue.isFifo);
    this.#checkRedrive(name, attributes);
    await this.#change(queue, { attributes: withoutEmpty({ ...queue.record.attributes, ...attributes }) });
  }

  async setTags(name: QueueName, tags: Readonly<Record<string, string>>): Promise<void> {
    if (Object.keys(tags).length > 50) throw invalidParameter(`Too many tags added for queue ${name.name}.`);
    await this.#change(this.get(name), { tags });
  }

  async #change(queue: Queue, changes: Partial<QueueRecord>): Promise<void> {
    const { keyValue, clock } = this.#dependencies;
    queue.record = { ...queue.record, ...changes, modifiedMs: clock.nowMs() };
    await keyValue.put(queueKey(queue.record), encode(queue.record));
  }

  async delete(name: QueueName): Promise<void> {
    const queue = this.get(name);
    this.#byKey.delete(queueKey(name));
    await this.#dependencies.keyValue.delete(queueKey(name));
    await queue.delete();
  }

  async purge(name: QueueName): Promise<void> {
    const queue = this.get(name);
    if (this.#dependencies.clock.nowMs() - queue.purgedMs < PURGE_PAUSE_MS) throw purgeInProgress(name.name);
    await queue.purge();
  }

  /** Queues whose dead-letter queue this is. */
  sourcesOf(arn: string): Queue[] {
    return [...this.#byKey.values()].filter(({ redrive }) => redrive?.deadLetterTargetArn === arn);
  }

  /** A queue's own policy; undefined when it has none, or there is no such queue. */
  policyOf(arn: string): PolicyDocument | undefined {
    const text = this.byArn(arn)?.record.attributes.Policy;
    if (text === undefined) return undefined;
    const parsed = parsePolicyDocument(text, "resource");
    return "problem" in parsed ? undefined : parsed;
  }

  /** Ends all waiting. What is kept stays. */
  close(): void {
    this.moves.close();
    for (const queue of this.#byKey.values()) queue.close();
  }

  async #deadLetter(from: Queue, message: StoredMessage, redrive: Redrive): Promise<boolean> {
    const target = this.byArn(redrive.deadLetterTargetArn);
    // AWS: without the dead-letter queue messages stay where they are.
    if (target === undefined || !this.#mayRedrive(from.record, target)) throw queueDoesNotExist();
    await target.send({
      ...message,
      delayMs: 0,
      deduplicationId: target.isFifo ? (message.deduplicationId ?? message.messageId) : undefined,
      deadLetterSourceArn: queueArn(from.record),
      moved: { messageId: message.messageId, sentMs: message.sentMs },
    });
    return true;
  }

  #mayRedrive(source: QueueName, target: Queue): boolean {
    const allowance = redriveAllowance(target.record.attributes);
    if (allowance === undefined || allowance.redrivePermission === "allowAll") return true;
    return allowance.redrivePermission === "byQueue" && allowance.sourceQueueArns.includes(queueArn(source));
  }

  #checkRedrive(source: QueueName, attributes: QueueAttributes): void {
    const redrive = redrivePolicy(attributes);
    if (redrive === undefined) return;
    const invalid = (reason: string) =>
      invalidParameter(
        `Value ${attributes.RedrivePolicy} for parameter RedrivePolicy is invalid. Reason: ${reason}`,
      );
    const target = this.byArn(redrive.deadLetterTargetArn);
    if (target === undefined) throw invalid("Dead letter target does not exist.");
    if (target.isFifo !== isFifoName(source.name))
      throw invalid("Dead-letter queue must be same type of queue as the source.");
    if (!this.#mayRedrive(source, target))
      throw invalid("Dead letter target does not allow this source queue to redrive messages.");
  }
}

const encode = (record: QueueRecord): Uint8Array => Buffer.from(JSON.stringify(record));

function checkName(name: string): void {
  if (!/^[\w-]{1,80}$/.test(name.replace(/\.fifo$/, "")) || name.length > 80)
    throw invalidParameter(
      "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
    );
}

function sameQueue(queue: Queue, attributes: QueueAttributes): Queue {
  for (const [name, value] of Object.entries(attributes))
    if (value !== "" && queue.record.attributes[name] !== value) throw queueNameExists(name);
  return queue;
}

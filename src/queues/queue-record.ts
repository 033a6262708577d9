import type { QueueAttributes } from "./queue-attributes.ts";

/** A queue as it is kept. */
export interface QueueRecord {
  readonly schema: 1;
  readonly account: string;
  readonly region: string;
  readonly name: string;
  /** Names its messages: a queue made anew under the same name has none of the old one's. */
  readonly id: string;
  readonly attributes: QueueAttributes;
  readonly tags: Readonly<Record<string, string>>;
  readonly createdMs: number;
  readonly modifiedMs: number;
}

export interface QueueName {
  readonly account: string;
  readonly region: string;
  readonly name: string;
}

export const QUEUE_PREFIX = "queues/records/";
export const messagePrefix = (id: string): string => `queues/messages/${id}/`;
export const messageKey = (id: string, sequence: number): string =>
  `${messagePrefix(id)}${String(sequence).padStart(16, "0")}`;
export const receptionPrefix = (id: string): string => `queues/receptions/${id}/`;
export const receptionKey = (id: string, number: number): string =>
  `${receptionPrefix(id)}${String(number).padStart(16, "0")}`;
export const deduplicationPrefix = (id: string): string => `queues/deduplication/${id}/`;
export const deduplicationKey = (id: string, sequence: number): string =>
  `${deduplicationPrefix(id)}${String(sequence).padStart(16, "0")}`;
export const queueKey = ({ account, region, name }: QueueName): string =>
  `${QUEUE_PREFIX}${account}/${region}/${name}`;

export const queueArn = ({ account, region, name }: QueueName): string =>
  `arn:aws:sqs:${region}:${account}:${name}`;

/** Undefined for what is no queue's ARN. */
export function parseQueueArn(arn: string): QueueName | undefined {
  const [, region, account, name] =
    /^arn:aws[a-z-]*:sqs:([a-z0-9-]+):(\d{12}):([\w-]{1,80}(?:\.fifo)?)$/.exec(arn) ?? [];
  return region === undefined || account === undefined || name === undefined
    ? undefined
    : { account, region, name };
}

export const isFifoName = (name: string): boolean => name.endsWith(".fifo");

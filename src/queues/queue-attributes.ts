import { parsePolicyDocument } from "../core/policy-document.ts";
import { invalidAttributeName, invalidAttributeValue } from "./queue-errors.ts";

/** Attributes of a queue that clients set, as SQS writes them: every value is text. */
export type QueueAttributes = Readonly<Record<string, string>>;

export const MESSAGE_BYTES_MAX = 1_048_576;

const whole =
  (min: number, max: number): ((value: string) => boolean) =>
  (value) =>
    /^\d{1,9}$/.test(value) && Number(value) >= min && Number(value) <= max;
const oneOf =
  (...values: readonly string[]): ((value: string) => boolean) =>
  (value) =>
    values.includes(value);

const isJson = (value: string, check: (parsed: unknown) => boolean): boolean => {
  if (value === "") return true;
  try {
    return check(JSON.parse(value));
  } catch {
    return false;
  }
};

/** See "SetQueueAttributes" in the Amazon SQS API reference. */
const VALID: Readonly<Record<string, (value: string) => boolean>> = {
  DelaySeconds: whole(0, 900),
  MaximumMessageSize: whole(1_024, MESSAGE_BYTES_MAX),
  MessageRetentionPeriod: whole(60, 1_209_600),
  ReceiveMessageWaitTimeSeconds: whole(0, 20),
  VisibilityTimeout: whole(0, 43_200),
  Policy: (value) => value === "" || !("problem" in parsePolicyDocument(value, "resource")),
  RedrivePolicy: (value) => isJson(value, (parsed) => redriveOf(parsed) !== undefined),
  RedriveAllowPolicy: (value) => isJson(value, (parsed) => allowanceOf(parsed) !== undefined),
  FifoQueue: oneOf("true"),
  ContentBasedDeduplication: oneOf("true", "false"),
  DeduplicationScope: oneOf("queue", "messageGroup"),
  FifoThroughputLimit: oneOf("perQueue", "perMessageGroupId"),
  SqsManagedSseEnabled: oneOf("true", "false"),
};
const FIFO_ONLY = ["ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"];

const DEFAULTS: QueueAttributes = {
  DelaySeconds: "0",
  MaximumMessageSize: String(MESSAGE_BYTES_MAX),
  MessageRetentionPeriod: "345600",
  ReceiveMessageWaitTimeSeconds: "0",
  VisibilityTimeout: "30",
  SqsManagedSseEnabled: "true",
};
const FIFO_DEFAULTS: QueueAttributes = {
  ContentBasedDeduplication: "false",
  DeduplicationScope: "queue",
  FifoThroughputLimit: "perQueue",
};

/** Where messages go that were received too often. */
export interface Redrive {
  readonly deadLetterTargetArn: string;
  readonly maxReceiveCount: number;
}

function redriveOf(parsed: unknown): Redrive | undefined {
  const { deadLetterTargetArn, maxReceiveCount } = (parsed ?? {}) as Record<string, unknown>;
  const count = Number(maxReceiveCount);
  if (typeof deadLetterTargetArn !== "string" || !Number.isInteger(count) || count < 1 || count > 1_000)
    return undefined;
  return { deadLetterTargetArn, maxReceiveCount: count };
}

/** Which queues may have a queue as their dead-letter queue. */
export interface RedriveAllowance {
  readonly redrivePermission: "allowAll" | "denyAll" | "byQueue";
  readonly sourceQueueArns: readonly string[];
}

function allowanceOf(parsed: unknown): RedriveAllowance | undefined {
  const { redrivePermission, sourceQueueArns = [] } = (parsed ?? {}) as Record<string, unknown>;
  if (!Array.isArray(sourceQueueArns) || sourceQueueArns.length > 10) return undefined;
  if (redrivePermission !== "allowAll" && redrivePermission !== "denyAll" && redrivePermission !== "byQueue")
    return undefined;
  return { redrivePermission, sourceQueueArns: sourceQueueArns.map(String) };
}

const parsedAttribute = (attributes: QueueAttributes, name: string): unknown => {
  const text = attributes[name];
  return text === undefined || text === "" ? undefined : (JSON.parse(text) as unknown);
};

export const redrivePolicy = (attributes: QueueAttributes): Redrive | undefined => {
  const parsed = parsedAttribute(attributes, "RedrivePolicy");
  return parsed === undefined ? undefined : redriveOf(parsed);
};

export const redriveAllowance = (attributes: QueueAttributes): RedriveAllowance | undefined => {
  const parsed = parsedAttribute(attributes, "RedriveAllowPolicy");
  return parsed === undefined ? undefined : allowanceOf(parsed);
};

/** Throws SQS's errors for names and values that it does not know. Lambent has no KMS: its attributes are unknown here. */
export function checkAttributes(given: QueueAttributes, isFifo: boolean): void {
  for (const [name, value] of Object.entries(given)) {
    const isValid = VALID[name];
    if (isValid === undefined) throw invalidAttributeName(name);
    if (FIFO_ONLY.includes(name) && !isFifo) throw invalidAttributeName(name);
    if (!isValid(value)) throw invalidAttributeValue(name);
  }
}

/** A new queue's attributes: what was given over SQS's defaults. */
export const withDefaults = (given: QueueAttributes, isFifo: boolean): QueueAttributes => ({
  ...DEFAULTS,
  ...(isFifo && FIFO_DEFAULTS),
  ...given,
});

/** AWS: an attribute set to nothing is there no more. */
export const withoutEmpty = (attributes: QueueAttributes): QueueAttributes =>
  Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== ""));

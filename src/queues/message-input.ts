import { createHash } from "node:crypto";
import { AwsError } from "../core/errors.ts";
import { type MessageAttribute, messageBytes } from "../core/message-attribute.ts";
import type { NewMessage, Queue } from "./queue.ts";
import { invalidParameter, missingParameter } from "./queue-errors.ts";

/** A message as a client sends it. */
export interface MessageInput {
  readonly body: string | undefined;
  readonly attributes: Readonly<Record<string, MessageAttribute>>;
  readonly delaySeconds?: number | undefined;
  readonly groupId?: string | undefined;
  readonly deduplicationId?: string | undefined;
  readonly traceHeader?: string | undefined;
  readonly senderId: string;
}

const ATTRIBUTES_MAX = 10;
const DELAY_SECONDS_MAX = 900;
const FIFO_ID = /^[\x21-\x7e]{1,128}$/;
/** XML 1.0's characters, as SQS demands. */
const CHARACTERS = /^[\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]*$/u;
const ATTRIBUTE_NAME = /^(?!(?:aws|amazon)\.)(?!\.)(?!.*\.\.)[\w.-]{1,256}(?<!\.)$/i;
const ATTRIBUTE_TYPE = /^(?:String|Number|Binary)(?:\..+)?$/;

/** Checks a message for a queue. Throws SQS's errors. */
export function checkedMessage(queue: Queue, input: MessageInput): NewMessage {
  const { body, attributes, senderId, traceHeader } = input;
  if (body === undefined || body === "") throw missingParameter("MessageBody");
  if (!CHARACTERS.test(body))
    throw new AwsError(
      "InvalidMessageContents",
      "Invalid binary character was found in the message body, the set of allowed characters is #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF",
      400,
    );
  checkAttributes(attributes);
  const limitBytes = Number(queue.record.attributes.MaximumMessageSize);
  if (messageBytes(body, attributes) > limitBytes)
    throw invalidParameter(
      `One or more parameters are invalid. Reason: Message must be shorter than ${limitBytes} bytes.`,
    );
  const message = { body, attributes, senderId, traceHeader, delayMs: delayMs(queue, input.delaySeconds) };
  return queue.isFifo
    ? fifoMessage(queue, message, input)
    : { ...message, groupId: checkedGroup(input.groupId) };
}

function delayMs(queue: Queue, delaySeconds: number | undefined): number {
  if (delaySeconds !== undefined && (delaySeconds < 0 || delaySeconds > DELAY_SECONDS_MAX))
    throw invalidParameter(
      `Value ${delaySeconds} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.`,
    );
  if (queue.isFifo && delaySeconds !== undefined && delaySeconds > 0)
    throw invalidParameter(
      `Value ${delaySeconds} for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for this queue type.`,
    );
  // AWS: zero overrides a delay of the queue.
  const own = queue.isFifo ? undefined : delaySeconds;
  return 1_000 * (own ?? Number(queue.record.attributes.DelaySeconds));
}

function checkedGroup(groupId: string | undefined): string | undefined {
  if (groupId !== undefined && !FIFO_ID.test(groupId)) throw invalidId("MessageGroupId", groupId);
  return groupId;
}

const invalidId = (name: string, value: string): AwsError =>
  invalidParameter(
    `Value ${value} for parameter ${name} is invalid. Reason: ${name} can only include alphanumeric and punctuation characters. 1 to 128 in length.`,
  );

function fifoMessage(queue: Queue, message: NewMessage, input: MessageInput): NewMessage {
  const groupId = checkedGroup(input.groupId);
  if (groupId === undefined) throw missingParameter("MessageGroupId");
  const { deduplicationId } = input;
  if (deduplicationId !== undefined) {
    if (!FIFO_ID.test(deduplicationId)) throw invalidId("MessageDeduplicationId", deduplicationId);
    return { ...message, groupId, deduplicationId };
  }
  if (queue.record.attributes.ContentBasedDeduplication !== "true")
    throw invalidParameter(
      "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
    );
  return { ...message, groupId, deduplicationId: createHash("sha256").update(message.body).digest("hex") };
}

function checkAttributes(attributes: Readonly<Record<string, MessageAttribute>>): void {
  const entries = Object.entries(attributes);
  if (entries.length > ATTRIBUTES_MAX)
    throw invalidParameter(
      `Number of message attributes [${entries.length}] exceeds the allowed maximum [10].`,
    );
  for (const [name, { type, stringValue, binaryValue }] of entries) {
    if (!ATTRIBUTE_NAME.test(name))
      throw invalidParameter(
        `Can only include alphanumeric characters, hyphens, underscores, or dots: the message attribute name '${name}' is invalid.`,
      );
    if (type === "")
      throw invalidParameter(
        `The message attribute '${name}' must contain non-empty message attribute type.`,
      );
    if (!ATTRIBUTE_TYPE.test(type))
      throw invalidParameter(
        `The message attribute '${name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.`,
      );
    const isEmpty = type.startsWith("Binary") ? !binaryValue?.byteLength : !stringValue;
    if (isEmpty)
      throw invalidParameter(
        `The message attribute '${name}' must contain non-empty message attribute value for message attribute type '${type.split(".")[0]}'.`,
      );
    if (type.startsWith("Number") && !Number.isFinite(Number(stringValue)))
      throw invalidParameter(`Can't cast the value of message (user) attribute '${name}' to a number.`);
  }
}

import type { Message } from "@aws-sdk/client-sqs";
import { AwsError } from "../../../core/errors.ts";
import { attributesAsked, systemAttributes } from "../../../queues/message-parts.ts";
import type { HeldMessage } from "../../../queues/message-shelf.ts";
import type { Queue } from "../../../queues/queue.ts";
import { invalidParameter, missingParameter, unsupportedOperation } from "../../../queues/queue-errors.ts";
import { md5OfAttributes, md5OfText } from "../../../queues/queue-message.ts";
import type { Queues } from "../../../queues/queues.ts";
import { forEachEntry } from "./batch.ts";
import { queueOf, type SqsHandlers } from "./sqs-handlers.ts";

const VISIBILITY_SECONDS_MAX = 43_200;

/** ReceiveMessage, and what is done with a message by its receipt handle. */
export function receiveHandlers(queues: Queues): SqsHandlers {
  return {
    ReceiveMessage: async (input, context) => {
      const queue = queueOf(queues, input.QueueUrl, context);
      if (input.ReceiveRequestAttemptId)
        throw unsupportedOperation("ReceiveRequestAttemptId is not supported by this version of Lambent.");
      const attributes = queue.record.attributes;
      const max = within("MaxNumberOfMessages", input.MaxNumberOfMessages ?? 1, [1, 10]);
      const waitSeconds = input.WaitTimeSeconds ?? Number(attributes.ReceiveMessageWaitTimeSeconds);
      const visibilitySeconds = input.VisibilityTimeout ?? Number(attributes.VisibilityTimeout);
      const received = await queue.receive({
        max,
        waitMs: 1_000 * within("WaitTimeSeconds", waitSeconds, [0, 20]),
        visibilityMs: 1_000 * within("VisibilityTimeout", visibilitySeconds, [0, VISIBILITY_SECONDS_MAX]),
        signal: context.signal,
      });
      const names = input.MessageSystemAttributeNames ?? input.AttributeNames ?? [];
      const asked = { system: names, own: input.MessageAttributeNames ?? [] };
      // AWS: an empty list is no list.
      return received.length === 0 ? {} : { Messages: received.map((held) => shown(queue, held, asked)) };
    },
    DeleteMessage: async ({ QueueUrl, ReceiptHandle }, context) => {
      await remove(queueOf(queues, QueueUrl, context), ReceiptHandle);
      return {};
    },
    DeleteMessageBatch: async ({ QueueUrl, Entries }, context) => {
      const queue = queueOf(queues, QueueUrl, context);
      return forEachEntry("DeleteMessageBatch", Entries, async ({ ReceiptHandle }) => {
        await remove(queue, ReceiptHandle);
        return {};
      });
    },
    ChangeMessageVisibility: async ({ QueueUrl, ReceiptHandle, VisibilityTimeout }, context) => {
      await changeVisibility(queueOf(queues, QueueUrl, context), ReceiptHandle, VisibilityTimeout);
      return {};
    },
    ChangeMessageVisibilityBatch: async ({ QueueUrl, Entries }, context) => {
      const queue = queueOf(queues, QueueUrl, context);
      return forEachEntry(
        "ChangeMessageVisibilityBatch",
        Entries,
        async ({ ReceiptHandle, VisibilityTimeout }) => {
          await changeVisibility(queue, ReceiptHandle, VisibilityTimeout);
          return {};
        },
      );
    },
  };
}

function within(name: string, value: number, [min, max]: readonly [number, number]): number {
  if (value < min || value > max)
    throw invalidParameter(
      `Value ${value} for parameter ${name} is invalid. Reason: Must be >= ${min} and <= ${max}, if provided.`,
    );
  return value;
}

function shown(
  queue: Queue,
  held: HeldMessage,
  asked: { readonly system: readonly string[]; readonly own: readonly string[] },
): Message {
  const { message } = held;
  const system = systemAttributes(held);
  const isAsked = (name: string): boolean => asked.system.includes("All") || asked.system.includes(name);
  const Attributes = Object.fromEntries(Object.entries(system).filter(([name]) => isAsked(name)));
  const own = attributesAsked(message.attributes, asked.own);
  const MessageAttributes = Object.fromEntries(
    Object.entries(own).map(([name, { type, stringValue, binaryValue }]) => [
      name,
      { DataType: type, StringValue: stringValue, BinaryValue: binaryValue },
    ]),
  );
  return {
    MessageId: message.messageId,
    ReceiptHandle: queue.handleOf(held),
    MD5OfBody: md5OfText(message.body),
    Body: message.body,
    ...(Object.keys(Attributes).length > 0 && { Attributes }),
    ...(Object.keys(own).length > 0 && { MessageAttributes, MD5OfMessageAttributes: md5OfAttributes(own) }),
  };
}

async function remove(queue: Queue, handle: string | undefined): Promise<void> {
  if (!handle) throw missingParameter("ReceiptHandle");
  const held = queue.heldBy(handle);
  // AWS: a message that is gone already is deleted just as well.
  if (held !== undefined) await queue.remove([held]);
}

async function changeVisibility(
  queue: Queue,
  handle: string | undefined,
  seconds: number | undefined,
): Promise<void> {
  if (!handle) throw missingParameter("ReceiptHandle");
  if (seconds === undefined) throw missingParameter("VisibilityTimeout");
  within("VisibilityTimeout", seconds, [0, VISIBILITY_SECONDS_MAX]);
  const held = queue.heldBy(handle);
  if (held === undefined)
    throw invalidParameter(
      `Value ${handle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.`,
    );
  if (!(await queue.changeVisibility(held, 1_000 * seconds)))
    throw new AwsError("MessageNotInflight", "The message referred to isn't in flight.", 400);
}

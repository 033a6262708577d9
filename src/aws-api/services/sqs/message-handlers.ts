import type { MessageAttributeValue } from "@aws-sdk/client-sqs";
import { AwsError } from "../../../core/errors.ts";
import { principalUserId } from "../../../core/iam-arn.ts";
import { type MessageAttribute, messageBytes } from "../../../core/message-attribute.ts";
import { checkedMessage } from "../../../queues/message-input.ts";
import type { Queue } from "../../../queues/queue.ts";
import { MESSAGE_BYTES_MAX } from "../../../queues/queue-attributes.ts";
import { invalidParameter } from "../../../queues/queue-errors.ts";
import { md5OfAttributes, md5OfText, sequenceNumberText } from "../../../queues/queue-message.ts";
import type { Queues } from "../../../queues/queues.ts";
import type { RequestContext } from "../../protocol/handlers.ts";
import { forEachEntry } from "./batch.ts";
import { queueOf, type SqsHandlers } from "./sqs-handlers.ts";

type Attributes = Readonly<Record<string, MessageAttributeValue>>;

interface SentInput {
  readonly MessageBody?: string | undefined;
  readonly DelaySeconds?: number | undefined;
  readonly MessageAttributes?: Attributes | undefined;
  readonly MessageSystemAttributes?: Attributes | undefined;
  readonly MessageGroupId?: string | undefined;
  readonly MessageDeduplicationId?: string | undefined;
}

/** SendMessage and SendMessageBatch. */
export function messageHandlers(queues: Queues): SqsHandlers {
  return {
    SendMessage: ({ QueueUrl, ...message }, context) =>
      send(queueOf(queues, QueueUrl, context), message, context),
    SendMessageBatch: async ({ QueueUrl, Entries }, context) => {
      const queue = queueOf(queues, QueueUrl, context);
      const bytes = (Entries ?? []).reduce(
        (sum, { MessageBody = "", MessageAttributes }) =>
          sum + messageBytes(MessageBody, attributesOf(MessageAttributes)),
        0,
      );
      if (bytes > MESSAGE_BYTES_MAX)
        throw new AwsError(
          "BatchRequestTooLong",
          `Batch requests cannot be longer than ${MESSAGE_BYTES_MAX} bytes. You have sent ${bytes} bytes.`,
          400,
        );
      return forEachEntry("SendMessageBatch", Entries, (entry) => send(queue, entry, context));
    },
  };
}

async function send(queue: Queue, input: SentInput, { principal, traceHeader }: RequestContext) {
  const attributes = attributesOf(input.MessageAttributes);
  const system = attributesOf(input.MessageSystemAttributes);
  for (const name of Object.keys(system))
    if (name !== "AWSTraceHeader")
      throw invalidParameter(`Message system attribute name '${name}' is invalid.`);
  const message = checkedMessage(queue, {
    body: input.MessageBody,
    attributes,
    delaySeconds: input.DelaySeconds,
    groupId: input.MessageGroupId,
    deduplicationId: input.MessageDeduplicationId,
    traceHeader: system.AWSTraceHeader?.stringValue ?? traceHeader,
    senderId: principalUserId(principal),
  });
  const { messageId, sequence } = await queue.send(message);
  return {
    MessageId: messageId,
    MD5OfMessageBody: md5OfText(message.body),
    MD5OfMessageAttributes: md5OfAttributes(attributes),
    MD5OfMessageSystemAttributes: md5OfAttributes(system),
    SequenceNumber: queue.isFifo ? sequenceNumberText(sequence) : undefined,
  };
}

function attributesOf(attributes: Attributes = {}): Record<string, MessageAttribute> {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, { DataType = "", StringValue, BinaryValue, ...lists }]) => {
      if (lists.StringListValues?.length || lists.BinaryListValues?.length)
        throw invalidParameter("Message attribute list values in SendMessage operation are not supported.");
      return [name, { type: DataType, stringValue: StringValue, binaryValue: BinaryValue }];
    }),
  );
}

import type { MessageAttribute } from "../../../ports/event-targets.ts";
import type { QueueMessage } from "../../../ports/queue-messages.ts";
import type { SourceRecord } from "../../event-source.ts";

/** A message and its part of the event. */
export interface SqsRecord extends SourceRecord {
  readonly message: QueueMessage;
  /** Monotonic: when it began to be hidden from others. */
  hiddenSinceMs: number;
  /** How long it is hidden from then on. */
  hiddenForMs: number;
  /** JSON text of its element of `Records`. */
  readonly json: string;
}

export interface SqsRecordContext {
  readonly queueArn: string;
  readonly isFifo: boolean;
  readonly visibilityTimeoutMs: number;
  /** Monotonic; before it was received. */
  readonly receivedAtMs: number;
}

export function sqsRecord(message: QueueMessage, context: SqsRecordContext): SqsRecord {
  const json = JSON.stringify(sqsEventRecord(message, context));
  return {
    message,
    hiddenSinceMs: context.receivedAtMs,
    hiddenForMs: context.visibilityTimeoutMs,
    itemIdentifier: message.messageId,
    json,
    bytes: Buffer.byteLength(json),
    traceHeader: message.systemAttributes["AWSTraceHeader"],
  };
}

/** "Example standard queue message event" in the developer guide. */
export function sqsEventRecord(
  message: QueueMessage,
  { queueArn, isFifo }: Pick<SqsRecordContext, "queueArn" | "isFifo">,
): Readonly<Record<string, unknown>> {
  const attributes = Object.entries(message.attributes);
  return {
    messageId: message.messageId,
    receiptHandle: message.receiptHandle,
    body: message.body,
    attributes: message.systemAttributes,
    messageAttributes: Object.fromEntries(
      attributes.map(([name, attribute]) => [name, eventAttribute(attribute)]),
    ),
    ...(message.md5OfAttributes !== undefined
      ? { md5OfMessageAttributes: message.md5OfAttributes }
      : // AWS: recorded from the service; without attributes standard queues say null, FIFO queues nothing.
        !isFifo && { md5OfMessageAttributes: null }),
    md5OfBody: message.md5OfBody,
    eventSource: "aws:sqs",
    eventSourceARN: queueArn,
    awsRegion: queueArn.split(":")[3] ?? "",
  };
}

function eventAttribute({ type, stringValue, binaryValue }: MessageAttribute): object {
  return {
    ...(stringValue !== undefined && { stringValue }),
    ...(binaryValue !== undefined && { binaryValue: Buffer.from(binaryValue).toString("base64") }),
    stringListValues: [],
    binaryListValues: [],
    dataType: type,
  };
}

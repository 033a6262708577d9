import type { MessageAttribute } from "../ports/event-targets.ts";
import type { HeldMessage } from "./message-shelf.ts";
import { sequenceNumberText } from "./queue-message.ts";

/** The attributes that SQS itself adds to a received message. */
export function systemAttributes({
  message,
  receiveCount,
  firstReceivedMs,
}: HeldMessage): Record<string, string> {
  const { groupId, deduplicationId, traceHeader, deadLetterSourceArn } = message;
  return {
    SenderId: message.senderId,
    ApproximateFirstReceiveTimestamp: String(Math.trunc(firstReceivedMs ?? message.sentMs)),
    ApproximateReceiveCount: String(receiveCount),
    SentTimestamp: String(Math.trunc(message.sentMs)),
    ...(deduplicationId !== undefined && {
      SequenceNumber: sequenceNumberText(message.sequence),
      MessageDeduplicationId: deduplicationId,
    }),
    ...(groupId !== undefined && { MessageGroupId: groupId }),
    ...(traceHeader !== undefined && { AWSTraceHeader: traceHeader }),
    ...(deadLetterSourceArn !== undefined && { DeadLetterQueueSourceArn: deadLetterSourceArn }),
  };
}

/** The message's own attributes of these names; `All`, `.*` and `prefix.*` stand for several. */
export function attributesAsked(
  attributes: Readonly<Record<string, MessageAttribute>>,
  names: readonly string[],
): Record<string, MessageAttribute> {
  const isAsked = (name: string): boolean =>
    names.some(
      (asked) =>
        asked === "All" || asked === name || (asked.endsWith(".*") && name.startsWith(asked.slice(0, -2))),
    );
  return Object.fromEntries(Object.entries(attributes).filter(([name]) => isAsked(name)));
}

import type { MessageAttributeValue, PublishInput } from "@aws-sdk/client-sns";
import { AwsError } from "../../../core/errors.ts";
import { type MessageAttribute, messageBytes } from "../../../core/message-attribute.ts";
import { PUBLISHED_BYTES_MAX, type Publication, type Publishing } from "../../../topics/publishing.ts";
import { invalidParameter, notServed } from "../../../topics/topic-errors.ts";
import type { SnsHandlers } from "./sns-handlers.ts";

const ENTRIES_MAX = 10;

/** Publish and PublishBatch. */
export function publishHandlers(publishing: Publishing): SnsHandlers {
  return {
    Publish: async (input, { host = "localhost" }) => {
      if (input.PhoneNumber) throw notServed("PhoneNumber");
      // AWS: a topic's ARN may stand in either place.
      const arn = input.TopicArn ?? input.TargetArn;
      if (!arn) throw invalidParameter("TopicArn or TargetArn Reason: no value for required parameter");
      if (/:endpoint\//.test(arn)) throw notServed("TargetArn of a mobile endpoint");
      const { messageId, sequenceNumber } = await publishing.publish(arn, publicationOf(input), host);
      return { MessageId: messageId, SequenceNumber: sequenceNumber };
    },
    PublishBatch: async (
      { TopicArn = "", PublishBatchRequestEntries: entries = [] },
      { host = "localhost" },
    ) => {
      checkBatch(entries);
      const Successful: { Id: string; MessageId: string; SequenceNumber: string | undefined }[] = [];
      const Failed: { Id: string; Code: string; Message: string; SenderFault: boolean }[] = [];
      // One after the other: a FIFO topic keeps their order.
      for (const entry of entries) {
        const Id = entry.Id ?? "";
        try {
          const { messageId, sequenceNumber } = await publishing.publish(
            TopicArn,
            publicationOf(entry),
            host,
          );
          Successful.push({ Id, MessageId: messageId, SequenceNumber: sequenceNumber });
        } catch (error) {
          if (!(error instanceof AwsError) || error.code === "NotFoundException") throw error;
          const Code = error.code.replace(/Exception$/, "");
          Failed.push({ Id, Code, Message: error.message, SenderFault: error.fault === "caller" });
        }
      }
      return { Successful, Failed };
    },
  };
}

type Entry = Pick<
  PublishInput,
  "Subject" | "MessageStructure" | "MessageAttributes" | "MessageGroupId" | "MessageDeduplicationId"
> & { readonly Message?: string | undefined };

function publicationOf(input: Entry): Publication {
  return {
    message: input.Message ?? "",
    subject: input.Subject,
    messageStructure: input.MessageStructure,
    attributes: attributesOf(input.MessageAttributes),
    groupId: input.MessageGroupId,
    deduplicationId: input.MessageDeduplicationId,
  };
}

function attributesOf(attributes: Readonly<Record<string, MessageAttributeValue>> = {}) {
  return Object.fromEntries(
    Object.entries(attributes).map(
      ([name, { DataType = "", StringValue, BinaryValue }]): [string, MessageAttribute] => [
        name,
        { type: DataType, stringValue: StringValue, binaryValue: BinaryValue },
      ],
    ),
  );
}

function checkBatch(entries: readonly (Entry & { readonly Id: string | undefined })[]): void {
  const refused = (code: string, message: string): AwsError => new AwsError(code, message, 400);
  if (entries.length === 0)
    throw refused("EmptyBatchRequestException", "The batch request doesn't contain any entries.");
  if (entries.length > ENTRIES_MAX)
    throw refused(
      "TooManyEntriesInBatchRequestException",
      "The batch request contains more entries than permissible.",
    );
  const ids = entries.map(({ Id = "" }) => Id);
  if (!ids.every((id) => /^[\w-]{1,80}$/.test(id)))
    throw refused(
      "InvalidBatchEntryIdException",
      "The Id of a batch entry in a batch request doesn't abide by the specification.",
    );
  if (new Set(ids).size < ids.length)
    throw refused(
      "BatchEntryIdsNotDistinctException",
      "Two or more batch entries in the request have the same Id.",
    );
  const bytes = entries.reduce(
    (sum, { Message = "", MessageAttributes }) =>
      sum + messageBytes(Message, attributesOf(MessageAttributes)),
    0,
  );
  if (bytes > PUBLISHED_BYTES_MAX)
    throw refused(
      "BatchRequestTooLongException",
      "The length of all the batch messages put together is more than the limit.",
    );
}

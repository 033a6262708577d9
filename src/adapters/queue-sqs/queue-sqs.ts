import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  type Message,
  type MessageAttributeValue,
  QueueDoesNotExist,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import {
  DeliveryRefused,
  type EventTargets,
  type MessageAttribute,
  type QueueDelivery,
} from "../../ports/event-targets.ts";
import type { QueueMessage, QueueMessages } from "../../ports/queue-messages.ts";

const BATCH_MAX = 10;

export interface RemoteQueues {
  readonly messages: QueueMessages;
  readonly toQueue: EventTargets["toQueue"];
  close(): void;
}

/** Queues at another SQS endpoint, with the credentials that AWS's SDKs find. */
export function openRemoteQueues({ endpoint }: { readonly endpoint: string }): RemoteQueues {
  const clients = new Map<string, SQSClient>();
  const at = (arn: string): { client: SQSClient; QueueUrl: string } => {
    const [, , , region = "us-east-1", account = "", name = ""] = arn.split(":");
    let client = clients.get(region);
    if (client === undefined) {
      client = new SQSClient({ endpoint, region });
      clients.set(region, client);
    }
    return { client, QueueUrl: `${endpoint.replace(/\/$/, "")}/${account}/${name}` };
  };
  return {
    messages: remoteMessages(at),
    toQueue: async (arn, delivery) => {
      const { client, QueueUrl } = at(arn);
      try {
        await client.send(new SendMessageCommand({ QueueUrl, ...sent(delivery) }));
      } catch (error) {
        const { name, message, $fault } = error as Error & { $fault?: string };
        throw $fault === "client" ? new DeliveryRefused(name, message) : error;
      }
    },
    close: () => {
      for (const client of clients.values()) client.destroy();
    },
  };
}

function remoteMessages(at: (arn: string) => { client: SQSClient; QueueUrl: string }): QueueMessages {
  return {
    describe: async (arn) => {
      const { client, QueueUrl } = at(arn);
      try {
        const { Attributes = {} } = await client.send(
          new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] }),
        );
        return {
          isFifo: Attributes.FifoQueue === "true",
          visibilityTimeoutSeconds: Number(Attributes.VisibilityTimeout ?? 30),
        };
      } catch (error) {
        if (error instanceof QueueDoesNotExist) return undefined;
        throw error;
      }
    },
    receive: async (arn, { max, waitMs, signal }) => {
      const { client, QueueUrl } = at(arn);
      const { Messages = [] } = await client.send(
        new ReceiveMessageCommand({
          QueueUrl,
          MaxNumberOfMessages: max,
          WaitTimeSeconds: Math.min(20, Math.floor(waitMs / 1_000)),
          MessageSystemAttributeNames: ["All"],
          MessageAttributeNames: ["All"],
        }),
        { abortSignal: signal },
      );
      return Messages.map(received);
    },
    delete: async (arn, handles) => {
      const { client, QueueUrl } = at(arn);
      for (const some of inBatches(handles)) {
        const Entries = some.map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle }));
        await client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
      }
    },
    changeVisibility: async (arn, handles, VisibilityTimeout) => {
      const { client, QueueUrl } = at(arn);
      for (const some of inBatches(handles)) {
        const Entries = some.map((ReceiptHandle, index) => ({
          Id: String(index),
          ReceiptHandle,
          VisibilityTimeout,
        }));
        await client.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries }));
      }
    },
  };
}

function* inBatches(handles: readonly string[]): Generator<readonly string[]> {
  for (let from = 0; from < handles.length; from += BATCH_MAX) yield handles.slice(from, from + BATCH_MAX);
}

function sent({ body, attributes = {}, groupId, deduplicationId, traceHeader }: QueueDelivery) {
  return {
    MessageBody: body,
    MessageAttributes: Object.fromEntries(
      Object.entries(attributes).map(([name, attribute]): [string, MessageAttributeValue] => [
        name,
        {
          DataType: attribute.type,
          StringValue: attribute.stringValue,
          BinaryValue: attribute.binaryValue,
        },
      ]),
    ),
    MessageGroupId: groupId,
    MessageDeduplicationId: deduplicationId,
    ...(traceHeader !== undefined && {
      MessageSystemAttributes: { AWSTraceHeader: { DataType: "String", StringValue: traceHeader } },
    }),
  };
}

function received(message: Message): QueueMessage {
  const attributes = Object.entries(message.MessageAttributes ?? {}).map(
    ([name, { DataType = "String", StringValue, BinaryValue }]): [string, MessageAttribute] => [
      name,
      { type: DataType, stringValue: StringValue, binaryValue: BinaryValue },
    ],
  );
  return {
    messageId: message.MessageId ?? "",
    receiptHandle: message.ReceiptHandle ?? "",
    body: message.Body ?? "",
    md5OfBody: message.MD5OfBody ?? "",
    md5OfAttributes: message.MD5OfMessageAttributes,
    systemAttributes: message.Attributes ?? {},
    attributes: Object.fromEntries(attributes),
  };
}

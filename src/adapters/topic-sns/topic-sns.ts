import { PublishCommand, SNSClient } from "@aws-sdk/client-sns";
import { DeliveryRefused, type EventTargets } from "../../ports/event-targets.ts";

export interface RemoteTopics {
  readonly toTopic: EventTargets["toTopic"];
  close(): void;
}

/** Topics at another endpoint, with the credentials that AWS's SDKs find. */
export function openRemoteTopics({ endpoint }: { readonly endpoint: string }): RemoteTopics {
  const clients = new Map<string, SNSClient>();
  const at = (region: string): SNSClient => {
    const client = clients.get(region) ?? new SNSClient({ endpoint, region });
    clients.set(region, client);
    return client;
  };
  return {
    toTopic: async (arn, { message, subject, attributes = {}, groupId, deduplicationId }) => {
      const [, , , region = "us-east-1"] = arn.split(":");
      const MessageAttributes = Object.fromEntries(
        Object.entries(attributes).map(([name, { type, stringValue, binaryValue }]) => [
          name,
          { DataType: type, StringValue: stringValue, BinaryValue: binaryValue },
        ]),
      );
      const published = new PublishCommand({
        TopicArn: arn,
        Message: message,
        Subject: subject,
        MessageAttributes,
        MessageGroupId: groupId,
        MessageDeduplicationId: deduplicationId,
      });
      try {
        await at(region).send(published);
      } catch (error) {
        const { name, message: text, $fault: fault } = error as Error & { $fault?: string };
        throw fault === "client" ? new DeliveryRefused(name, text) : error;
      }
    },
    close: () => {
      for (const client of clients.values()) client.destroy();
    },
  };
}

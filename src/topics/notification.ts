import {
  attributesFrom,
  type MessageAttribute,
  type StoredAttributes,
  storedAttributes,
} from "../core/message-attribute.ts";
import type { NotificationSignature, SignedMembers } from "./notification-signing.ts";
import type { SubscriptionRecord } from "./topic-records.ts";

/** A published message on its way to one subscription. */
export interface Notification {
  readonly messageId: string;
  readonly topicArn: string;
  readonly subject: string | undefined;
  readonly message: string;
  readonly attributes: Readonly<Record<string, MessageAttribute>>;
  readonly timestampMs: number;
  readonly sequenceNumber?: string | undefined;
  readonly groupId?: string | undefined;
  readonly deduplicationId?: string | undefined;
  /** How clients reach this server, for links. */
  readonly host: string;
}

interface AttributeText {
  readonly Type: string;
  readonly Value: string;
}

const attributeTexts = ({ attributes }: Notification): Record<string, AttributeText> =>
  Object.fromEntries(
    Object.entries(attributes).map(([name, { type, stringValue, binaryValue }]) => [
      name,
      {
        Type: type,
        Value: binaryValue === undefined ? (stringValue ?? "") : Buffer.from(binaryValue).toString("base64"),
      },
    ]),
  );

export const unsubscribeUrl = ({ host }: Notification, { arn }: SubscriptionRecord): string =>
  `http://${host}/?Action=Unsubscribe&Version=2010-03-31&SubscriptionArn=${encodeURIComponent(arn)}`;

/** What a notification's signature is about. */
export const signedMembers = (notification: Notification): SignedMembers => ({
  Message: notification.message,
  MessageId: notification.messageId,
  Subject: notification.subject,
  Timestamp: new Date(notification.timestampMs).toISOString(),
  TopicArn: notification.topicArn,
  Type: "Notification",
});

/** What queues and HTTP endpoints get without raw delivery. */
export function notificationText(
  notification: Notification,
  subscription: SubscriptionRecord,
  signature: NotificationSignature,
): string {
  const { attributes, subject, sequenceNumber } = notification;
  return JSON.stringify({
    Type: "Notification",
    MessageId: notification.messageId,
    ...(sequenceNumber !== undefined && { SequenceNumber: sequenceNumber }),
    TopicArn: notification.topicArn,
    ...(subject !== undefined && { Subject: subject }),
    Message: notification.message,
    Timestamp: new Date(notification.timestampMs).toISOString(),
    ...signature,
    UnsubscribeURL: unsubscribeUrl(notification, subscription),
    ...(Object.keys(attributes).length > 0 && { MessageAttributes: attributeTexts(notification) }),
  });
}

/** The event of a function, see "Invoking Lambda functions with Amazon SNS notifications". */
export function functionEvent(
  notification: Notification,
  subscription: SubscriptionRecord,
  { SignatureVersion, Signature, SigningCertURL: SigningCertUrl }: NotificationSignature,
): Uint8Array {
  const record = {
    EventSource: "aws:sns",
    EventVersion: "1.0",
    EventSubscriptionArn: subscription.arn,
    Sns: {
      Type: "Notification",
      MessageId: notification.messageId,
      TopicArn: notification.topicArn,
      Subject: notification.subject ?? null,
      Message: notification.message,
      Timestamp: new Date(notification.timestampMs).toISOString(),
      SignatureVersion,
      Signature,
      SigningCertUrl,
      UnsubscribeUrl: unsubscribeUrl(notification, subscription),
      MessageAttributes: attributeTexts(notification),
    },
  };
  return Buffer.from(JSON.stringify({ Records: [record] }));
}

export const encodeNotification = (notification: Notification): Uint8Array =>
  Buffer.from(JSON.stringify({ ...notification, attributes: storedAttributes(notification.attributes) }));

export function decodeNotification(bytes: Uint8Array): Notification {
  const stored = JSON.parse(Buffer.from(bytes).toString()) as Omit<Notification, "attributes"> & {
    readonly attributes: StoredAttributes;
  };
  return { ...stored, attributes: attributesFrom(stored.attributes) };
}

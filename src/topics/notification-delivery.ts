import { type DeliveryFailure, DeliveryQueue } from "../event-delivery/delivery-queue.ts";
import type { Clock } from "../ports/clock.ts";
import {
  DeliveryRefused,
  type EventSender,
  type EventTargets,
  type QueueDelivery,
} from "../ports/event-targets.ts";
import type { HttpDeliveries } from "../ports/http-deliveries.ts";
import type { BlobStore, DurableQueue, KeyValueStore } from "../ports/store.ts";
import {
  decodeNotification,
  encodeNotification,
  functionEvent,
  type Notification,
  notificationText,
  signedMembers,
} from "./notification.ts";
import type { NotificationSignature, NotificationSigning } from "./notification-signing.ts";
import { OrderedBacklog } from "./ordered-backlog.ts";
import { redriveTarget } from "./topic-attributes.ts";
import type { SubscriptionRecord } from "./topic-records.ts";
import type { Subscription, Topics } from "./topics.ts";

/** AWS: endpoints of customers are tried 50 times in an hour, AWS's own 100,015 times in 23 days. */
const HTTP_RETRIES = { maximumRetryAttempts: 50, maximumEventAgeSeconds: 3_600 };
const OWN_RETRIES = { maximumRetryAttempts: 100_015, maximumEventAgeSeconds: 23 * 86_400 };

interface Address {
  readonly subscriptionArn: string;
  /** Set: it is asked to confirm, by a link to this host. */
  readonly confirmationHost?: string | undefined;
}

export interface NotificationDeliveryDependencies {
  readonly topics: Topics;
  readonly keyValue: KeyValueStore;
  readonly queue: DurableQueue;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly targets: EventTargets;
  readonly http: HttpDeliveries;
  readonly signing: NotificationSigning;
  readonly newId: () => string;
  /** Between 0 and 1. */
  readonly random: () => number;
  readonly failed: (error: unknown) => void;
}

/** Brings messages to subscriptions: at least once each, one slow subscription delaying no other. */
export class NotificationDelivery {
  readonly #dependencies: NotificationDeliveryDependencies;
  /** Queues and functions here, which take what they are given at once. */
  readonly #own: DeliveryQueue<Address>;
  /** An HTTP endpoint may be slow: each has a queue to itself. */
  readonly #http = new Map<string, DeliveryQueue<Address>>();
  /** What FIFO topics could not hand over at once. */
  readonly #backlog: OrderedBacklog;
  #isServing = false;

  private constructor(dependencies: NotificationDeliveryDependencies) {
    const { keyValue, clock, failed } = dependencies;
    this.#dependencies = dependencies;
    this.#own = this.#queue("sns/deliveries");
    this.#backlog = new OrderedBacklog({
      keyValue,
      clock,
      failed,
      deliver: (arn, notification) => this.#deliverTo(arn, notification),
      giveUp: (arn, notification, failure) => this.#giveUp(arn, notification, failure),
    });
  }

  /** Resolves when it is known what is still to be delivered in order. */
  static async open(dependencies: NotificationDeliveryDependencies): Promise<NotificationDelivery> {
    const delivery = new NotificationDelivery(dependencies);
    await delivery.#backlog.load();
    return delivery;
  }

  #queue(name: string): DeliveryQueue<Address> {
    const { queue, blobs, clock, newId, random, failed } = this.#dependencies;
    return new DeliveryQueue<Address>({
      name,
      queue,
      blobs,
      clock,
      newId,
      random,
      failed,
      deliver: ({ address, payload }) =>
        address.confirmationHost === undefined
          ? this.#deliverTo(address.subscriptionArn, decodeNotification(payload))
          : this.#askToConfirm(address.subscriptionArn, address.confirmationHost, payload),
      giveUp: async ({ address, payload }, failure) => {
        if (address.confirmationHost === undefined)
          await this.#giveUp(address.subscriptionArn, decodeNotification(payload), failure);
        else failed(new Error(`${address.subscriptionArn} was not asked to confirm: ${failure.message}`));
      },
    });
  }

  #queueOf({ arn, protocol }: SubscriptionRecord): DeliveryQueue<Address> {
    if (protocol !== "http" && protocol !== "https") return this.#own;
    let queue = this.#http.get(arn);
    if (queue === undefined) {
      queue = this.#queue(`sns/http/${arn.split(":").slice(3).join("/")}`);
      this.#http.set(arn, queue);
      if (this.#isServing) queue.start();
    }
    return queue;
  }

  /** Takes up what is still to be delivered. */
  start(): void {
    this.#isServing = true;
    this.#own.start();
    this.#backlog.start();
    for (const record of this.#dependencies.topics.everySubscription()) this.#queueOf(record);
  }

  async close(): Promise<void> {
    this.#backlog.close();
    await Promise.all([this.#own, ...this.#http.values()].map((queue) => queue.close()));
  }

  /** Resolves when all deliveries are on disk. */
  async enqueue(wanted: readonly (readonly [Pick<Subscription, "record">, Notification])[]): Promise<void> {
    const byQueue = Map.groupBy(wanted, ([{ record }]) => this.#queueOf(record));
    await Promise.all(
      [...byQueue].map(([queue, some]) =>
        queue.add(
          some.map(([{ record }, notification]) => ({
            address: { subscriptionArn: record.arn },
            payload: encodeNotification(notification),
            retries: queue === this.#own ? OWN_RETRIES : HTTP_RETRIES,
          })),
        ),
      ),
    );
  }

  /**
   * For FIFO topics: resolves when each queue has it, or it is on disk: what a queue does not take now comes later, before
   * all later messages of its group.
   */
  async inOrder(wanted: readonly (readonly [Subscription, Notification])[]): Promise<void> {
    await Promise.all(wanted.map(([{ record }, notification]) => this.#nextInOrder(record, notification)));
  }

  async #nextInOrder(record: SubscriptionRecord, notification: Notification): Promise<void> {
    if (!this.#backlog.holds(record.arn, notification)) {
      try {
        await this.#deliver(record, notification);
        return;
      } catch (error) {
        if (error instanceof DeliveryRefused) return this.enqueue([[{ record }, notification]]);
      }
    }
    await this.#backlog.add(record.arn, notification);
  }

  /** One that has been ended since gets nothing any more. */
  async #deliverTo(subscriptionArn: string, notification: Notification): Promise<void> {
    const subscription = this.#dependencies.topics.findSubscription(subscriptionArn);
    if (subscription !== undefined) await this.#deliver(subscription.record, notification);
  }

  /** Asks an HTTP endpoint to confirm its subscription, until it listens. Resolves when that is on disk. */
  async requestConfirmation(record: SubscriptionRecord, host: string): Promise<void> {
    const address = { subscriptionArn: record.arn, confirmationHost: host };
    const payload = Buffer.from(this.#dependencies.newId());
    await this.#queueOf(record).add([{ address, payload, retries: HTTP_RETRIES }]);
  }

  async #askToConfirm(subscriptionArn: string, host: string, payload: Uint8Array): Promise<void> {
    const { topics, clock, signing } = this.#dependencies;
    const record = topics.findSubscription(subscriptionArn)?.record;
    // Ended, or confirmed in another way.
    if (record?.token === undefined) return;
    const { topicArn: TopicArn, token: Token } = record;
    const MessageId = Buffer.from(payload).toString();
    const members = {
      Type: "SubscriptionConfirmation",
      MessageId,
      Token,
      TopicArn,
      Message: `You have chosen to subscribe to the topic ${TopicArn}.\nTo confirm the subscription, visit the SubscribeURL included in this message.`,
      SubscribeURL: `http://${host}/?Action=ConfirmSubscription&Version=2010-03-31&TopicArn=${encodeURIComponent(TopicArn)}&Token=${Token}`,
      Timestamp: new Date(clock.nowMs()).toISOString(),
    };
    const signature = await signing.sign(members, { version: this.#signatureVersion(record), host });
    const headers = headersOf(record, { type: members.Type, messageId: MessageId });
    await this.#post(record, headers, JSON.stringify({ ...members, ...signature }));
  }

  #signatureVersion({ topicArn }: SubscriptionRecord): string | undefined {
    return this.#dependencies.topics.find(topicArn)?.record.attributes.SignatureVersion;
  }

  #signature(record: SubscriptionRecord, notification: Notification): Promise<NotificationSignature> {
    const { host } = notification;
    const version = this.#signatureVersion(record);
    return this.#dependencies.signing.sign(signedMembers(notification), { version, host });
  }

  async #deliver(record: SubscriptionRecord, notification: Notification): Promise<void> {
    const { targets } = this.#dependencies;
    const sender = senderOf(record);
    if (record.protocol === "sqs")
      await targets.toQueue(record.endpoint, await this.#queueDelivery(record, notification), sender);
    else if (record.protocol === "lambda") {
      const signature = await this.#signature(record, notification);
      const payload = functionEvent(notification, record, signature);
      await targets.toFunction(record.endpoint, { payload }, sender);
    } else await this.#notify(record, notification);
  }

  async #notify(record: SubscriptionRecord, notification: Notification): Promise<void> {
    const isRaw = isRawDelivery(record);
    const headers = headersOf(record, { type: "Notification", messageId: notification.messageId });
    const text = isRaw
      ? notification.message
      : notificationText(notification, record, await this.#signature(record, notification));
    await this.#post(record, { ...headers, ...(isRaw && { "x-amz-sns-rawdelivery": "true" }) }, text);
  }

  async #post(
    { endpoint }: SubscriptionRecord,
    headers: Record<string, string>,
    text: string,
  ): Promise<void> {
    const status = await this.#dependencies.http.post(endpoint, headers, text);
    if (status >= 200 && status < 300) return;
    // AWS: other answers of the 4xx kind are for good, but for 429.
    if (status >= 400 && status < 500 && status !== 429)
      throw new DeliveryRefused(String(status), `The endpoint answered ${status}.`);
    throw new Error(`The endpoint answered ${status}.`);
  }

  async #queueDelivery(record: SubscriptionRecord, notification: Notification): Promise<QueueDelivery> {
    const { groupId, deduplicationId } = notification;
    const isFifoQueue = record.endpoint.endsWith(".fifo");
    const order = { groupId, ...(isFifoQueue && { deduplicationId }) };
    if (isRawDelivery(record))
      return { body: notification.message, attributes: notification.attributes, ...order };
    const signature = await this.#signature(record, notification);
    return { body: notificationText(notification, record, signature), ...order };
  }

  async #giveUp(
    subscriptionArn: string,
    notification: Notification,
    failure: Pick<DeliveryFailure, "code" | "message">,
  ): Promise<void> {
    const { targets, topics, failed } = this.#dependencies;
    const subscription = topics.findSubscription(subscriptionArn);
    if (subscription === undefined) return;
    const { record } = subscription;
    const queueArn = redriveTarget(record.attributes.RedrivePolicy);
    if (queueArn === undefined) {
      failed(new Error(`a message for ${subscriptionArn} was dropped: ${failure.code} ${failure.message}`));
      return;
    }
    await targets.toQueue(queueArn, await this.#queueDelivery(record, notification), senderOf(record));
  }
}

const senderOf = ({ topicArn }: SubscriptionRecord): EventSender => ({
  servicePrincipal: "sns.amazonaws.com",
  sourceArn: topicArn,
  sourceAccount: topicArn.split(":")[4] ?? "",
});

const isRawDelivery = ({ attributes }: SubscriptionRecord): boolean =>
  attributes.RawMessageDelivery === "true";

function headersOf(
  record: SubscriptionRecord,
  { type, messageId }: { readonly type: string; readonly messageId: string },
): Record<string, string> {
  return {
    "content-type": "text/plain; charset=UTF-8",
    "user-agent": "Amazon Simple Notification Service Agent",
    "x-amz-sns-message-type": type,
    "x-amz-sns-message-id": messageId,
    "x-amz-sns-topic-arn": record.topicArn,
    ...(type === "Notification" && { "x-amz-sns-subscription-arn": record.arn }),
  };
}

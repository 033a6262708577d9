import { type DeliveryFailure, DeliveryQueue } from "../buses/delivery-queue.ts";
import type { Clock } from "../ports/clock.ts";
import { DeliveryRefused, type EventSender, type EventTargets } from "../ports/event-targets.ts";
import type { HttpDeliveries } from "../ports/http-deliveries.ts";
import type { BlobStore, DurableQueue, KeyValueStore } from "../ports/store.ts";
import {
  decodeNotification,
  encodeNotification,
  functionEvent,
  type Notification,
  notificationText,
} from "./notification.ts";
import { OrderedBacklog } from "./ordered-backlog.ts";
import { redriveTarget } from "./topic-attributes.ts";
import type { SubscriptionRecord } from "./topic-records.ts";
import type { Subscription, Topics } from "./topics.ts";

/** AWS: endpoints of customers are tried 50 times in an hour, AWS's own 100,015 times in 23 days. */
const HTTP_RETRIES = { maximumRetryAttempts: 50, maximumEventAgeSeconds: 3_600 };
const OWN_RETRIES = { maximumRetryAttempts: 100_015, maximumEventAgeSeconds: 23 * 86_400 };

interface Address {
  readonly subscriptionArn: string;
}

export interface NotificationDeliveryDependencies {
  readonly topics: Topics;
  readonly keyValue: KeyValueStore;
  readonly queue: DurableQueue;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly targets: EventTargets;
  readonly http: HttpDeliveries;
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
        this.#deliverTo(address.subscriptionArn, decodeNotification(payload)),
      giveUp: ({ address, payload }, failure) =>
        this.#giveUp(address.subscriptionArn, decodeNotification(payload), failure),
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

  /** Asks an HTTP endpoint to confirm its subscription; once, as AWS does when it is asked to subscribe. */
  async requestConfirmation(record: SubscriptionRecord, host: string): Promise<void> {
    const { http, clock, newId, failed } = this.#dependencies;
    const query = `Action=ConfirmSubscription&Version=2010-03-31&TopicArn=${encodeURIComponent(record.topicArn)}&Token=${record.token}`;
    const messageId = newId();
    const text = JSON.stringify({
      Type: "SubscriptionConfirmation",
      MessageId: messageId,
      Token: record.token,
      TopicArn: record.topicArn,
      Message: `You have chosen to subscribe to the topic ${record.topicArn}.\nTo confirm the subscription, visit the SubscribeURL included in this message.`,
      SubscribeURL: `http://${host}/?${query}`,
      Timestamp: new Date(clock.nowMs()).toISOString(),
      SignatureVersion: "1",
      Signature: "",
      SigningCertURL: "",
    });
    const type = "SubscriptionConfirmation";
    await http.post(record.endpoint, headersOf(record, { type, messageId }), text).catch(failed);
  }

  async #deliver(record: SubscriptionRecord, notification: Notification): Promise<void> {
    const { targets } = this.#dependencies;
    const sender = senderOf(record);
    if (record.protocol === "lambda")
      await targets.toFunction(record.endpoint, { payload: functionEvent(notification, record) }, sender);
    else if (record.protocol === "sqs")
      await targets.toQueue(record.endpoint, queueDelivery(record, notification), sender);
    else await this.#post(record, notification);
  }

  async #post(record: SubscriptionRecord, notification: Notification): Promise<void> {
    const isRaw = record.attributes.RawMessageDelivery === "true";
    const headers = headersOf(record, { type: "Notification", messageId: notification.messageId });
    const status = await this.#dependencies.http.post(
      record.endpoint,
      { ...headers, ...(isRaw && { "x-amz-sns-rawdelivery": "true" }) },
      isRaw ? notification.message : notificationText(notification, record),
    );
    if (status >= 200 && status < 300) return;
    // AWS: other answers of the 4xx kind are for good, but for 429.
    if (status >= 400 && status < 500 && status !== 429)
      throw new DeliveryRefused(String(status), `The endpoint answered ${status}.`);
    throw new Error(`The endpoint answered ${status}.`);
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
    await targets.toQueue(queueArn, queueDelivery(record, notification), senderOf(record));
  }
}

const senderOf = ({ topicArn }: SubscriptionRecord): EventSender => ({
  servicePrincipal: "sns.amazonaws.com",
  sourceArn: topicArn,
  sourceAccount: topicArn.split(":")[4] ?? "",
});

function queueDelivery(record: SubscriptionRecord, notification: Notification) {
  const { groupId, deduplicationId } = notification;
  const isFifoQueue = record.endpoint.endsWith(".fifo");
  const order = { groupId, ...(isFifoQueue && { deduplicationId }) };
  return record.attributes.RawMessageDelivery === "true"
    ? { body: notification.message, attributes: notification.attributes, ...order }
    : { body: notificationText(notification, record), ...order };
}

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

import type { Clock } from "../ports/clock.ts";
import { DeliveryRefused, type EventSender, type EventTargets } from "../ports/event-targets.ts";
import type { Logger } from "../ports/logger.ts";
import type { DurableQueue, Job, NewJob } from "../ports/store.ts";
import { type Bucket, bucketArn } from "./bucket.ts";
import {
  busDetail,
  notificationText,
  type ObjectEvent,
  type RequestInfo,
  testEventText,
} from "./event-records.ts";
import {
  checkNotificationRules,
  type DestinationKind,
  matchingRules,
  type NotificationConfiguration,
  type NotificationRule,
} from "./notification-configuration.ts";
import { invalidArgument } from "./object-errors.ts";

const QUEUE = "s3-notifications";
const RECEIVE_MAX = 64;
const RECEIVE_WAIT_MS = 60_000;
/** While the store does not answer. */
const UNAVAILABLE_WAIT_MS = 1_000;
const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 300_000;
/** AWS gives no number; after a day nobody waits for it. */
const GIVE_UP_MS = 24 * 60 * 60 * 1000;
const TOPIC_SUBJECT = "Amazon S3 Notification";

/** One message to one destination, as it lies in the queue. */
interface Notification {
  readonly kind: DestinationKind | "bus";
  readonly arn: string;
  readonly text: string;
  readonly bucket: string;
  readonly account: string;
  readonly detailType?: string | undefined;
  readonly atMs?: number | undefined;
}

interface Dependencies {
  readonly queue: DurableQueue;
  readonly targets: EventTargets;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether a function's policy lets the bucket invoke it. */
  readonly mayInvoke: (functionArn: string, sender: EventSender) => boolean;
}

/**
 * Tells a bucket's destinations what happens in it, at least once each: messages are in the store before the request
 * that caused them is answered, those for functions in the functions' own queues, and leave it when the destination has
 * them.
 */
export class BucketNotifications {
  readonly #dependencies: Dependencies;
  #isClosed = false;

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
    void this.#deliverAll();
  }

  /** Resolves when the messages about an event are durable; at once when nobody wants to know. */
  announce(bucket: Bucket, event: ObjectEvent): Promise<void> | undefined {
    const { notification, name, account } = bucket;
    if (notification.rules.length === 0 && !notification.toEventBridge) return undefined;
    const messages: Notification[] = matchingRules(notification, event.name, event.key).map(
      ({ id, kind, arn }) => ({
        kind,
        arn,
        bucket: name,
        account,
        text: notificationText(bucket, event, id),
      }),
    );
    if (notification.toEventBridge) {
      const { detailType, detail: text } = busDetail(bucket, event);
      const arn = `arn:aws:events:${bucket.region}:${account}:event-bus/default`;
      messages.push({ kind: "bus", arn, text, bucket: name, account, detailType, atMs: event.atMs });
    }
    if (messages.length === 0) return undefined;
    const functions = messages.filter(({ kind }) => kind === "function");
    const others = messages.filter(({ kind }) => kind !== "function");
    return Promise.all([
      ...functions.map((message) => this.#handAtOnce(message)),
      ...(others.length > 0 ? [this.#keep(others)] : []),
    ]).then(() => undefined);
  }

  #keep(messages: readonly Notification[]): Promise<void> {
    const jobs: NewJob[] = messages.map((message) => ({ body: Buffer.from(JSON.stringify(message)) }));
    return this.#dependencies.queue.enqueue(QUEUE, jobs);
  }

  /** A function has a queue of its own, as durable as this one: what goes into it at once need not wait here first. */
  async #handAtOnce(message: Notification): Promise<void> {
    try {
      await this.#hand(message);
    } catch (error) {
      if (error instanceof DeliveryRefused) this.#refused(message, error);
      else await this.#keep([message]);
    }
  }

  #refused({ bucket, arn }: Notification, error: unknown): void {
    this.#dependencies.logger.warn("a bucket's notification was not delivered", {
      bucket,
      arn,
      error: String(error),
    });
  }

  /**
   * Throws S3's error for a configuration that is not valid or names destinations that cannot be reached; queues and
   * topics get a test message.
   */
  async validate(
    bucket: Bucket,
    { rules }: NotificationConfiguration,
    options: { readonly skipsDestinations: boolean; readonly request: RequestInfo },
  ): Promise<void> {
    checkNotificationRules(rules);
    if (options.skipsDestinations) return;
    const text = testEventText(bucket.name, this.#dependencies.clock.nowMs(), options.request);
    for (const rule of rules) await this.#probe(bucket, rule, text);
  }

  close(): void {
    this.#isClosed = true;
  }

  async #probe(bucket: Bucket, { kind, arn }: NotificationRule, text: string): Promise<void> {
    const sender = senderOf(bucket.name, bucket.account);
    const { targets, mayInvoke } = this.#dependencies;
    try {
      if (kind === "queue") await targets.toQueue(arn, { body: text }, sender);
      else if (kind === "topic")
        await targets.toTopic(arn, { message: text, subject: TOPIC_SUBJECT }, sender);
      else if (!mayInvoke(arn, sender)) throw new DeliveryRefused("AccessDenied", "not allowed");
    } catch (error) {
      if (!(error instanceof DeliveryRefused)) throw error;
      throw invalidArgument(
        "Unable to validate the following destination configurations",
        arn,
        kind === "function"
          ? "Not authorized to invoke function"
          : "Permissions on the destination queue or topic do not allow S3 to publish notifications from this bucket",
      );
    }
  }

  async #deliverAll(): Promise<void> {
    const { queue, clock, logger } = this.#dependencies;
    while (!this.#isClosed) {
      try {
        for (const job of await queue.receive(QUEUE, RECEIVE_MAX, RECEIVE_WAIT_MS)) void this.#deliver(job);
      } catch (error) {
        if (this.#isClosed) return;
        logger.warn("bucket notifications cannot be read", { error: String(error) });
        await new Promise<void>((resolve) => void clock.after(UNAVAILABLE_WAIT_MS, resolve));
      }
    }
  }

  async #deliver(job: Job): Promise<void> {
    const { clock, logger } = this.#dependencies;
    const message = JSON.parse(Buffer.from(job.body).toString()) as Notification;
    try {
      await this.#hand(message);
      await job.done();
    } catch (error) {
      if (this.#isClosed) return;
      const { bucket } = message;
      const isOver = error instanceof DeliveryRefused || clock.nowMs() - job.enqueuedAtMs > GIVE_UP_MS;
      if (isOver) this.#refused(message, error);
      const delayMs = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** Math.min(job.deliveries, 10));
      await (isOver ? job.done() : job.retry(delayMs)).catch((failure: unknown) =>
        logger.warn("a bucket's notification is delivered again", { bucket, error: String(failure) }),
      );
    }
  }

  #hand({ kind, arn, text, bucket, account, detailType, atMs }: Notification): Promise<void> {
    const { targets } = this.#dependencies;
    const sender = senderOf(bucket, account);
    switch (kind) {
      case "function":
        return targets.toFunction(arn, { payload: Buffer.from(text) }, sender);
      case "queue":
        return targets.toQueue(arn, { body: text }, sender);
      case "topic":
        return targets.toTopic(arn, { message: text, subject: TOPIC_SUBJECT }, sender);
      case "bus":
        return targets.toBus(
          arn,
          {
            source: "aws.s3",
            detailType: detailType ?? "",
            detail: text,
            resources: [bucketArn(bucket)],
            timeMs: atMs ?? 0,
          },
          sender,
        );
    }
  }
}

const senderOf = (bucket: string, account: string): EventSender => ({
  servicePrincipal: "s3.amazonaws.com",
  sourceArn: bucketArn(bucket),
  sourceAccount: account,
});

import { createHash, randomUUID } from "node:crypto";
import { type MessageAttribute, messageBytes } from "../core/message-attribute.ts";
import type { Clock } from "../ports/clock.ts";
import type { Notification } from "./notification.ts";
import type { NotificationDelivery } from "./notification-delivery.ts";
import { invalidParameter } from "./topic-errors.ts";
import { isFifoTopic } from "./topic-records.ts";
import type { Subscription, Topics } from "./topics.ts";

/** What is published. */
export interface Publication {
  readonly message: string;
  readonly subject?: string | undefined;
  readonly messageStructure?: string | undefined;
  readonly attributes: Readonly<Record<string, MessageAttribute>>;
  readonly groupId?: string | undefined;
  readonly deduplicationId?: string | undefined;
}

export interface Published {
  readonly messageId: string;
  readonly sequenceNumber: string | undefined;
}

export const PUBLISHED_BYTES_MAX = 262_144;
const DEDUPLICATION_MS = 5 * 60_000;
const SUBJECT = /^[\x20-\x7e]{1,100}$/;
const GROUP = /^[\x21-\x7e]{1,128}$/;

/** Publishes messages: resolves when each subscription's delivery is on disk, or was made. */
export class Publishing {
  readonly #topics: Topics;
  readonly #delivery: NotificationDelivery;
  readonly #clock: Clock;
  /** FIFO topics: one message after the other. */
  readonly #last = new Map<string, Promise<unknown>>();
  readonly #deduplication = new Map<
    string,
    { readonly published: Promise<Published>; readonly untilMs: number }
  >();
  #sequence = 0;

  constructor(parts: {
    readonly topics: Topics;
    readonly delivery: NotificationDelivery;
    readonly clock: Clock;
  }) {
    this.#topics = parts.topics;
    this.#delivery = parts.delivery;
    this.#clock = parts.clock;
  }

  /** `host`: how clients reach this server. Throws SNS's errors. */
  async publish(topicArn: string, publication: Publication, host: string): Promise<Published> {
    const topic = this.#topics.get(topicArn);
    checkPublication(publication);
    if (!isFifoTopic(topicArn)) {
      if (publication.deduplicationId !== undefined)
        throw invalidParameter(
          "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type",
        );
      return this.#send(topicArn, publication, { host, sequenceNumber: undefined });
    }
    if (publication.groupId === undefined)
      throw invalidParameter("The MessageGroupId parameter is required for FIFO topics");
    const deduplicationId =
      publication.deduplicationId ??
      (topic.record.attributes.ContentBasedDeduplication === "true"
        ? createHash("sha256").update(publication.message).digest("hex")
        : undefined);
    if (deduplicationId === undefined)
      throw invalidParameter(
        "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
      );
    return this.#once(`${topicArn} ${deduplicationId}`, () =>
      this.#inOrder(topicArn, { ...publication, deduplicationId }, host),
    );
  }

  #once(key: string, publish: () => Promise<Published>): Promise<Published> {
    const nowMs = this.#clock.nowMs();
    for (const [known, { untilMs }] of this.#deduplication) {
      if (untilMs > nowMs) break;
      this.#deduplication.delete(known);
    }
    const earlier = this.#deduplication.get(key);
    if (earlier !== undefined) return earlier.published;
    const published = publish();
    this.#deduplication.set(key, { published, untilMs: nowMs + DEDUPLICATION_MS });
    published.catch(() => this.#deduplication.delete(key));
    return published;
  }

  #inOrder(topicArn: string, publication: Publication, host: string): Promise<Published> {
    this.#sequence = Math.max(this.#sequence + 1, Math.trunc(this.#clock.nowMs()) * 1_000);
    const sequenceNumber = `1${String(this.#sequence).padStart(19, "0")}`;
    const before = this.#last.get(topicArn) ?? Promise.resolve();
    const published = before.then(() => this.#send(topicArn, publication, { host, sequenceNumber }));
    const settled = published.catch(() => undefined);
    this.#last.set(topicArn, settled);
    void settled.then(() => {
      if (this.#last.get(topicArn) === settled) this.#last.delete(topicArn);
    });
    return published;
  }

  async #send(
    topicArn: string,
    publication: Publication,
    { host, sequenceNumber }: { host: string; sequenceNumber: string | undefined },
  ): Promise<Published> {
    const messageId = randomUUID();
    const texts = textsOf(publication);
    const notification: Omit<Notification, "message"> = {
      messageId,
      topicArn,
      subject: publication.subject,
      attributes: publication.attributes,
      timestampMs: this.#clock.nowMs(),
      sequenceNumber,
      groupId: publication.groupId,
      deduplicationId: publication.deduplicationId,
      host,
    };
    const wanted = [...this.#topics.get(topicArn).subscriptions.values()]
      .filter(({ record }) => record.token === undefined)
      .map((subscription): [Subscription, Notification] => {
        const message = texts[subscription.record.protocol] ?? texts.default ?? "";
        return [subscription, { ...notification, message }];
      })
      .filter(([{ accepts }, { message, attributes }]) => accepts(message, attributes));
    if (sequenceNumber === undefined) await this.#delivery.enqueue(wanted);
    else await this.#delivery.inOrder(wanted);
    return { messageId, sequenceNumber };
  }
}

/** AWS: with `MessageStructure` json each protocol can have a text of its own. */
function textsOf({ message, messageStructure }: Publication): Readonly<Record<string, string>> {
  if (messageStructure !== "json") return { default: message };
  const texts = Object.entries(JSON.parse(message) as Record<string, unknown>);
  return Object.fromEntries(texts.filter((entry): entry is [string, string] => typeof entry[1] === "string"));
}

function checkPublication({ message, subject, messageStructure, attributes, groupId }: Publication): void {
  if (message === "") throw invalidParameter("Empty message");
  if (subject !== undefined && (!SUBJECT.test(subject) || subject.startsWith(" ")))
    throw invalidParameter("Subject");
  if (groupId !== undefined && !GROUP.test(groupId)) throw invalidParameter("MessageGroupId");
  if (messageBytes(message, attributes) > PUBLISHED_BYTES_MAX) throw invalidParameter("Message too long");
  if (messageStructure !== undefined && messageStructure !== "" && messageStructure !== "json")
    throw invalidParameter("MessageStructure");
  if (messageStructure === "json") checkStructure(message);
  checkAttributes(attributes);
}

function checkAttributes(attributes: Readonly<Record<string, MessageAttribute>>): void {
  for (const [name, { type, stringValue, binaryValue }] of Object.entries(attributes)) {
    if (!/^(String|Number|Binary|String\.Array)(\..+)?$/.test(type))
      throw invalidParameter(
        `The message attribute '${name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.`,
      );
    if (!stringValue && !binaryValue?.byteLength)
      throw invalidParameter(
        `The message attribute '${name}' must contain non-empty message attribute value for message attribute type '${type}'.`,
      );
  }
}

function checkStructure(message: string): void {
  let texts: unknown;
  try {
    texts = JSON.parse(message);
  } catch {
    throw invalidParameter("Message Structure - JSON message body failed to parse");
  }
  if (typeof (texts as { default?: unknown } | null)?.default !== "string")
    throw invalidParameter("Message Structure - No default entry in JSON message body");
}

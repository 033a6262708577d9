import { randomUUID } from "node:crypto";
import { AwsError } from "../core/errors.ts";
import { type PolicyDocument, parsePolicyDocument } from "../core/policy-document.ts";
import type { KeyValueStore } from "../ports/store.ts";
import { filterOf, type SubscriptionFilter } from "./subscription-filter.ts";
import { checkSubscriptionAttributes, checkTopicAttributes } from "./topic-attributes.ts";
import { invalidParameter, notServed, subscriptionNotFound, topicNotFound } from "./topic-errors.ts";
import {
  decodeRecord,
  encodeRecord,
  isFifoTopic,
  parseTopicArn,
  SUBSCRIPTION_PREFIX,
  type SubscriptionProtocol,
  type SubscriptionRecord,
  subscriptionKey,
  TOPIC_PREFIX,
  type TopicName,
  type TopicRecord,
  topicArn,
  topicKey,
} from "./topic-records.ts";

type Attributes = Readonly<Record<string, string>>;

/** A subscription with its filter, compiled. */
export interface Subscription {
  readonly record: SubscriptionRecord;
  readonly accepts: SubscriptionFilter;
}

export interface Topic {
  readonly record: TopicRecord;
  readonly subscriptions: ReadonlyMap<string, Subscription>;
}

interface HeldTopic {
  record: TopicRecord;
  readonly subscriptions: Map<string, Subscription>;
}

export interface NewSubscription {
  readonly topic: TopicName;
  readonly protocol: string;
  readonly endpoint: string;
  readonly attributes: Attributes;
  readonly owner: string;
}

const TAGS_MAX = 50;
const SERVED_PROTOCOLS: ReadonlySet<string> = new Set(["sqs", "lambda", "http", "https"]);
const OTHER_PROTOCOLS: ReadonlySet<string> = new Set([
  "email",
  "email-json",
  "sms",
  "application",
  "firehose",
]);

/** Topics and who is subscribed to them. Errors are SNS's. */
export class Topics {
  readonly #keyValue: KeyValueStore;
  readonly #byArn = new Map<string, HeldTopic>();

  private constructor(keyValue: KeyValueStore) {
    this.#keyValue = keyValue;
  }

  static async open(keyValue: KeyValueStore): Promise<Topics> {
    const topics = new Topics(keyValue);
    for (const { value } of await keyValue.list(TOPIC_PREFIX)) {
      const record = decodeRecord<TopicRecord>(value);
      topics.#byArn.set(topicArn(record), { record, subscriptions: new Map() });
    }
    for (const { value } of await keyValue.list(SUBSCRIPTION_PREFIX)) {
      const record = decodeRecord<SubscriptionRecord>(value);
      topics.#byArn.get(record.topicArn)?.subscriptions.set(record.arn, held(record));
    }
    return topics;
  }

  find(arn: string): Topic | undefined {
    return this.#byArn.get(arn);
  }

  get(arn: string): Topic {
    return this.#held(arn);
  }

  #held(arn: string): HeldTopic {
    if (parseTopicArn(arn) === undefined) throw invalidParameter("TopicArn");
    const topic = this.#byArn.get(arn);
    if (topic === undefined) throw topicNotFound();
    return topic;
  }

  list({ account, region }: Omit<TopicName, "name">): Topic[] {
    return [...this.#byArn.values()].filter(
      ({ record }) => record.account === account && record.region === region,
    );
  }

  /** AWS: the same name with the same attributes is the same topic. */
  async create(name: TopicName, attributes: Attributes, tags: Attributes): Promise<string> {
    const isFifo = isFifoTopic(name.name);
    if (!/^[\w-]{1,256}$/.test(name.name.replace(/\.fifo$/, ""))) throw invalidParameter("Topic Name");
    if (isFifo !== (attributes.FifoTopic?.toLowerCase() === "true"))
      throw invalidParameter(
        isFifo
          ? "Topic Name"
          : "Fifo Topic names must end with .fifo and must be made up of only uppercase and lowercase ASCII letters, numbers, underscores, and hyphens, and must be between 1 and 256 characters long.",
      );
    checkTopicAttributes(attributes);
    const arn = topicArn(name);
    const existing = this.#byArn.get(arn);
    if (existing !== undefined) {
      const differs = Object.entries(attributes).some(
        ([key, value]) => existing.record.attributes[key] !== value,
      );
      if (differs)
        throw invalidParameter("Attributes Reason: Topic already exists with different attributes");
      return arn;
    }
    const record: TopicRecord = { schema: 1, ...name, attributes, tags: checkedTags(tags) };
    await this.#keyValue.put(topicKey(name), encodeRecord(record));
    // Somebody else may have made it meanwhile, with subscriptions.
    if (!this.#byArn.has(arn)) this.#byArn.set(arn, { record, subscriptions: new Map() });
    return arn;
  }

  /** AWS: a topic that is not there is deleted just as well. */
  async delete(arn: string): Promise<void> {
    if (parseTopicArn(arn) === undefined) throw invalidParameter("TopicArn");
    const topic = this.#byArn.get(arn);
    if (topic === undefined) return;
    this.#byArn.delete(arn);
    await this.#keyValue.delete(topicKey(topic.record));
    await Promise.all(
      [...topic.subscriptions.keys()].map((key) => this.#keyValue.delete(subscriptionKey(key))),
    );
  }

  async setAttributes(arn: string, attributes: Attributes): Promise<void> {
    const topic = this.#held(arn);
    if (attributes.FifoTopic !== undefined) throw invalidParameter("AttributeName");
    const given = Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== ""));
    checkTopicAttributes(given);
    const kept = { ...topic.record.attributes, ...attributes };
    await this.#change(topic, { attributes: withoutEmpty(kept) });
  }

  async setTags(arn: string, tags: Attributes): Promise<void> {
    await this.#change(this.#tagged(arn), { tags: checkedTags(tags) });
  }

  tags(arn: string): Attributes {
    return this.#tagged(arn).record.tags;
  }

  #tagged(arn: string): HeldTopic {
    const topic = this.#byArn.get(arn);
    if (topic === undefined) throw new AwsError("ResourceNotFoundException", "Resource does not exist", 404);
    return topic;
  }

  async #change(topic: HeldTopic, changes: Partial<TopicRecord>): Promise<void> {
    const record = { ...topic.record, ...changes };
    await this.#keyValue.put(topicKey(record), encodeRecord(record));
    topic.record = record;
  }

  /** A topic's own policy; undefined when it has none, or there is no such topic. */
  policyOf(arn: string): PolicyDocument | undefined {
    const text = this.#byArn.get(arn)?.record.attributes.Policy;
    if (text === undefined) return undefined;
    const parsed = parsePolicyDocument(text, "resource");
    return "problem" in parsed ? undefined : parsed;
  }

  /** AWS: the same endpoint again is the same subscription. Without a token it is confirmed at once. */
  async subscribe(asked: NewSubscription): Promise<SubscriptionRecord> {
    const arn = topicArn(asked.topic);
    const topic = this.#held(arn);
    const protocol = checkedEndpoint(asked.protocol, asked.endpoint);
    if (isFifoTopic(arn) && protocol !== "sqs")
      throw invalidParameter(`Invalid parameter: Endpoint Reason: FIFO topics can only deliver to queues`);
    checkSubscriptionAttributes(asked.attributes, asked.attributes);
    const existing = [...topic.subscriptions.values()].find(
      ({ record }) => record.protocol === protocol && record.endpoint === asked.endpoint,
    );
    if (existing !== undefined) {
      const { attributes } = existing.record;
      if (Object.entries(asked.attributes).some(([name, value]) => attributes[name] !== value))
        throw invalidParameter("Attributes Reason: Subscription already exists with different attributes");
      return existing.record;
    }
    const isHttp = protocol === "http" || protocol === "https";
    return this.#keep(topic, {
      schema: 1,
      arn: `${arn}:${randomUUID()}`,
      topicArn: arn,
      owner: asked.owner,
      protocol,
      endpoint: asked.endpoint,
      attributes: withoutEmpty(asked.attributes),
      ...(isHttp && { token: randomUUID().replaceAll("-", "").repeat(2) }),
    });
  }

  async #keep(topic: HeldTopic, record: SubscriptionRecord): Promise<SubscriptionRecord> {
    await this.#keyValue.put(subscriptionKey(record.arn), encodeRecord(record));
    topic.subscriptions.set(record.arn, held(record));
    return record;
  }

  /** AWS: a caller with a name can ask that only such callers end the subscription. */
  async confirm(arn: string, token: string, authenticatesUnsubscribe = false): Promise<SubscriptionRecord> {
    const topic = this.#held(arn);
    for (const { record } of topic.subscriptions.values()) {
      if (record.token !== token) continue;
      const { token: _, ...confirmed } = record;
      return this.#keep(topic, {
        ...confirmed,
        ...(authenticatesUnsubscribe && { authenticatesUnsubscribe }),
      });
    }
    throw invalidParameter("Token");
  }

  findSubscription(arn: string): Subscription | undefined {
    return this.#byArn.get(topicOf(arn))?.subscriptions.get(arn);
  }

  subscription(arn: string): Subscription {
    const subscription = this.findSubscription(arn);
    if (subscription === undefined) throw subscriptionNotFound();
    return subscription;
  }

  *everySubscription(): Generator<SubscriptionRecord> {
    for (const { subscriptions } of this.#byArn.values())
      for (const { record } of subscriptions.values()) yield record;
  }

  /** All of an account in a region. */
  subscriptions(owner: Omit<TopicName, "name">): SubscriptionRecord[] {
    return this.list(owner).flatMap(({ subscriptions }) =>
      [...subscriptions.values()].map(({ record }) => record),
    );
  }

  async setSubscriptionAttribute(arn: string, name: string, value: string): Promise<void> {
    const { record } = this.subscription(arn);
    const attributes = { ...record.attributes, [name]: value };
    checkSubscriptionAttributes({ [name]: value }, attributes);
    await this.#keep(this.#held(record.topicArn), { ...record, attributes: withoutEmpty(attributes) });
  }

  /** AWS: a subscription that is not there is ended just as well. */
  async unsubscribe(arn: string): Promise<void> {
    if (!/^arn:aws[a-z-]*:sns:[^:]+:\d{12}:[^:]+:[^:]+$/.test(arn)) throw invalidParameter("SubscriptionId");
    this.#byArn.get(topicOf(arn))?.subscriptions.delete(arn);
    await this.#keyValue.delete(subscriptionKey(arn));
  }
}

const held = (record: SubscriptionRecord): Subscription => ({ record, accepts: filterOf(record.attributes) });

const topicOf = (subscriptionArn: string): string => subscriptionArn.split(":").slice(0, 6).join(":");

const withoutEmpty = (attributes: Attributes): Attributes =>
  Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== ""));

function checkedTags(tags: Attributes): Attributes {
  if (Object.keys(tags).length > TAGS_MAX)
    throw new AwsError(
      "TagLimitExceededException",
      "Could not complete request: tag quota of per resource exceeded",
      400,
    );
  return tags;
}

function checkedEndpoint(protocol: string, endpoint: string): SubscriptionProtocol {
  if (OTHER_PROTOCOLS.has(protocol)) throw notServed(`Protocol ${protocol}`);
  if (!SERVED_PROTOCOLS.has(protocol))
    throw invalidParameter(`Amazon SNS does not support this protocol string: ${protocol}`);
  const isValid =
    protocol === "sqs" || protocol === "lambda"
      ? new RegExp(`^arn:aws[a-z-]*:${protocol}:[a-z0-9-]+:\\d{12}:.+$`).test(endpoint)
      : endpoint.startsWith(`${protocol}://`) && URL.canParse(endpoint);
  if (!isValid)
    throw invalidParameter(
      protocol === "sqs"
        ? "SQS endpoint ARN"
        : protocol === "lambda"
          ? "Lambda endpoint ARN"
          : "Endpoint must match the specified protocol",
    );
  return protocol as SubscriptionProtocol;
}

/** A topic as it is kept. */
export interface TopicRecord {
  readonly schema: 1;
  readonly account: string;
  readonly region: string;
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
}

export type SubscriptionProtocol = "sqs" | "lambda" | "http" | "https";

/** A subscription as it is kept. */
export interface SubscriptionRecord {
  readonly schema: 1;
  readonly arn: string;
  readonly topicArn: string;
  readonly owner: string;
  readonly protocol: SubscriptionProtocol;
  readonly endpoint: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Set while the endpoint has not confirmed. */
  readonly token?: string | undefined;
  /** The link in its messages does not end it: asked for by whoever confirmed it. */
  readonly authenticatesUnsubscribe?: boolean | undefined;
}

export interface TopicName {
  readonly account: string;
  readonly region: string;
  readonly name: string;
}

export const TOPIC_PREFIX = "topics/records/";
export const SUBSCRIPTION_PREFIX = "topics/subscriptions/";

export const topicKey = ({ account, region, name }: TopicName): string =>
  `${TOPIC_PREFIX}${account}/${region}/${name}`;

/** A subscription's ARN is its topic's with an id behind. */
export const subscriptionKey = (arn: string): string =>
  `${SUBSCRIPTION_PREFIX}${arn.split(":").slice(3).join("/")}`;

export const topicArn = ({ account, region, name }: TopicName): string =>
  `arn:aws:sns:${region}:${account}:${name}`;

/** Undefined for what is no topic's ARN. */
export function parseTopicArn(arn: string): TopicName | undefined {
  const [, region, account, name] =
    /^arn:aws[a-z-]*:sns:([a-z0-9-]+):(\d{12}):([\w-]{1,256}(?:\.fifo)?)$/.exec(arn) ?? [];
  return region === undefined || account === undefined || name === undefined
    ? undefined
    : { account, region, name };
}

export const isFifoTopic = (arnOrName: string): boolean => arnOrName.endsWith(".fifo");

export const encodeRecord = (record: TopicRecord | SubscriptionRecord): Uint8Array =>
  Buffer.from(JSON.stringify(record));

export const decodeRecord = <T extends { readonly schema: 1 }>(value: Uint8Array): T =>
  JSON.parse(Buffer.from(value).toString()) as T;

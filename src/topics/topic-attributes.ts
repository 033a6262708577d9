import { parsePolicyDocument } from "../core/policy-document.ts";
import { filterOf } from "./subscription-filter.ts";
import { invalidParameter, notServed } from "./topic-errors.ts";

type Attributes = Readonly<Record<string, string>>;

const isBoolean = (value: string): boolean => /^(true|false)$/i.test(value);
const isJsonObject = (value: string): boolean => {
  try {
    return value === "" || typeof (JSON.parse(value) as unknown) === "object";
  } catch {
    return false;
  }
};

/** See "SetTopicAttributes" in the Amazon SNS API reference. */
const TOPIC: Readonly<Record<string, (value: string) => boolean>> = {
  DisplayName: (value) => value.length <= 100,
  Policy: (value) => !("problem" in parsePolicyDocument(value, "resource")),
  DeliveryPolicy: isJsonObject,
  FifoTopic: isBoolean,
  ContentBasedDeduplication: isBoolean,
  FifoThroughputScope: (value) => value === "Topic" || value === "MessageGroup",
  SignatureVersion: (value) => value === "1" || value === "2",
  TracingConfig: (value) => value === "PassThrough",
};
const NOT_SERVED = new Set(["KmsMasterKeyId", "ArchivePolicy", "ReplayPolicy", "SubscriptionRoleArn"]);

/** Throws SNS's error for what a topic cannot have. */
export function checkTopicAttributes(given: Attributes): void {
  for (const [name, value] of Object.entries(given)) {
    if (NOT_SERVED.has(name) || /FeedbackRoleArn$|FeedbackSampleRate$/.test(name)) throw notServed(name);
    const isValid = TOPIC[name];
    if (isValid === undefined) throw invalidParameter("AttributeName");
    if (!isValid(value)) throw invalidParameter(`Attributes Reason: Invalid value for attribute ${name}`);
  }
}

/** See "SetSubscriptionAttributes" in the Amazon SNS API reference. `all`: with what the subscription has already. */
export function checkSubscriptionAttributes(given: Attributes, all: Attributes): void {
  for (const [name, value] of Object.entries(given)) {
    if (NOT_SERVED.has(name)) throw notServed(name);
    switch (name) {
      case "RawMessageDelivery":
        if (!isBoolean(value))
          throw invalidParameter(
            `Attributes Reason: RawMessageDelivery: Invalid value [${value}]. Must be true or false.`,
          );
        break;
      case "FilterPolicyScope":
        if (value !== "MessageAttributes" && value !== "MessageBody")
          throw invalidParameter(
            `Attributes Reason: FilterPolicyScope: Invalid value [${value}]. Please use either MessageBody or MessageAttributes`,
          );
        break;
      case "FilterPolicy":
        filterOf(all);
        break;
      case "RedrivePolicy":
        if (value !== "" && redriveTarget(value) === undefined)
          throw invalidParameter(
            "Attributes Reason: RedrivePolicy: must be a valid JSON object with a deadLetterTargetArn",
          );
        break;
      case "DeliveryPolicy":
        if (!isJsonObject(value))
          throw invalidParameter("Attributes Reason: DeliveryPolicy: must be a JSON object");
        if (value !== "") throw notServed("DeliveryPolicy of a subscription");
        break;
      default:
        throw invalidParameter("AttributeName");
    }
  }
}

/** The dead-letter queue of a RedrivePolicy. */
export function redriveTarget(text: string | undefined): string | undefined {
  try {
    const { deadLetterTargetArn } = JSON.parse(text ?? "") as { deadLetterTargetArn?: unknown };
    return typeof deadLetterTargetArn === "string" && /^arn:aws[a-z-]*:sqs:/.test(deadLetterTargetArn)
      ? deadLetterTargetArn
      : undefined;
  } catch {
    return undefined;
  }
}

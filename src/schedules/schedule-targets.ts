import {
  DeliveryRefused,
  type EventSender,
  type EventTargets,
  type MessageAttribute,
} from "../ports/event-targets.ts";
import type { ScheduleTarget } from "./schedule-records.ts";
import { scheduleInvalid, schedulesNotSupported } from "./scheduler-errors.ts";

/** Something that a schedule calls. */
type Call =
  | { readonly to: "function"; readonly arn: string; readonly payload: string }
  | {
      readonly to: "queue";
      readonly arn: string;
      readonly body: string;
      readonly groupId?: string | undefined;
      readonly deduplicationId?: string | undefined;
    }
  | {
      readonly to: "topic";
      readonly arn: string;
      readonly message: string;
      readonly subject?: string | undefined;
      readonly groupId?: string | undefined;
      readonly deduplicationId?: string | undefined;
    }
  | {
      readonly to: "bus";
      readonly arn: string;
      readonly source: string;
      readonly detailType: string;
      readonly detail: string;
    };

const UNIVERSAL = "arn:aws:scheduler:::aws-sdk:";

/** Throws AWS's error, or one that names what is not supported, for a target that cannot be called. */
export function checkTarget(target: ScheduleTarget): void {
  const { Arn: arn, Input: input } = target;
  if (!/^arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:(\d{12})?:.+$/.test(arn))
    throw scheduleInvalid(`Provided Arn is not in correct format: ${arn}.`);
  if (arn.startsWith(UNIVERSAL)) {
    if (!Object.hasOwn(UNIVERSAL_CALLS, arn.slice(UNIVERSAL.length)))
      throw schedulesNotSupported(`The universal target ${arn}`);
    if (UNIVERSAL_CALLS[arn.slice(UNIVERSAL.length)]?.(inputObject(input)) === undefined)
      throw scheduleInvalid(`Invalid RequestJson provided. Reason: it is not what ${arn} takes.`);
    return;
  }
  const [, , service = "", , , type = ""] = arn.split(":");
  if (service === "events" && type.startsWith("event-bus/")) {
    const { DetailType: detailType, Source: source } = target.EventBridgeParameters ?? {};
    if (detailType === undefined || source === undefined)
      throw scheduleInvalid("EventBridgeParameters are required for this target.");
    if (source.startsWith("aws.")) throw scheduleInvalid("Source must not begin with 'aws.'.");
    if (input !== undefined && !isJsonObject(input)) throw scheduleInvalid("Input must be a JSON object.");
  } else if (service === "sqs") {
    if (arn.endsWith(".fifo") && target.SqsParameters?.MessageGroupId === undefined)
      throw scheduleInvalid("SqsParameters.MessageGroupId is required for a FIFO queue.");
  } else if (!(service === "lambda" && type === "function") && service !== "sns") {
    throw schedulesNotSupported(`A target such as ${arn}`);
  }
  const { Arn: deadLetter } = target.DeadLetterConfig ?? {};
  if (deadLetter?.endsWith(".fifo") === true)
    throw scheduleInvalid("A FIFO queue cannot be the dead-letter queue of a schedule.");
}

/** What a run of a schedule calls, with its input's attributes replaced. */
export function callOf(target: ScheduleTarget, input: string): Call {
  const { Arn: arn } = target;
  if (arn.startsWith(UNIVERSAL)) {
    const call = UNIVERSAL_CALLS[arn.slice(UNIVERSAL.length)]?.(inputObject(input));
    if (call === undefined)
      throw new DeliveryRefused("ValidationException", `${arn} got an input that it does not take.`);
    return call;
  }
  const [, , service] = arn.split(":");
  if (service === "lambda") return { to: "function", arn, payload: input };
  if (service === "sqs")
    return { to: "queue", arn, body: input, groupId: target.SqsParameters?.MessageGroupId };
  if (service === "sns") return { to: "topic", arn, message: input };
  const { DetailType: detailType = "", Source: source = "" } = target.EventBridgeParameters ?? {};
  return { to: "bus", arn, source, detailType, detail: input };
}

/** Calls it; resolves when the target has taken it durably. */
export async function call(
  targets: EventTargets,
  what: Call,
  {
    sender,
    timeMs,
    resource,
  }: { readonly sender: EventSender; readonly timeMs: number; readonly resource: string },
): Promise<void> {
  switch (what.to) {
    case "function":
      return targets.toFunction(what.arn, { payload: Buffer.from(what.payload) }, sender);
    case "queue":
      return targets.toQueue(what.arn, what, sender);
    case "topic":
      return targets.toTopic(what.arn, what, sender);
    case "bus": {
      const { source, detailType, detail } = what;
      return targets.toBus(what.arn, { source, detailType, detail, resources: [resource], timeMs }, sender);
    }
  }
}

/** Attributes of a message in the dead-letter queue. */
export const textAttribute = (stringValue: string): MessageAttribute => ({ type: "String", stringValue });

type UniversalCall = (input: Readonly<Record<string, unknown>>) => Call | undefined;

/** Universal targets that are here, with the members that are known; another member makes the input wrong. */
const UNIVERSAL_CALLS: Readonly<Record<string, UniversalCall>> = {
  "lambda:invoke": ({ FunctionName: name, Payload: payload, InvocationType: type, ...others }) => {
    const isEvent = type === undefined || type === "Event";
    if (!isTextOf(name) || !name.startsWith("arn:") || !isEvent || hasAny(others)) return undefined;
    const text =
      typeof payload === "string" ? payload : payload === undefined ? "{}" : JSON.stringify(payload);
    return { to: "function", arn: name, payload: text };
  },
  "sqs:sendMessage": (input) => {
    const { QueueUrl: url, MessageBody: body, MessageGroupId, MessageDeduplicationId, ...others } = input;
    const arn = isTextOf(url) ? queueArnOf(url) : undefined;
    if (arn === undefined || !isTextOf(body) || hasAny(others)) return undefined;
    return {
      to: "queue",
      arn,
      body,
      groupId: text(MessageGroupId),
      deduplicationId: text(MessageDeduplicationId),
    };
  },
  "sns:publish": (input) => {
    const {
      TopicArn: arn,
      Message: message,
      Subject,
      MessageGroupId,
      MessageDeduplicationId,
      ...others
    } = input;
    if (!isTextOf(arn) || !isTextOf(message) || hasAny(others)) return undefined;
    const groupId = text(MessageGroupId);
    return {
      to: "topic",
      arn,
      message,
      subject: text(Subject),
      groupId,
      deduplicationId: text(MessageDeduplicationId),
    };
  },
};

const isTextOf = (value: unknown): value is string => typeof value === "string" && value !== "";

const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

const hasAny = (others: object): boolean => Object.keys(others).length > 0;

/** https://sqs.REGION.amazonaws.com/ACCOUNT/NAME, and the same at another address. */
function queueArnOf(url: string): string | undefined {
  const [, region = "us-east-1", account, name] =
    /^https?:\/\/(?:sqs\.([a-z]{2}-[a-z-]+-\d)\.[^/]+|[^/]+)\/(\d{12})\/([A-Za-z0-9_.-]+)$/.exec(url) ?? [];
  return account === undefined ? undefined : `arn:aws:sqs:${region}:${account}:${name}`;
}

function inputObject(input: string | undefined): Readonly<Record<string, unknown>> {
  return input !== undefined && isJsonObject(input) ? (JSON.parse(input) as Record<string, unknown>) : {};
}

function isJsonObject(value: string): boolean {
  try {
    const parsed: unknown = JSON.parse(value);
    return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed);
  } catch {
    return false;
  }
}

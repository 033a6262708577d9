import {
  DEFAULT_RETRIES,
  type Delivery,
  type DeliveryFailure,
  type NewDelivery,
  type RetryLimits,
} from "../event-delivery/delivery-queue.ts";
import {
  type BusDelivery,
  DeliveryRefused,
  type EventSender,
  type EventTargets,
  type MessageAttribute,
} from "../ports/event-targets.ts";
import { parseRuleArn, type RuleTarget, ruleArn, type StoredRule } from "./bus-records.ts";
import { targetInput } from "./target-input.ts";

/** Who gets an event, as it was when the rule matched. */
export interface RuleAddress {
  readonly ruleArn: string;
  readonly target: RuleTarget;
  readonly ingestionTimeMs: number;
  readonly traceHeader?: string | undefined;
  /** See `BusDelivery`. */
  readonly hops?: number | undefined;
}

/**
 * A role as a sender's part: with it, the role's policies decide. Throws `DeliveryRefused` where the service may not
 * assume it.
 */
export type SenderRoles = (roleArn: string) => Pick<EventSender, "roleArn" | "hasMadeUpRole">;

/** Writes events into a log group. */
export interface LogTarget {
  /** Rejects with `DeliveryRefused` when there is no such group. */
  put(
    group: { readonly account: string; readonly region: string; readonly logGroupName: string },
    event: { readonly timestampMs: number; readonly message: string },
    sender: EventSender,
  ): Promise<void>;
}

const SERVICE = "events.amazonaws.com";
const DETAIL = ',"detail":';

/** What is stored for each target of a rule that an event is for. */
export function deliveriesOf(
  rule: StoredRule,
  event: {
    readonly payload: Uint8Array;
    readonly ingestionTimeMs: number;
    readonly traceHeader?: string | undefined;
    readonly hops?: number | undefined;
  },
): NewDelivery<RuleAddress>[] {
  const { payload, ingestionTimeMs, traceHeader, hops } = event;
  return rule.targets.map((target) => ({
    address: { ruleArn: ruleArn(rule), target, ingestionTimeMs, traceHeader, hops },
    payload,
    retries: retriesOf(target),
  }));
}

function retriesOf({ RetryPolicy: policy }: RuleTarget): RetryLimits {
  return {
    maximumRetryAttempts: policy?.MaximumRetryAttempts ?? DEFAULT_RETRIES.maximumRetryAttempts,
    maximumEventAgeSeconds: policy?.MaximumEventAgeInSeconds ?? DEFAULT_RETRIES.maximumEventAgeSeconds,
  };
}

/** Brings events to the targets of rules. */
export class BusDeliveries {
  readonly #targets: EventTargets;
  readonly #logs: LogTarget;
  readonly #now: () => number;
  readonly #roles: SenderRoles;

  constructor(deps: {
    readonly targets: EventTargets;
    readonly logs: LogTarget;
    readonly now: () => number;
    readonly roles: SenderRoles;
  }) {
    this.#targets = deps.targets;
    this.#logs = deps.logs;
    this.#now = deps.now;
    this.#roles = deps.roles;
  }

  async deliver({ address, payload }: Delivery<RuleAddress>): Promise<void> {
    const { target, traceHeader, hops = 0 } = address;
    const rule = parseRuleArn(address.ruleArn);
    const event = Buffer.from(payload).toString("utf8");
    const { ruleArn: arn, ingestionTimeMs } = address;
    const text = targetInput(target, event, { ruleArn: arn, ruleName: rule?.name ?? "", ingestionTimeMs });
    const sender = { ...senderOf(address), ...(target.RoleArn !== undefined && this.#roles(target.RoleArn)) };
    const { Arn: targetArn } = target;
    switch (targetKind(targetArn)) {
      case "function":
        return this.#targets.toFunction(targetArn, { payload: Buffer.from(text), traceHeader }, sender);
      case "queue": {
        const groupId = target.SqsParameters?.MessageGroupId;
        return this.#targets.toQueue(targetArn, { body: text, groupId, traceHeader }, sender);
      }
      case "topic":
        return this.#targets.toTopic(targetArn, { message: text }, sender);
      case "bus":
        return this.#targets.toBus(targetArn, { ...busDelivery(event), hops: hops + 1 }, sender);
      case "log group":
        return this.#logs.put(
          logGroupOf(targetArn),
          { timestampMs: Math.trunc(this.#now()), message: text },
          sender,
        );
      case undefined:
        throw new DeliveryRefused("ValidationException", `${targetArn} is no target that is known here.`);
    }
  }

  async giveUp({ address, payload }: Delivery<RuleAddress>, failure: DeliveryFailure): Promise<void> {
    const { Arn: queueArn } = address.target.DeadLetterConfig ?? {};
    if (queueArn === undefined) return;
    const { code, message, exhausted, retryAttempts } = failure;
    const attributes: Record<string, MessageAttribute> = {
      RULE_ARN: text(address.ruleArn),
      TARGET_ARN: text(address.target.Arn),
      ERROR_CODE: text(code),
      ERROR_MESSAGE: text(message),
      RETRY_ATTEMPTS: { type: "Number", stringValue: String(retryAttempts) },
      ...(exhausted !== undefined && { EXHAUSTED_RETRY_CONDITION: text(exhausted) }),
    };
    const body = Buffer.from(payload).toString("utf8");
    await this.#targets.toQueue(queueArn, { body, attributes }, senderOf(address));
  }
}

const text = (stringValue: string): MessageAttribute => ({ type: "String", stringValue });

function senderOf({ ruleArn: sourceArn }: RuleAddress): EventSender {
  return {
    servicePrincipal: SERVICE,
    sourceArn,
    sourceAccount: parseRuleArn(sourceArn)?.account ?? "",
  };
}

/** What an ARN as a target is. */
export function targetKind(arn: string): "function" | "queue" | "topic" | "bus" | "log group" | undefined {
  const [, , service = "", , , ...rest] = arn.split(":");
  const resource = rest.join(":");
  if (service === "lambda") return resource.startsWith("function:") ? "function" : undefined;
  if (service === "sqs") return "queue";
  if (service === "sns") return "topic";
  if (service === "events") return resource.startsWith("event-bus/") ? "bus" : undefined;
  return service === "logs" && resource.startsWith("log-group:") ? "log group" : undefined;
}

function logGroupOf(arn: string): { account: string; region: string; logGroupName: string } {
  const [, , , region = "", account = "", , name = ""] = arn.split(":");
  return { account, region, logGroupName: name };
}

/** AWS: another bus gets the event itself, whatever the target's input is. */
function busDelivery(event: string): BusDelivery {
  const parsed = JSON.parse(event) as {
    source: string;
    "detail-type": string;
    resources: string[];
    time: string;
  };
  const { source, "detail-type": detailType, resources, time } = parsed;
  // The detail is last, see `eventText`, and goes on as it was sent.
  const detail = event.slice(event.indexOf(DETAIL) + DETAIL.length, -1);
  return { source, detailType, detail, resources, timeMs: Date.parse(time) };
}

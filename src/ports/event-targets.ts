import type { MessageAttribute } from "../core/message-attribute.ts";

export type { MessageAttribute } from "../core/message-attribute.ts";

/** In whose name something is delivered: the target's resource policy is asked about it. */
export interface EventSender {
  /** The service principal: "s3.amazonaws.com", "sns.amazonaws.com", "events.amazonaws.com" … */
  readonly servicePrincipal: string;
  /** The resource that sends: bucket, topic, rule, schedule, queue. */
  readonly sourceArn: string;
  readonly sourceAccount: string;
  /** The role that the delivery is made with, where the service uses one; its policies are asked instead. */
  readonly roleArn?: string | undefined;
  /** Its role need not exist and nobody is asked about it: where access is open, functions may have made-up roles. */
  readonly hasMadeUpRole?: boolean | undefined;
}

export interface QueueDelivery {
  readonly body: string;
  readonly attributes?: Readonly<Record<string, MessageAttribute>> | undefined;
  readonly groupId?: string | undefined;
  readonly deduplicationId?: string | undefined;
  /** X-Amzn-Trace-Id, which becomes the system attribute AWSTraceHeader. */
  readonly traceHeader?: string | undefined;
}

export interface TopicDelivery {
  readonly message: string;
  readonly subject?: string | undefined;
  readonly attributes?: Readonly<Record<string, MessageAttribute>> | undefined;
  readonly groupId?: string | undefined;
  readonly deduplicationId?: string | undefined;
}

export interface BusDelivery {
  readonly source: string;
  readonly detailType: string;
  /** JSON text. */
  readonly detail: string;
  readonly resources: readonly string[];
  readonly timeMs: number;
  /** Over how many buses it has come, by rules that lead from one to the next. */
  readonly hops?: number | undefined;
}

export interface FunctionDelivery {
  /** JSON text in UTF-8. */
  readonly payload: Uint8Array;
  readonly traceHeader?: string | undefined;
}

/** The target will not take this, now or later: it does not exist, or its policy does not allow the sender. */
export class DeliveryRefused extends Error {
  override name = "DeliveryRefused";
  /** AWS's error code: "ResourceNotFoundException", "AccessDeniedException", "AWS.SimpleQueueService.NonExistentQueue" … */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Says that a function is due to be sent an event within `EXPECTED_WITHIN_MS`, for it to be made ready. What is no
 * function here is left alone; never throws.
 */
export type ExpectEvent = (functionArn: string) => void;

/** How long before its time something that is due is announced. */
export const EXPECTED_WITHIN_MS = 20_000;

/**
 * Where services hand events on to: destinations, dead-letter queues, subscriptions, notifications, rules, schedules.
 * Each call resolves when the target has taken the event durably. `DeliveryRefused`: for good. Any other rejection: the
 * sender tries again as its retry policy says.
 */
export interface EventTargets {
  /** Asynchronous invocation; the ARN may have a qualifier. */
  toFunction(functionArn: string, delivery: FunctionDelivery, sender: EventSender): Promise<void>;
  toQueue(queueArn: string, delivery: QueueDelivery, sender: EventSender): Promise<void>;
  toTopic(topicArn: string, delivery: TopicDelivery, sender: EventSender): Promise<void>;
  toBus(busArn: string, delivery: BusDelivery, sender: EventSender): Promise<void>;
  /** Puts an object: what a function's failed events leave in a bucket. */
  toBucket(bucketArn: string, object: { key: string; body: Uint8Array }, sender: EventSender): Promise<void>;
}

import { invalidArgument, notImplemented } from "./object-errors.ts";

export type DestinationKind = "function" | "queue" | "topic";

/** One destination of a bucket's events. */
export interface NotificationRule {
  readonly id: string;
  readonly kind: DestinationKind;
  readonly arn: string;
  /** "s3:ObjectCreated:*" and the like. */
  readonly events: readonly string[];
  readonly prefix: string;
  readonly suffix: string;
}

export interface NotificationConfiguration {
  readonly rules: readonly NotificationRule[];
  readonly toEventBridge: boolean;
}

export const NO_NOTIFICATIONS: NotificationConfiguration = { rules: [], toEventBridge: false };

/** The events that happen here, by the names they are asked for with. */
const EVENTS: ReadonlySet<string> = new Set([
  "s3:ObjectCreated:*",
  "s3:ObjectCreated:Put",
  "s3:ObjectCreated:Post",
  "s3:ObjectCreated:Copy",
  "s3:ObjectCreated:CompleteMultipartUpload",
  "s3:ObjectRemoved:*",
  "s3:ObjectRemoved:Delete",
  "s3:ObjectRemoved:DeleteMarkerCreated",
  "s3:ObjectTagging:*",
  "s3:ObjectTagging:Put",
  "s3:ObjectTagging:Delete",
]);
/** AWS's other events: of what is not done here. */
const OTHER_EVENTS =
  /^s3:(ReducedRedundancyLostObject|ObjectRestore:.+|Replication:.+|LifecycleExpiration:.+|LifecycleTransition|IntelligentTiering|ObjectAcl:Put|TestEvent)$/;

const ARN_SERVICE: Readonly<Record<DestinationKind, string>> = {
  function: "lambda",
  queue: "sqs",
  topic: "sns",
};

/** Throws S3's errors for what cannot be configured. */
export function checkNotificationRules(rules: readonly NotificationRule[]): void {
  for (const { arn, kind, events } of rules) {
    if (!arn.startsWith(`arn:aws:${ARN_SERVICE[kind]}:`))
      throw invalidArgument("The ARN could not be parsed", arn, "null");
    if (events.length === 0) throw invalidArgument("The event is missing", "Event", "null");
    for (const event of events) {
      if (OTHER_EVENTS.test(event)) throw notImplemented(`The event ${event}`);
      if (!EVENTS.has(event)) throw invalidArgument("The event is not supported for notifications", event);
    }
  }
  if (new Set(rules.map(({ id }) => id)).size !== rules.length)
    throw invalidArgument("The same ID cannot be used in two configurations");
  rules.forEach((rule, index) => {
    for (const other of rules.slice(index + 1)) if (overlap(rule, other)) throw ambiguous();
  });
}

const ambiguous = (): Error =>
  invalidArgument(
    "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes are overlapping for the same event type.",
  );

function overlap(one: NotificationRule, other: NotificationRule): boolean {
  const events = one.events.some((a) => other.events.some((b) => covers(a, b) || covers(b, a)));
  const prefixes = one.prefix.startsWith(other.prefix) || other.prefix.startsWith(one.prefix);
  const suffixes = one.suffix.endsWith(other.suffix) || other.suffix.endsWith(one.suffix);
  return events && prefixes && suffixes;
}

function covers(pattern: string, event: string): boolean {
  return pattern === event || (pattern.endsWith("*") && event.startsWith(pattern.slice(0, -1)));
}

/** The rules that an event ("ObjectCreated:Put") of an object matches. */
export function matchingRules(
  { rules }: NotificationConfiguration,
  eventName: string,
  key: string,
): NotificationRule[] {
  return rules.filter(
    ({ events, prefix, suffix }) =>
      events.some((event) => covers(event, `s3:${eventName}`)) &&
      key.startsWith(prefix) &&
      key.endsWith(suffix),
  );
}

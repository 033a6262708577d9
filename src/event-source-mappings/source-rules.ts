import { invalidParameterValue } from "../core/errors.ts";
import type { SourceKind } from "./mapping-document.ts";
import { isGiven, type MappingInput, type MappingMember } from "./mapping-input.ts";

const STREAMS = ["kinesis", "dynamodb"] as const;
const KAFKA = ["msk", "kafka"] as const;

/**
 * The kinds of sources that a member belongs to; every kind has the others. AWS: the parameters of each source in its
 * chapter of the developer guide.
 */
const KINDS_OF: Readonly<Partial<Record<MappingMember, readonly SourceKind[]>>> = {
  FilterCriteria: ["sqs", ...STREAMS, ...KAFKA, "mq"],
  MetricsConfig: ["sqs", ...STREAMS, ...KAFKA],
  LoggingConfig: KAFKA,
  ScalingConfig: ["sqs"],
  ParallelizationFactor: STREAMS,
  StartingPosition: [...STREAMS, ...KAFKA, "documentdb"],
  StartingPositionTimestamp: ["kinesis", ...KAFKA, "documentdb"],
  DestinationConfig: [...STREAMS, ...KAFKA],
  MaximumRecordAgeInSeconds: [...STREAMS, ...KAFKA],
  BisectBatchOnFunctionError: [...STREAMS, ...KAFKA],
  MaximumRetryAttempts: [...STREAMS, ...KAFKA],
  TumblingWindowInSeconds: STREAMS,
  Topics: KAFKA,
  Queues: ["mq"],
  SourceAccessConfigurations: [...KAFKA, "mq", "documentdb"],
  SelfManagedEventSource: ["kafka"],
  FunctionResponseTypes: ["sqs", ...STREAMS, ...KAFKA],
  AmazonManagedKafkaEventSourceConfig: ["msk"],
  SelfManagedKafkaEventSourceConfig: ["kafka"],
  DocumentDBEventSourceConfig: ["documentdb"],
  ProvisionedPollerConfig: ["sqs", ...KAFKA],
};

/** What a mapping of a kind cannot be without. */
const REQUIRED: Readonly<Partial<Record<SourceKind, readonly MappingMember[]>>> = {
  msk: ["Topics"],
  kafka: ["Topics", "SourceAccessConfigurations"],
  mq: ["Queues", "SourceAccessConfigurations"],
  documentdb: ["SourceAccessConfigurations", "DocumentDBEventSourceConfig"],
};

/** AWS: functions of these sources may run for 14 minutes. */
const LONG_POLLED: ReadonlySet<SourceKind> = new Set(["msk", "kafka", "mq", "documentdb"]);
const LONG_POLLED_TIMEOUT_SECONDS_MAX = 840;
const RECORD_AGE_SECONDS_MIN = 60;

const SERVICE_KINDS: Readonly<Record<string, { readonly kind: SourceKind; readonly resource: RegExp }>> = {
  sqs: { kind: "sqs", resource: /^[\w-]{1,80}(?:\.fifo)?$/ },
  kinesis: { kind: "kinesis", resource: /^stream\// },
  dynamodb: { kind: "dynamodb", resource: /^table\/[^/]+\/stream\// },
  kafka: { kind: "msk", resource: /^cluster\// },
  mq: { kind: "mq", resource: /^broker:/ },
  rds: { kind: "documentdb", resource: /^cluster:/ },
};

/** What a request wants to read from. Throws AWS's error where that is no source. */
export function sourceKind(input: MappingInput): SourceKind {
  const { EventSourceArn: arn } = input;
  if (isGiven(input.SelfManagedEventSource)) {
    if (!isGiven(arn)) return "kafka";
    throw invalidParameterValue("Only one of eventSourceArn and selfManagedEventSource can be specified.");
  }
  const [, , service = "", , account = "", ...resource] = (arn ?? "").split(":");
  const known = SERVICE_KINDS[service];
  if (known === undefined || account === "" || !known.resource.test(resource.join(":")))
    throw invalidParameterValue("Unrecognized event source.");
  return known.kind;
}

/** Refuses members that do not belong to the kind of source, and values that make no sense for it. */
export function checkMembers(kind: SourceKind, input: MappingInput): void {
  if (isGiven(input.DestinationConfig?.OnSuccess)) throw unsupportedDestination();
  for (const [member, kinds] of Object.entries(KINDS_OF))
    if (!kinds.includes(kind) && isGiven(input[member as MappingMember]))
      throw unsupportedMember(kind, member as MappingMember);
  const metrics = input.MetricsConfig?.Metrics ?? [];
  if (!isKafka(kind) && metrics.some((metric) => metric !== "EventCount")) throw unsupported("metricsConfig");
  const age = input.MaximumRecordAgeInSeconds;
  if (age !== undefined && age !== -1 && age < RECORD_AGE_SECONDS_MIN)
    throw invalidParameterValue(
      `MaximumRecordAgeInSeconds must be -1 or at least ${RECORD_AGE_SECONDS_MIN}.`,
    );
  checkDestination(kind, input.DestinationConfig?.OnFailure?.Destination);
  checkPollers(kind, input);
}

/** Refuses a new mapping that lacks what its kind needs. */
export function checkRequired(kind: SourceKind, input: MappingInput): void {
  for (const member of REQUIRED[kind] ?? [])
    if (!isGiven(input[member]))
      throw invalidParameterValue(`Required '${camelCase(member)}' parameter is missing.`);
  const { StartingPosition: position, StartingPositionTimestamp: timestamp } = input;
  if ((kind === "kinesis" || kind === "dynamodb") && position === undefined)
    throw invalidParameterValue(
      "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.",
    );
  if (position === "AT_TIMESTAMP" && kind === "dynamodb")
    throw invalidParameterValue(`Unsupported starting position for arn type: ${input.EventSourceArn}`);
  if ((position === "AT_TIMESTAMP") !== (timestamp !== undefined))
    throw invalidParameterValue(
      "StartingPositionTimestamp must be specified if and only if StartingPosition is AT_TIMESTAMP.",
    );
}

/** Refuses functions that may run for longer than their source allows. */
export function checkTimeout(kind: SourceKind, timeoutSeconds: number): void {
  if (LONG_POLLED.has(kind) && timeoutSeconds > LONG_POLLED_TIMEOUT_SECONDS_MAX)
    throw invalidParameterValue(
      `Function timeout: ${timeoutSeconds} seconds is greater than the maximum of ` +
        `${LONG_POLLED_TIMEOUT_SECONDS_MAX} seconds for this event source.`,
    );
}

const isKafka = (kind: SourceKind): boolean => kind === "msk" || kind === "kafka";

function checkDestination(kind: SourceKind, destination: string | undefined): void {
  if (destination === undefined || destination === "") return;
  const isKnown = /^arn:[^:]+:(?:sqs|sns):[^:]*:\d{12}:.+|^arn:[^:]+:s3:::.+/.test(destination);
  if (isKnown || (destination.startsWith("kafka://") && isKafka(kind))) return;
  throw invalidParameterValue(`The destination ARN ${destination} is invalid.`);
}

/** AWS: a queue takes at least two pollers. */
const QUEUE_POLLERS_MIN = 2;

function checkPollers(kind: SourceKind, input: MappingInput): void {
  const { MinimumPollers: min, MaximumPollers: max, PollerGroupName } = input.ProvisionedPollerConfig ?? {};
  if (kind === "sqs" && isGiven(PollerGroupName))
    throw unsupported("provisionedPollerConfig.pollerGroupName");
  if (kind === "sqs" && [min, max].some((count) => count !== undefined && count < QUEUE_POLLERS_MIN))
    throw invalidParameterValue(
      `MinimumPollers and MaximumPollers must be at least ${QUEUE_POLLERS_MIN} for SQS event sources.`,
    );
  if (min !== undefined && max !== undefined && min > max)
    throw invalidParameterValue("MinimumPollers must be less than or equal to MaximumPollers.");
}

function unsupportedMember(kind: SourceKind, member: MappingMember): Error {
  if (kind === "sqs" && member.startsWith("StartingPosition"))
    return invalidParameterValue(`${member} is not valid for SQS event sources.`);
  return member === "DestinationConfig" ? unsupportedDestination() : unsupported(camelCase(member));
}

/** AWS: this one is named without quotes and with its capital letter (recorded from the service). */
const unsupportedDestination = () =>
  invalidParameterValue("Unsupported DestinationConfig parameter for given event source mapping type.");

const unsupported = (member: string) =>
  invalidParameterValue(`Unsupported '${member}' parameter for given event source mapping type.`);

const camelCase = (member: string): string =>
  member.startsWith("DocumentDB")
    ? `documentDB${member.slice(10)}`
    : member[0]?.toLowerCase() + member.slice(1);

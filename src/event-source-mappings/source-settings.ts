import { isGiven, type MappingInput, type MappingMember } from "./mapping-input.ts";

/** Members that only sources other than queues have; kept as they were given. */
const MEMBERS = [
  "LoggingConfig",
  "ParallelizationFactor",
  "StartingPosition",
  "DestinationConfig",
  "MaximumRecordAgeInSeconds",
  "BisectBatchOnFunctionError",
  "MaximumRetryAttempts",
  "TumblingWindowInSeconds",
  "Topics",
  "Queues",
  "SourceAccessConfigurations",
  "SelfManagedEventSource",
  "AmazonManagedKafkaEventSourceConfig",
  "SelfManagedKafkaEventSourceConfig",
  "DocumentDBEventSourceConfig",
] as const satisfies readonly MappingMember[];

/** What a mapping of another source than a queue has besides, as the API writes it; times are epoch milliseconds. */
export type SourceSettings = Readonly<
  Partial<Record<(typeof MEMBERS)[number], unknown>> & { readonly StartingPositionTimestamp?: number }
>;

const STREAM_DEFAULTS: SourceSettings = {
  ParallelizationFactor: 1,
  MaximumRecordAgeInSeconds: -1,
  BisectBatchOnFunctionError: false,
  MaximumRetryAttempts: -1,
  TumblingWindowInSeconds: 0,
  DestinationConfig: { OnFailure: {} },
};

/** AWS: 100 of each source but of queues, which have ten. */
export const OTHER_BATCH_SIZE = 100;

/** What a source that a mapping has just been made for shows without being told. */
export const sourceDefaults = (isStream: boolean): SourceSettings => (isStream ? STREAM_DEFAULTS : {});

/** The settings of a request over those that there are. */
export function sourceSettings(input: MappingInput, current: SourceSettings): SourceSettings {
  const given = MEMBERS.filter((name) => isGiven(input[name])).map((name) => [name, input[name]]);
  const { StartingPositionTimestamp: from } = input;
  return {
    ...current,
    ...(Object.fromEntries(given) as SourceSettings),
    ...(from !== undefined && { StartingPositionTimestamp: from.getTime() }),
  };
}

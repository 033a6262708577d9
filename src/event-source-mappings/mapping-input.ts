/** A request to create or change a mapping, with the names and units of the API. */
export interface MappingInput {
  readonly FunctionName?: string | undefined;
  readonly EventSourceArn?: string | undefined;
  readonly Enabled?: boolean | undefined;
  readonly BatchSize?: number | undefined;
  readonly FilterCriteria?:
    | { readonly Filters?: readonly { readonly Pattern?: string | undefined }[] | undefined }
    | undefined;
  readonly KMSKeyArn?: string | undefined;
  readonly MetricsConfig?: { readonly Metrics?: readonly string[] | undefined } | undefined;
  readonly LoggingConfig?: { readonly SystemLogLevel?: string | undefined } | undefined;
  readonly ScalingConfig?: { readonly MaximumConcurrency?: number | undefined } | undefined;
  readonly MaximumBatchingWindowInSeconds?: number | undefined;
  readonly ParallelizationFactor?: number | undefined;
  readonly StartingPosition?: string | undefined;
  readonly StartingPositionTimestamp?: Date | undefined;
  readonly DestinationConfig?:
    | {
        readonly OnSuccess?: { readonly Destination?: string | undefined } | undefined;
        readonly OnFailure?: { readonly Destination?: string | undefined } | undefined;
      }
    | undefined;
  readonly MaximumRecordAgeInSeconds?: number | undefined;
  readonly BisectBatchOnFunctionError?: boolean | undefined;
  readonly MaximumRetryAttempts?: number | undefined;
  readonly Tags?: Readonly<Record<string, string>> | undefined;
  readonly TumblingWindowInSeconds?: number | undefined;
  readonly Topics?: readonly string[] | undefined;
  readonly Queues?: readonly string[] | undefined;
  readonly SourceAccessConfigurations?:
    | readonly { readonly Type?: string | undefined; readonly URI?: string | undefined }[]
    | undefined;
  readonly SelfManagedEventSource?:
    | { readonly Endpoints?: Readonly<Record<string, readonly string[] | undefined>> | undefined }
    | undefined;
  readonly FunctionResponseTypes?: readonly string[] | undefined;
  readonly AmazonManagedKafkaEventSourceConfig?: object | undefined;
  readonly SelfManagedKafkaEventSourceConfig?: object | undefined;
  readonly DocumentDBEventSourceConfig?: { readonly DatabaseName?: string | undefined } | undefined;
  readonly ProvisionedPollerConfig?:
    | {
        readonly MinimumPollers?: number | undefined;
        readonly MaximumPollers?: number | undefined;
        readonly PollerGroupName?: string | undefined;
      }
    | undefined;
}

export type MappingMember = keyof MappingInput;

/** With a value: AWS's clients send empty lists and structures for what is not there. */
export function isGiven(value: unknown): boolean {
  if (value === undefined || value === null || value === "") return false;
  if (typeof value !== "object" || value instanceof Date) return true;
  return Object.values(value).some((part) => part !== undefined);
}

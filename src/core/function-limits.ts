/** AWS's quotas for functions; see "Lambda quotas" in the developer guide and the API model. */
export const FUNCTION_LIMITS = {
  /** Of a bare name; whole references may be longer. */
  functionNameLengthMax: 64,
  timeoutSecondsDefault: 3,
  timeoutSecondsMax: 900,
  memoryMbDefault: 128,
  memoryMbMax: 10_240,
  ephemeralStorageMbDefault: 512,
  ephemeralStorageMbMax: 10_240,
  environmentBytesMax: 4096,
  tagsMax: 50,
  zippedBytesMax: 52_428_800,
  unzippedBytesMax: 262_144_000,
  /** AWS documents none: a bound on the files of one package. */
  zipEntriesMax: 100_000,
  requestPayloadBytesMax: 6_291_456,
  /** AWS: "1 MB (asynchronous)" in the Lambda quotas. */
  asyncPayloadBytesMax: 1_048_576,
  /** AWS: the deprecated InvokeAsync takes as much as asynchronous invocations did before. */
  invokeAsyncPayloadBytesMax: 262_144,
  clientContextBytesMax: 3583,
  /** AWS: "Function response streaming" in the Lambda quotas. */
  streamedResponseBytesMax: 209_715_200,
  pageSizeDefault: 50,
  /** Of all packages of one account and region. */
  codeStorageBytesMax: 80_530_636_800,
  concurrentExecutionsDefault: 1000,
  /** What reserving and provisioning must leave to functions without reservation. */
  unreservedConcurrencyMin: 100,
  /** AWS: each concurrency quota is also a quota of requests per second. */
  requestsPerSecondPerConcurrency: 10,
  /** AWS: new environments of one function within `scalingIntervalSeconds`; see "Lambda scaling behavior". */
  newEnvironmentsPerInterval: 1000,
  scalingIntervalSeconds: 10,
} as const;

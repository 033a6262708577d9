import type { FunctionVersion } from "../core/function-version.ts";

/** Where invocations are counted for those who own the functions. */
export interface FunctionMetrics {
  /** The counters of one deployment as one name calls it; to be kept and used again by whoever invokes. */
  tally(version: CountedVersion, invokedFunctionArn: string, load: ConcurrencyLoad): InvocationTally;
}

/** What is counted of a function version is its name alone. */
export type CountedVersion = Pick<FunctionVersion, "account" | "region" | "functionName" | "version">;

/** How many invocations run at this moment, kept current by the admission. */
export interface ConcurrencyLoad {
  /** Of the version. */
  readonly inFlight: number;
  /** Environments provisioned for the version. */
  readonly provisioned: number;
  /** Of all versions of the function. */
  readonly functionInFlight: number;
  /** Of all functions of the account in the region, and of those that reserve nothing. */
  readonly accountInFlight: number;
  readonly unreservedInFlight: number;
}

/** Counts invocations: a few additions each, nothing is allocated. */
export interface InvocationTally {
  readonly invokedFunctionArn: string;
  /** An invocation was admitted. */
  began(): void;
  /** The function answered or failed. `startedMs`: monotonic. */
  ended(startedMs: number, durationMs: number, failed: boolean): void;
  /** An admitted invocation did not run: it was throttled while it waited, or the platform failed. */
  dropped(throttled: boolean): void;
  /** An invocation was not admitted. */
  refused(): void;
}

/** What is counted of events beside their invocations, with AWS's names. */
export type EventMetricName =
  | "AsyncEventsReceived"
  | "AsyncEventAge"
  | "AsyncEventsDropped"
  | "DeadLetterErrors"
  | "DestinationDeliveryFailures"
  | "RecursiveInvocationsDropped"
  | MappingMetricName;

/** What event source mappings count that were told to, see "Event source mapping metrics". */
export type MappingMetricName =
  | "PolledEventCount"
  | "FilteredOutEventCount"
  | "InvokedEventCount"
  | "FailedInvokeEventCount"
  | "DeletedEventCount";

/** Where events of functions are counted for those who own the functions. Cheap; never throws. */
export interface EventMetrics {
  /**
   * A value of the function as it was called, or of an event source mapping; `AsyncEventAge` in milliseconds, the others
   * are counts.
   */
  add(arn: string, metricName: EventMetricName, value: number): void;
}

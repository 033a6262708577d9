import { parseTraceHeader } from "./trace-header.ts";

/**
 * The platform's own events as records, in the form of the Telemetry API's event schema, which JSON logs have as well.
 * AWS: "Lambda Telemetry API Event schema reference".
 */
export interface PlatformRecord {
  readonly type: string;
  readonly record: object;
}

/** AWS_LAMBDA_INITIALIZATION_TYPE of an environment. */
export type InitializationType = "on-demand" | "provisioned-concurrency";

/** Whether a function is initialised before its first invocation or, after a reset, inside one. */
export type InitPhase = "init" | "invoke";

export type InvocationStatus = "success" | "error" | "timeout";

/** Whose events they are. */
export interface RecordOwner {
  readonly functionName: string;
  readonly version: string;
  readonly initializationType: InitializationType;
}

export interface InitStart {
  readonly phase: InitPhase;
  /** Undefined for runtimes that are not managed. */
  readonly runtimeVersion?: string | undefined;
  readonly runtimeVersionArn?: string | undefined;
}

export interface InitRuntimeDone {
  readonly phase: InitPhase;
  readonly status: InvocationStatus;
  readonly errorType: string | undefined;
}

export interface InitReport {
  readonly durationMs: number;
  readonly phase: InitPhase;
  readonly status: InvocationStatus;
  readonly errorType: string | undefined;
}

export interface InvocationStart {
  readonly requestId: string;
  readonly version: string;
  /** X-Amzn-Trace-Id of the invocation. */
  readonly traceHeader?: string | undefined;
}

/** A part of an invocation; `runtimeOverhead` is from the response's end until the runtime asks for the next event. */
export interface Span {
  readonly name: "responseLatency" | "responseDuration" | "runtimeOverhead" | "extensionOverhead";
  /** Epoch milliseconds. */
  readonly startMs: number;
  readonly durationMs: number;
}

export interface RuntimeDone {
  readonly requestId: string;
  readonly status: InvocationStatus;
  readonly errorType: string | undefined;
  readonly durationMs: number;
  /** Of the response; undefined where there is none. */
  readonly producedBytes: number | undefined;
  readonly spans: readonly Span[];
  readonly traceHeader?: string | undefined;
}

export interface InvocationReport {
  readonly requestId: string;
  readonly durationMs: number;
  readonly billedDurationMs: number;
  readonly memorySizeMb: number;
  readonly maxMemoryUsedMb: number;
  readonly initDurationMs: number | undefined;
  readonly status: InvocationStatus;
  readonly errorType: string | undefined;
  readonly traceHeader?: string | undefined;
  readonly spans?: readonly Span[] | undefined;
}

/** An extension has become ready, or has failed. */
export interface ExtensionState {
  readonly name: string;
  readonly state: string;
  readonly events: readonly string[];
  readonly errorType: string | undefined;
}

/** An extension has subscribed to the Telemetry API or to the older Logs API. */
export interface TelemetrySubscription {
  readonly api: "telemetry" | "logs";
  readonly name: string;
  readonly types: readonly string[];
}

export interface LogsDropped {
  readonly reason: string;
  readonly droppedRecords: number;
  readonly droppedBytes: number;
}

const optional = (errorType: string | undefined): object => (errorType === undefined ? {} : { errorType });
const round = (durationMs: number): number => Math.round(durationMs * 1000) / 1000;

/** Trace and segment of a sampled invocation; AWS tells nothing of the others. */
export function sampledTrace(
  header: string | undefined,
): { readonly traceId: string; readonly segmentId: string } | undefined {
  // Few are sampled, and this is asked of every invocation.
  const trace = header?.includes("Sampled=1") ? parseTraceHeader(header) : undefined;
  if (trace?.sampled !== true || trace.parent === undefined) return undefined;
  return { traceId: trace.root, segmentId: trace.parent };
}

function tracing(header: string | undefined): object {
  const trace = sampledTrace(header);
  return trace === undefined
    ? {}
    : { tracing: { spanId: trace.segmentId, type: "X-Amzn-Trace-Id", value: header } };
}

const spanRecord = ({ name, startMs, durationMs }: Span): object => ({
  name,
  start: new Date(startMs).toISOString(),
  durationMs: round(durationMs),
});

/** What happens in an environment, as records. */
export const platformRecords = {
  initStart: (
    owner: RecordOwner,
    { phase, runtimeVersion, runtimeVersionArn }: InitStart,
  ): PlatformRecord => ({
    type: "platform.initStart",
    record: {
      initializationType: owner.initializationType,
      phase,
      ...(runtimeVersion !== undefined && { runtimeVersion, runtimeVersionArn }),
      functionName: owner.functionName,
      functionVersion: owner.version,
    },
  }),
  initRuntimeDone: (owner: RecordOwner, { phase, status, errorType }: InitRuntimeDone): PlatformRecord => ({
    type: "platform.initRuntimeDone",
    record: { initializationType: owner.initializationType, phase, status, ...optional(errorType) },
  }),
  initReport: (owner: RecordOwner, { durationMs, phase, status, errorType }: InitReport): PlatformRecord => ({
    type: "platform.initReport",
    record: {
      initializationType: owner.initializationType,
      phase,
      status,
      ...optional(errorType),
      metrics: { durationMs: round(durationMs) },
    },
  }),
  start: ({ requestId, version, traceHeader }: InvocationStart): PlatformRecord => ({
    type: "platform.start",
    record: { requestId, version, ...tracing(traceHeader) },
  }),
  runtimeDone: (done: RuntimeDone): PlatformRecord => ({
    type: "platform.runtimeDone",
    record: {
      requestId: done.requestId,
      status: done.status,
      ...optional(done.errorType),
      metrics: {
        durationMs: round(done.durationMs),
        ...(done.producedBytes !== undefined && { producedBytes: done.producedBytes }),
      },
      ...tracing(done.traceHeader),
      spans: done.spans.map(spanRecord),
    },
  }),
  report: (event: InvocationReport): PlatformRecord => ({
    type: "platform.report",
    record: {
      requestId: event.requestId,
      metrics: {
        durationMs: round(event.durationMs),
        billedDurationMs: event.billedDurationMs,
        memorySizeMB: event.memorySizeMb,
        maxMemoryUsedMB: event.maxMemoryUsedMb,
        ...(event.initDurationMs !== undefined && { initDurationMs: round(event.initDurationMs) }),
      },
      status: event.status,
      ...optional(event.errorType),
      ...tracing(event.traceHeader),
      ...(event.spans !== undefined && { spans: event.spans.map(spanRecord) }),
    },
  }),
  extension: ({ name, state, events, errorType }: ExtensionState): PlatformRecord => ({
    type: "platform.extension",
    record: { name, state, events, ...optional(errorType) },
  }),
  subscription: ({ api, name, types }: TelemetrySubscription): PlatformRecord => ({
    type: api === "logs" ? "platform.logsSubscription" : "platform.telemetrySubscription",
    record: { name, state: "Subscribed", types },
  }),
  logsDropped: (dropped: LogsDropped): PlatformRecord => ({ type: "platform.logsDropped", record: dropped }),
} as const;

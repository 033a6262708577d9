import type { LoggingConfiguration } from "./function-version.ts";
import { parseTraceHeader } from "./trace-header.ts";

/**
 * The platform's own log events of an execution environment, in the two forms AWS has: text lines and JSON records.
 * Field order, tabs and the trailing tab of REPORT follow "Viewing Lambda logs" and the Telemetry API's event schema.
 */
export interface PlatformLog {
  initStart(event: { runtimeVersion: string; runtimeVersionArn: string }): string | undefined;
  initReport(event: InitReport): string | undefined;
  start(event: { requestId: string; version: string }): string | undefined;
  end(event: { requestId: string }): string | undefined;
  report(event: InvocationReport): string | undefined;
  extension(state: ExtensionState): string | undefined;
}

/** An extension has become ready, or has failed. */
export interface ExtensionState {
  readonly name: string;
  readonly state: string;
  readonly events: readonly string[];
  readonly errorType: string | undefined;
}

/** AWS_LAMBDA_INITIALIZATION_TYPE of an environment. */
export type InitializationType = "on-demand" | "provisioned-concurrency";

export type InvocationStatus = "success" | "error" | "timeout";

export interface InitReport {
  readonly durationMs: number;
  readonly phase: "init" | "invoke";
  readonly status: "success" | "error" | "timeout";
  readonly errorType: string | undefined;
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
  /** X-Amzn-Trace-Id of the invocation. */
  readonly traceHeader?: string | undefined;
}

/** Of a sampled invocation; AWS tells nothing of the others. */
function sampledTrace(header: string | undefined): { traceId: string; segmentId: string } | undefined {
  // Few are sampled, and this is asked of every invocation.
  const trace = header?.includes("Sampled=1") ? parseTraceHeader(header) : undefined;
  if (trace?.sampled !== true || trace.parent === undefined) return undefined;
  return { traceId: trace.root, segmentId: trace.parent };
}

function xrayLine(header: string | undefined): string {
  const trace = sampledTrace(header);
  if (trace === undefined) return "";
  return `XRAY TraceId: ${trace.traceId}\tSegmentId: ${trace.segmentId}\tSampled: true\t\n`;
}

const textLog: PlatformLog = {
  initStart: ({ runtimeVersion, runtimeVersionArn }) =>
    `INIT_START Runtime Version: ${runtimeVersion}\tRuntime Version ARN: ${runtimeVersionArn}\n`,
  initReport: ({ durationMs, phase, status, errorType }) =>
    `INIT_REPORT Init Duration: ${durationMs.toFixed(2)} ms\tPhase: ${phase}\tStatus: ${status}` +
    `${errorType === undefined ? "" : `\tError Type: ${errorType}`}\n`,
  start: ({ requestId, version }) => `START RequestId: ${requestId} Version: ${version}\n`,
  end: ({ requestId }) => `END RequestId: ${requestId}\n`,
  report: (event) =>
    `REPORT RequestId: ${event.requestId}\tDuration: ${event.durationMs.toFixed(2)} ms\t` +
    `Billed Duration: ${event.billedDurationMs} ms\tMemory Size: ${event.memorySizeMb} MB\t` +
    `Max Memory Used: ${event.maxMemoryUsedMb} MB\t` +
    (event.initDurationMs === undefined ? "" : `Init Duration: ${event.initDurationMs.toFixed(2)} ms\t`) +
    (event.status === "success" ? "" : `Status: ${event.status}\t`) +
    (event.errorType === undefined ? "" : `Error Type: ${event.errorType}\t`) +
    `\n${xrayLine(event.traceHeader)}`,
  extension: ({ name, state, events, errorType }) =>
    `EXTENSION\tName: ${name}\tState: ${state}\tEvents: [${events.join(", ")}]` +
    `${errorType === undefined ? "" : `\tError Type: ${errorType}`}\n`,
};

const SYSTEM_LEVELS = ["DEBUG", "INFO", "WARN"];

/** JSON records carry the levels of "Log level filtering": a record below the configured level is left out. */
function jsonLog(
  systemLogLevel: string,
  now: () => string,
  owner: { functionName: string; version: string; initializationType: InitializationType },
): PlatformLog {
  const threshold = Math.max(0, SYSTEM_LEVELS.indexOf(systemLogLevel));
  const record = (level: "DEBUG" | "INFO" | "WARN", type: string, body: object): string | undefined =>
    SYSTEM_LEVELS.indexOf(level) < threshold
      ? undefined
      : `${JSON.stringify({ time: now(), type, record: body })}\n`;
  return {
    initStart: ({ runtimeVersion, runtimeVersionArn }) =>
      record("INFO", "platform.initStart", {
        initializationType: owner.initializationType,
        phase: "init",
        runtimeVersion,
        runtimeVersionArn,
        functionName: owner.functionName,
        functionVersion: owner.version,
      }),
    initReport: ({ durationMs, phase, status, errorType }) =>
      record(initReportLevel(status, owner.initializationType), "platform.initReport", {
        initializationType: owner.initializationType,
        phase,
        status,
        ...(errorType !== undefined && { errorType }),
        metrics: { durationMs: round(durationMs) },
      }),
    start: ({ requestId, version }) => record("INFO", "platform.start", { requestId, version }),
    // AWS: JSON mode has no END record; platform.report closes an invocation.
    end: () => undefined,
    report: (event) =>
      record(event.status === "success" ? "INFO" : "WARN", "platform.report", {
        requestId: event.requestId,
        metrics: {
          durationMs: round(event.durationMs),
          billedDurationMs: event.billedDurationMs,
          memorySizeMB: event.memorySizeMb,
          maxMemoryUsedMB: event.maxMemoryUsedMb,
          ...(event.initDurationMs !== undefined && { initDurationMs: round(event.initDurationMs) }),
        },
        status: event.status,
        ...(event.errorType !== undefined && { errorType: event.errorType }),
        ...tracing(event.traceHeader),
      }),
    extension: ({ name, state, events, errorType }) =>
      record(errorType === undefined ? "INFO" : "WARN", "platform.extension", {
        name,
        state,
        events,
        ...(errorType !== undefined && { errorType }),
      }),
  };
}

/** AWS: `tracing` of the Telemetry API's event schema. */
function tracing(header: string | undefined): object {
  const trace = sampledTrace(header);
  return trace === undefined
    ? {}
    : { tracing: { spanId: trace.segmentId, type: "X-Amzn-Trace-Id", value: header } };
}

/** AWS: of interest to everybody where initialisation is billed on its own. */
function initReportLevel(
  status: InitReport["status"],
  initializationType: InitializationType,
): "DEBUG" | "INFO" | "WARN" {
  if (status !== "success") return "WARN";
  return initializationType === "on-demand" ? "DEBUG" : "INFO";
}

const round = (durationMs: number): number => Math.round(durationMs * 1000) / 1000;

/** The form that a function's logging configuration asks for. `now` gives the ISO time of a record. */
export function platformLog(
  owner: { readonly functionName: string; readonly version: string; readonly logging: LoggingConfiguration },
  now: () => string,
  initializationType: InitializationType = "on-demand",
): PlatformLog {
  return owner.logging.logFormat === "JSON"
    ? jsonLog(owner.logging.systemLogLevel ?? "INFO", now, { ...owner, initializationType })
    : textLog;
}

/**
 * Billed duration in whole milliseconds, rounded up; initialisation of on-demand environments is billed.
 * AWS: since August 2025 for every kind of function ("AWS Lambda standardizes billing for INIT Phase").
 */
export function billedDurationMs(durationMs: number, initDurationMs: number | undefined): number {
  return Math.max(1, Math.ceil(durationMs + (initDurationMs ?? 0)));
}

import type { LoggingConfiguration } from "./function-version.ts";
import {
  type ExtensionState,
  type InitializationType,
  type InitReport,
  type InitRuntimeDone,
  type InitStart,
  type InvocationReport,
  type InvocationStart,
  type PlatformRecord,
  platformRecords,
  type RecordOwner,
  type RuntimeDone,
  sampledTrace,
  type TelemetrySubscription,
} from "./platform-records.ts";

/**
 * The platform's own log events of an execution environment, in the two forms AWS has: text lines and JSON records.
 * Field order, tabs and the trailing tab of REPORT follow "Viewing Lambda logs" and the Telemetry API's event schema.
 * Undefined: the log says nothing of it.
 */
export interface PlatformLog {
  /** Whether `runtimeDone` would write something. */
  readonly tellsRuntimeDone: boolean;
  initStart(event: InitStart): string | undefined;
  initRuntimeDone(event: InitRuntimeDone): string | undefined;
  initReport(event: InitReport): string | undefined;
  start(event: InvocationStart): string | undefined;
  runtimeDone(event: RuntimeDone): string | undefined;
  end(event: { requestId: string }): string | undefined;
  report(event: InvocationReport): string | undefined;
  extension(state: ExtensionState): string | undefined;
  subscription(subscription: TelemetrySubscription): string | undefined;
}

function xrayLine(header: string | undefined): string {
  const trace = sampledTrace(header);
  if (trace === undefined) return "";
  return `XRAY TraceId: ${trace.traceId}\tSegmentId: ${trace.segmentId}\tSampled: true\t\n`;
}

const capitalized = (word: string): string => `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`;

const textLog = (initializationType: InitializationType): PlatformLog => ({
  tellsRuntimeDone: false,
  // AWS: written for managed runtimes only, and not when an initialisation is repeated inside an invocation.
  initStart: ({ phase, runtimeVersion, runtimeVersionArn }) =>
    runtimeVersion === undefined || phase === "invoke"
      ? undefined
      : `INIT_START Runtime Version: ${runtimeVersion}\tRuntime Version ARN: ${runtimeVersionArn}\n`,
  initRuntimeDone: () => undefined,
  // AWS: provisioned environments always report their initialisation; of others only one that failed is told.
  initReport: ({ durationMs, phase, status, errorType }) =>
    status === "success" && (phase === "invoke" || initializationType === "on-demand")
      ? undefined
      : `INIT_REPORT Init Duration: ${durationMs.toFixed(2)} ms\tPhase: ${phase}\tStatus: ${status}` +
        `${errorType === undefined ? "" : `\tError Type: ${errorType}`}\n`,
  runtimeDone: () => undefined,
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
  subscription: ({ api, name, types }) =>
    `${api.toUpperCase()}\tName: ${name}\tState: Subscribed\tTypes: [${types.map(capitalized).join(", ")}]\n`,
});

const SYSTEM_LEVELS = ["DEBUG", "INFO", "WARN"];
type SystemLevel = "DEBUG" | "INFO" | "WARN";

/** JSON records carry the levels of "Log level filtering": a record below the configured level is left out. */
function jsonLog(systemLogLevel: string, now: () => string, owner: RecordOwner): PlatformLog {
  const threshold = Math.max(0, SYSTEM_LEVELS.indexOf(systemLogLevel));
  const line = (level: SystemLevel, make: () => PlatformRecord): string | undefined => {
    if (SYSTEM_LEVELS.indexOf(level) < threshold) return undefined;
    const { type, record } = make();
    return `${JSON.stringify({ time: now(), type, record })}\n`;
  };
  return {
    tellsRuntimeDone: true,
    initStart: (event) =>
      line(event.runtimeVersion === undefined ? "DEBUG" : "INFO", () =>
        platformRecords.initStart(owner, event),
      ),
    initRuntimeDone: (event) =>
      line(event.status === "success" ? "DEBUG" : "WARN", () =>
        platformRecords.initRuntimeDone(owner, event),
      ),
    initReport: (event) =>
      line(initReportLevel(event.status, owner.initializationType), () =>
        platformRecords.initReport(owner, event),
      ),
    start: (event) => line("INFO", () => platformRecords.start(event)),
    runtimeDone: (event) =>
      line(event.status === "success" ? "DEBUG" : "WARN", () => platformRecords.runtimeDone(event)),
    // AWS: JSON mode has no END record; platform.report closes an invocation.
    end: () => undefined,
    report: (event) =>
      line(event.status === "success" ? "INFO" : "WARN", () => platformRecords.report(event)),
    extension: (event) =>
      line(event.errorType === undefined ? "INFO" : "WARN", () => platformRecords.extension(event)),
    subscription: (event) => line("INFO", () => platformRecords.subscription(event)),
  };
}

/** AWS: of interest to everybody where initialisation is billed on its own. */
function initReportLevel(status: InitReport["status"], initializationType: InitializationType): SystemLevel {
  if (status !== "success") return "WARN";
  return initializationType === "on-demand" ? "DEBUG" : "INFO";
}

/** The form that a function's logging configuration asks for. `now` gives the ISO time of a record. */
export function platformLog(
  owner: { readonly functionName: string; readonly version: string; readonly logging: LoggingConfiguration },
  now: () => string,
  initializationType: InitializationType = "on-demand",
): PlatformLog {
  return owner.logging.logFormat === "JSON"
    ? jsonLog(owner.logging.systemLogLevel ?? "INFO", now, { ...owner, initializationType })
    : textLog(initializationType);
}

/**
 * Billed duration in whole milliseconds, rounded up; initialisation of on-demand environments is billed.
 * AWS: since August 2025 for every kind of function ("AWS Lambda standardizes billing for INIT Phase").
 */
export function billedDurationMs(durationMs: number, initDurationMs: number | undefined): number {
  return Math.max(1, Math.ceil(durationMs + (initDurationMs ?? 0)));
}

import type { TelemetryEvent } from "./telemetry-event.ts";

/** The two interfaces for telemetry, with the versions of their schemas, older first. */
export const TELEMETRY_SCHEMAS = {
  telemetry: ["2022-07-01", "2022-12-13", "2025-01-29"],
  logs: ["2020-08-15", "2021-03-18"],
} as const;
export type TelemetryApiName = keyof typeof TELEMETRY_SCHEMAS;

/** AWS: function logs in JSON are objects for subscribers of later schemas ("Telemetry API Event schema reference"). */
const FIRST_WITH_OBJECTS = "2022-12-13";
/** AWS: "Using the Lambda Logs API": runtimeDone came with its second schema. */
const LOGS_WITH_RUNTIME_DONE = "2021-03-18";

type Format = (event: TelemetryEvent) => readonly object[];

const stamped = ({ timeMs }: TelemetryEvent, type: string, record: unknown): object => ({
  time: new Date(timeMs).toISOString(),
  type,
  record,
});

/** How a subscriber of that schema sees an event: none or several of its own. `logFormat` is the function's. */
export function telemetryFormat(
  api: TelemetryApiName,
  schemaVersion: string,
  logFormat: "Text" | "JSON",
): Format {
  if (api === "logs") return logsFormat(schemaVersion);
  const parses = logFormat === "JSON" && schemaVersion >= FIRST_WITH_OBJECTS;
  return (event) => {
    if (event.type === "platform.logsSubscription") return [];
    const record = parses && event.category !== "platform" ? parsed(event.record) : event.record;
    return [stamped(event, event.type, record)];
  };
}

/** A line of JSON as an object; anything else stays a string. */
function parsed(record: unknown): unknown {
  if (typeof record !== "string" || !record.startsWith("{")) return record;
  try {
    return JSON.parse(record);
  } catch {
    return record;
  }
}

const LOGS_API_EVENTS = new Set([
  "platform.start",
  "platform.report",
  "platform.extension",
  "platform.logsSubscription",
  "platform.logsDropped",
]);

/** The Logs API knows fewer events with fewer members, and `platform.end` before each report. */
function logsFormat(schemaVersion: string): Format {
  const knowsRuntimeDone = schemaVersion >= LOGS_WITH_RUNTIME_DONE;
  return (event) => {
    const { category, type } = event;
    if (category !== "platform") return [stamped(event, type, event.record)];
    const record = event.record as Readonly<Record<string, unknown>>;
    const { requestId } = record;
    if (type === "platform.runtimeDone")
      return knowsRuntimeDone ? [stamped(event, type, { requestId, status: record.status })] : [];
    if (!LOGS_API_EVENTS.has(type)) return [];
    if (type === "platform.start") return [stamped(event, type, { requestId, version: record.version })];
    if (type === "platform.report")
      return [
        stamped(event, "platform.end", { requestId }),
        stamped(event, type, { requestId, metrics: record.metrics }),
      ];
    return [stamped(event, type, record)];
  };
}

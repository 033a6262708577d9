import type { LoggingConfiguration } from "./function-version.ts";

/** AWS: from the most detail to the least. */
const LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
/** What loggers of some languages call them. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  INFORMATION: "INFO",
  WARNING: "WARN",
  CRITICAL: "FATAL",
};
const INFO = LEVELS.indexOf("INFO");
/** AWS: "Lambda supports most common naming conventions used by the managed runtimes". */
const TIMESTAMP_KEYS = ["timestamp", "time"];
const RFC_3339 = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;

/**
 * Whether a line that a function has printed belongs into its log, as ApplicationLogLevel says. AWS: with the log format
 * JSON, whatever prints objects with a "level" and a "timestamp" is filtered by Lambda; one without a valid level or
 * time counts as INFO. Errors whose time is none, such as those of Powertools for Python, are kept here. Loggers of managed runtimes that write records have done so themselves. What has no "level" at all, such
 * as the embedded metric format, is let through.
 */
export function applicationLogFilter(logging: LoggingConfiguration): (line: string) => boolean {
  const threshold = LEVELS.indexOf(logging.applicationLogLevel ?? "INFO");
  if (logging.logFormat !== "JSON" || threshold <= 0) return () => true;
  return (line) => {
    // Most lines are no such objects, and need not be parsed.
    if (!line.startsWith("{") || !line.includes('"level"')) return true;
    const event = parsed(line);
    return event?.["level"] === undefined || rankOf(event) >= threshold;
  };
}

function rankOf(event: Readonly<Record<string, unknown>>): number {
  const name = String(event["level"]).toUpperCase();
  const rank = LEVELS.indexOf(OTHER_NAMES[name] ?? name);
  const isValid = rank >= 0 && TIMESTAMP_KEYS.some((key) => isTimestamp(event[key]));
  return isValid ? rank : Math.max(rank, INFO);
}

const isTimestamp = (value: unknown): boolean =>
  typeof value === "string" && RFC_3339.test(value) && !Number.isNaN(Date.parse(value));

function parsed(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

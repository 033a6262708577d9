const LEVEL_NAMES: Readonly<Record<number, string>> = {
  20: "debug",
  30: "info",
  40: "warn",
  50: "error",
  60: "fatal",
};
const OWN_MEMBERS = new Set(["level", "time", "name", "msg", "err"]);

interface LogRecord {
  readonly level: number;
  readonly time: number;
  readonly msg?: string;
  readonly err?: { readonly stack?: string; readonly message?: string };
  readonly [member: string]: unknown;
}

function fieldText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** One JSON log line of pino as a line for a person: time of day, level, message, further members. */
export function readableLine(line: string): string {
  const record = JSON.parse(line) as LogRecord;
  const time = new Date(record.time).toISOString().slice(11, 23);
  const level = (LEVEL_NAMES[record.level] ?? String(record.level)).padEnd(5);
  const fields = Object.entries(record)
    .filter(([member]) => !OWN_MEMBERS.has(member))
    .map(([member, value]) => ` ${member}=${fieldText(value)}`)
    .join("");
  const error = record.err === undefined ? "" : `\n${record.err.stack ?? record.err.message ?? ""}`;
  return `${time} ${level} ${record.msg ?? ""}${fields}${error}\n`;
}

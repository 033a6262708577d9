/** A schedule expression of EventBridge or EventBridge Scheduler, as written. */
export type ScheduleExpression =
  | { readonly kind: "rate"; readonly everyMs: number }
  | { readonly kind: "cron"; readonly fields: string }
  | { readonly kind: "at"; readonly localTime: LocalTime };

/** A date and time without its time zone. */
export interface LocalTime {
  /** As if it were UTC, epoch milliseconds. */
  readonly asUtcMs: number;
}

const UNITS_MS: Readonly<Record<string, number>> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

/** Reads `rate(…)`, `cron(…)` and `at(…)`; the fields of cron are left to whoever knows them. */
export function parseScheduleExpression(text: string): ScheduleExpression | undefined {
  const [, kind, content = ""] = /^(rate|cron|at)\((.*)\)$/.exec(text) ?? [];
  if (kind === "rate") return parseRate(content);
  if (kind === "cron") return { kind, fields: content };
  return kind === "at" ? parseAt(content) : undefined;
}

function parseRate(content: string): ScheduleExpression | undefined {
  const [, number = "", unit = "", plural] = /^\s*([1-9]\d*)\s+(minute|hour|day)(s?)\s*$/.exec(content) ?? [];
  const count = Number(number);
  // AWS: "rate(1 hours)" and "rate(5 hour)" are not valid.
  if (count === 0 || (plural === "s") !== count > 1) return undefined;
  return { kind: "rate", everyMs: count * (UNITS_MS[unit] ?? 0) };
}

function parseAt(content: string): ScheduleExpression | undefined {
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$/.test(content)) return undefined;
  const asUtcMs = Date.parse(`${content}Z`);
  if (Number.isNaN(asUtcMs) || new Date(asUtcMs).toISOString().slice(0, 19) !== content) return undefined;
  return { kind: "at", localTime: { asUtcMs } };
}

/** Whether this is a time zone that is known here. */
export function isTimeZone(timeZone: string): boolean {
  try {
    return new Intl.DateTimeFormat("en-US", { timeZone }) !== undefined;
  } catch {
    return false;
  }
}

/** The instant of a local time; of a time that is there twice the first, of one that is left out an hour later. */
export function instantOf(local: LocalTime, timeZone: string): number {
  const dayBefore = offsetMs(local.asUtcMs - 86_400_000, timeZone);
  const dayAfter = offsetMs(local.asUtcMs + 86_400_000, timeZone);
  const candidates = [dayBefore, dayAfter]
    .map((offset) => local.asUtcMs - offset)
    .filter((instantMs) => instantMs + offsetMs(instantMs, timeZone) === local.asUtcMs);
  return candidates.length > 0 ? Math.min(...candidates) : local.asUtcMs - dayBefore;
}

/** How far the time zone's clock is ahead of UTC. */
function offsetMs(instantMs: number, timeZone: string): number {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  }).formatToParts(instantMs);
  const part = (type: string): number => Number(parts.find((each) => each.type === type)?.value);
  const asUtcMs = Date.UTC(
    part("year"),
    part("month") - 1,
    part("day"),
    part("hour"),
    part("minute"),
    part("second"),
  );
  return asUtcMs - Math.floor(instantMs / 1000) * 1000;
}

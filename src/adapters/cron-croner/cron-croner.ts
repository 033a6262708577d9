import { Cron } from "croner";
import type { CronTimes } from "../../ports/cron.ts";

/** Lowest and highest number of each of AWS's fields but the year. */
const RANGES = [
  { low: 0, high: 59 },
  { low: 0, high: 23 },
  { low: 1, high: 31 },
  { low: 1, high: 12 },
  { low: 1, high: 7 },
] as const;
const DAY_OF_MONTH = 2;
const DAY_OF_WEEK = 4;
const YEARS = { low: 1970, high: 2199 };

/** Signs that each field takes; croner would take more. */
const FIELD_SIGNS = [
  /^[\d,*/-]+$/,
  /^[\d,*/-]+$/,
  /^([\d,*/-]+|\?|L|LW|\d{1,2}W)$/,
  /^[\dA-Z,*/-]+$/,
  /^([1-7A-Z,*/-]+|\?|L|([1-7]|[A-Z]{3})L|([1-7]|[A-Z]{3})#[1-5])$/,
  /^[\d,*/-]+$/,
];

/** AWS's cron expressions, read by croner. */
export function compileCron(fields: string, timeZone: string): CronTimes | undefined {
  const parts = fields.trim().toUpperCase().split(/\s+/);
  if (parts.length !== 6 || !parts.every((part, index) => FIELD_SIGNS[index]?.test(part))) return undefined;
  // AWS: "You can't specify the Day-of-month and Day-of-week fields in the same cron expression."
  if ((parts[DAY_OF_MONTH] === "?") === (parts[DAY_OF_WEEK] === "?")) return undefined;
  try {
    const cron = new Cron(["0", ...parts.map(cronersField)].join(" "), {
      mode: "7-part",
      alternativeWeekdays: true,
      domAndDow: true,
      timezone: timeZone,
      paused: true,
    });
    return { nextAfter: (instantMs) => nextRun(cron, parts, { instantMs, timeZone }) };
  } catch {
    return undefined;
  }
}

function cronersField(part: string, index: number): string {
  if (part === "?") return "*";
  // AWS: L in the day of week is the last day of the week.
  if (index === DAY_OF_WEEK && part === "L") return "7";
  const { low, high } = RANGES[index] ?? YEARS;
  return part
    .split(",")
    .map((item) => item.replace(/^(\d+)\//, `$1-${high}/`).replace(/^\*\//, `${low}-${high}/`))
    .join(",");
}

/** AWS: a time that a change to summer time leaves out is skipped; croner moves it one hour. */
function nextRun(
  cron: Cron,
  parts: readonly string[],
  { instantMs, timeZone }: { readonly instantMs: number; readonly timeZone: string },
): number | undefined {
  let after = new Date(instantMs);
  for (let skipped = 0; skipped < 1_000; skipped++) {
    const next = cron.nextRun(after);
    if (next === null) return undefined;
    const { hour, minute } = localTime(next, timeZone);
    if (
      isIn(parts[0] ?? "", { value: minute, range: RANGES[0] }) &&
      isIn(parts[1] ?? "", { value: hour, range: RANGES[1] })
    )
      return next.getTime();
    after = next;
  }
  return undefined;
}

function isIn(
  field: string,
  {
    value,
    range,
  }: { readonly value: number; readonly range: { readonly low: number; readonly high: number } },
): boolean {
  return field.split(",").some((item) => {
    const [numbers = "", step] = item.split("/");
    const [first, last] = numbers === "*" ? [range.low, range.high] : numbers.split("-").map(Number);
    const from = first ?? range.low;
    const to = last ?? (step === undefined ? from : range.high);
    return value >= from && value <= to && (value - from) % Number(step ?? 1) === 0;
  });
}

const formats = new Map<string, Intl.DateTimeFormat>();

function localTime(instant: Date, timeZone: string): { hour: number; minute: number } {
  const known = formats.get(timeZone);
  const format =
    known ??
    new Intl.DateTimeFormat("en-US", { timeZone, hourCycle: "h23", hour: "2-digit", minute: "2-digit" });
  if (known === undefined) formats.set(timeZone, format);
  const [hour, minute] = format.format(instant).split(":").map(Number);
  return { hour: hour ?? 0, minute: minute ?? 0 };
}

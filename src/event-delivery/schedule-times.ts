import { instantOf, parseScheduleExpression } from "../core/schedule-expression.ts";
import type { CompileCron } from "../ports/cron.ts";

/** When something with a schedule expression is due. */
export interface ScheduleTimes {
  /** The first time after the instant; undefined: there is none any more. */
  nextAfter(instantMs: number): number | undefined;
}

/**
 * The times of an expression that was checked: a rate counts from `fromMs` on, which is its first time; cron and
 * one-time expressions are read in the time zone.
 */
export function scheduleTimes(
  text: string,
  {
    compileCron,
    timeZone,
    fromMs,
  }: { readonly compileCron: CompileCron; readonly timeZone: string; readonly fromMs: number },
): ScheduleTimes | undefined {
  const expression = parseScheduleExpression(text);
  if (expression?.kind === "cron") return compileCron(expression.fields, timeZone);
  if (expression?.kind === "at") {
    const atMs = instantOf(expression.localTime, timeZone);
    return { nextAfter: (instantMs) => (atMs > instantMs ? atMs : undefined) };
  }
  if (expression === undefined) return undefined;
  const { everyMs } = expression;
  return {
    nextAfter: (instantMs) =>
      instantMs < fromMs ? fromMs : fromMs + (Math.floor((instantMs - fromMs) / everyMs) + 1) * everyMs,
  };
}

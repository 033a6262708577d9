/** A cron expression in its time zone. */
export interface CronTimes {
  /** The first time after the instant, epoch milliseconds; undefined: there is none any more. */
  nextAfter(instantMs: number): number | undefined;
}

/**
 * Reads AWS's six fields (minutes, hours, day of month, month, day of week, year), without "cron(" and ")". Undefined
 * for what is none. The time zone is an IANA name that is known here.
 */
export type CompileCron = (fields: string, timeZone: string) => CronTimes | undefined;

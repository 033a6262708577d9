/** Lambda's string timestamps, e.g. 2023-01-21T11:30:00.000+0000 (no colon in the offset). */
export const lambdaTimestamp = (epochMs: number): string =>
  new Date(epochMs).toISOString().replace("Z", "+0000");

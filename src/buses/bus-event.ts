import type { Owner } from "./bus-records.ts";

/** An event as it stands on a bus. */
export interface BusEvent extends Owner {
  readonly id: string;
  readonly source: string;
  readonly detailType: string;
  /** JSON text of an object. */
  readonly detail: string;
  readonly resources: readonly string[];
  readonly timeMs: number;
  readonly replayName?: string | undefined;
}

/** AWS: times of events have no fractions of a second. */
export const eventTime = (timeMs: number): string => `${new Date(timeMs).toISOString().slice(0, 19)}Z`;

/** The event's JSON text as targets get it, with the detail as it was sent. */
export function eventText(event: BusEvent): string {
  const { id, source, detailType, account, timeMs, region, resources, replayName } = event;
  const head = JSON.stringify({
    version: "0",
    id,
    "detail-type": detailType,
    source,
    account,
    time: eventTime(timeMs),
    region,
    resources,
    ...(replayName !== undefined && { "replay-name": replayName }),
  });
  return `${head.slice(0, -1)},"detail":${event.detail}}`;
}

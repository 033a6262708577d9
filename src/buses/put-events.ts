import { findJsonError } from "../core/json-text.ts";
import { eventsInvalid } from "./bus-errors.ts";
import type { BusIngestion, TakenEvent } from "./bus-ingestion.ts";
import type { Owner } from "./bus-records.ts";
import type { EventBuses } from "./event-buses.ts";

export interface EventEntry {
  readonly timeMs: number | undefined;
  readonly source: string | undefined;
  readonly resources: readonly string[];
  readonly detailType: string | undefined;
  readonly detail: string | undefined;
  readonly bus: string | undefined;
  readonly traceHeader: string | undefined;
}

export type EventEntryResult =
  | { readonly eventId: string }
  | { readonly errorCode: string; readonly errorMessage: string };

/** AWS: the entries of a request have 1 MB together. */
const ENTRIES_BYTES_MAX = 1_048_576;
const TIME_BYTES = 14;

/**
 * PutEvents: the events that are well formed are taken, each of the others has its error. Resolves when what was taken
 * is on disk.
 */
export async function putEvents(
  deps: {
    readonly buses: EventBuses;
    readonly ingestion: BusIngestion;
    readonly newEventId: () => string;
    readonly nowMs: () => number;
  },
  owner: Owner,
  entries: readonly EventEntry[],
): Promise<EventEntryResult[]> {
  const bytes = entries.reduce((sum, entry) => sum + entryBytes(entry), 0);
  if (bytes > ENTRIES_BYTES_MAX)
    throw eventsInvalid("Total size of the entries in the request is over the limit.");
  const taken: TakenEvent[] = [];
  const results = entries.map((entry): EventEntryResult => {
    const problem = problemOf(entry);
    if (problem !== undefined) return problem;
    const { source = "", detailType = "", detail = "{}", resources, traceHeader, timeMs } = entry;
    const eventId = deps.newEventId();
    const name = deps.buses.named(owner, entry.bus);
    const bus = deps.buses.find(name);
    // AWS: an event for a bus that is not there has an id, and is gone.
    if (bus !== undefined) {
      const { account } = owner;
      const { region } = bus;
      const event = { id: eventId, source, detailType, detail, resources, account, region };
      taken.push({ bus, event: { ...event, timeMs: timeMs ?? deps.nowMs() }, traceHeader });
    }
    return { eventId };
  });
  await deps.ingestion.take(taken);
  return results;
}

/** "Calculating PutEvents event entry size". */
function entryBytes({ timeMs, source = "", detailType = "", detail = "", resources }: EventEntry): number {
  const texts = [source, detailType, detail, ...resources];
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), timeMs === undefined ? 0 : TIME_BYTES);
}

function problemOf({ source, detailType, detail }: EventEntry): EventEntryResult | undefined {
  const missing = (name: string): EventEntryResult => ({
    errorCode: "InvalidArgument",
    errorMessage: `Parameter ${name} is not valid. Reason: ${name} is a required argument.`,
  });
  if (source === undefined || source === "") return missing("Source");
  if (source.startsWith("aws."))
    return { errorCode: "NotAuthorizedForSource", errorMessage: "Not authorized for the source." };
  if (detailType === undefined || detailType === "") return missing("DetailType");
  if (detail === undefined || detail === "") return missing("Detail");
  return isObject(detail)
    ? undefined
    : { errorCode: "MalformedDetail", errorMessage: "Detail is malformed." };
}

const isObject = (text: string): boolean =>
  text.trimStart().startsWith("{") && findJsonError(Buffer.from(text)) === undefined;

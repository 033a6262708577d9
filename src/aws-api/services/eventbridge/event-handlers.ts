import { eventsInvalid, eventsNotSupported } from "../../../buses/bus-errors.ts";
import type { EventBridge } from "../../../buses/event-bridge.ts";
import { putEvents } from "../../../buses/put-events.ts";
import { checkEventPattern } from "../../../buses/rule-matching.ts";
import type { EventBridgeHandlers } from "./bus-handlers.ts";

/** What a test event must have, as AWS says it. */
const EVENT_MEMBERS = ["id", "detail-type", "source", "account", "time", "region", "resources"];

/** Events. */
export function eventHandlers({ buses, ingestion, newEventId, clock }: EventBridge): EventBridgeHandlers {
  return {
    PutEvents: async (input, context) => {
      if (input.EndpointId !== undefined) throw eventsNotSupported("EndpointId");
      const entries = (input.Entries ?? []).map((entry) => ({
        timeMs: entry.Time?.getTime(),
        source: entry.Source,
        resources: entry.Resources ?? [],
        detailType: entry.DetailType,
        detail: entry.Detail,
        bus: entry.EventBusName,
        traceHeader: entry.TraceHeader,
      }));
      const deps = { buses, ingestion, newEventId, nowMs: () => clock.nowMs() };
      const results = await putEvents(deps, context, entries);
      return {
        FailedEntryCount: results.filter((result) => "errorCode" in result).length,
        Entries: results.map((result) =>
          "errorCode" in result
            ? { ErrorCode: result.errorCode, ErrorMessage: result.errorMessage }
            : { EventId: result.eventId },
        ),
      };
    },
    TestEventPattern: (input) => {
      const matches = checkEventPattern(input.EventPattern ?? "");
      return { Result: matches(testEvent(input.Event ?? "")) };
    },
  };
}

function testEvent(text: string): unknown {
  let event: unknown;
  try {
    event = JSON.parse(text);
  } catch {
    throw eventsInvalid("Parameter Event is not valid.");
  }
  if (typeof event !== "object" || event === null || EVENT_MEMBERS.some((member) => !(member in event)))
    throw eventsInvalid("Parameter Event is not valid.");
  return event;
}

import { DeliveryRefused, type EventTargets, type ExpectEvent } from "../ports/event-targets.ts";

const refuse =
  (what: string) =>
  (arn: string): Promise<void> =>
    Promise.reject(new DeliveryRefused("ResourceNotFoundException", `No ${what} is served here: ${arn}`));

/**
 * The targets, known before the services behind them are opened: these send to one another in circles. Each service
 * puts its own method in when it is open; until then, and where a service is switched off, its target is refused.
 */
export class LateEventTargets implements EventTargets {
  /** Set where functions are kept ready. */
  expect: ExpectEvent = () => undefined;
  toFunction: EventTargets["toFunction"] = refuse("function");
  toQueue: EventTargets["toQueue"] = refuse("queue");
  toTopic: EventTargets["toTopic"] = refuse("topic");
  toBus: EventTargets["toBus"] = refuse("event bus");
  toBucket: EventTargets["toBucket"] = refuse("bucket");
}

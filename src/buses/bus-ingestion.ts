import type { DeliveryQueue, NewDelivery } from "../event-delivery/delivery-queue.ts";
import type { Clock } from "../ports/clock.ts";
import type { Archives } from "./archives.ts";
import { deliveriesOf, type RuleAddress } from "./bus-delivery.ts";
import { type BusEvent, eventText } from "./bus-event.ts";
import { busArn, ruleArn, type StoredBus, type StoredRule } from "./bus-records.ts";
import type { RuleMatching } from "./rule-matching.ts";

/** An event that a bus has taken. */
export interface TakenEvent {
  readonly bus: StoredBus;
  readonly event: BusEvent;
  readonly traceHeader?: string | undefined;
  /** See `BusDelivery`. */
  readonly hops?: number | undefined;
  /** A replay's: only these rules get it. */
  readonly onlyRules?: ReadonlySet<string> | undefined;
}

/** What happens to events when a bus takes them: every rule's targets get them, and archives keep them. */
export class BusIngestion {
  readonly #matching: RuleMatching;
  readonly #archives: Archives;
  readonly #deliveries: DeliveryQueue<RuleAddress>;
  readonly #clock: Clock;

  constructor(deps: {
    readonly matching: RuleMatching;
    readonly archives: Archives;
    readonly deliveries: DeliveryQueue<RuleAddress>;
    readonly clock: Clock;
  }) {
    this.#matching = deps.matching;
    this.#archives = deps.archives;
    this.#deliveries = deps.deliveries;
    this.#clock = deps.clock;
  }

  /** Resolves when whatever is to be done with the events is on disk. */
  async take(taken: readonly TakenEvent[]): Promise<void> {
    const deliveries: NewDelivery<RuleAddress>[] = [];
    const archived: { archiveId: string; text: string }[] = [];
    for (const each of taken) {
      const text = eventText(each.event);
      let parsed: unknown;
      const event = (): unknown => (parsed ??= JSON.parse(text));
      for (const rule of this.#matching.matching(each.bus, event)) {
        if (each.onlyRules !== undefined && !each.onlyRules.has(ruleArn(rule))) continue;
        deliveries.push(...this.#deliveriesTo(rule, each, text));
      }
      // AWS: replayed events are not archived once more.
      if (each.event.replayName !== undefined) continue;
      for (const archiveId of this.#archives.wanting(busArn(each.bus), event))
        archived.push({ archiveId, text });
    }
    await Promise.all([this.#deliveries.add(deliveries), this.#archives.append(archived)]);
  }

  /** The event of a rule's schedule; the same one again is left out. */
  async takeScheduled(rule: StoredRule, event: BusEvent): Promise<void> {
    const text = eventText(event);
    const deliveries = this.#deliveriesTo(rule, { event }, text).map((delivery) => ({
      ...delivery,
      deduplicationId: `${ruleArn(rule)} ${delivery.address.target.Id} ${event.timeMs}`,
    }));
    await this.#deliveries.add(deliveries);
  }

  #deliveriesTo(
    rule: StoredRule,
    { traceHeader, hops }: Pick<TakenEvent, "event" | "traceHeader" | "hops">,
    text: string,
  ): NewDelivery<RuleAddress>[] {
    const ingestionTimeMs = this.#clock.nowMs();
    return deliveriesOf(rule, { payload: Buffer.from(text), ingestionTimeMs, traceHeader, hops });
  }
}

import { createHash } from "node:crypto";
import { compileLogFilter, type LogFilter } from "../core/log-filter-pattern.ts";
import type { Clock } from "../ports/clock.ts";
import type { NewLogEntry } from "../ports/store.ts";
import type { LogCatalogue } from "./log-catalogue.ts";
import type { IngestedEvents } from "./log-ingestion.ts";
import type { StoredSubscriptionFilter } from "./log-records.ts";
import { filtersOf, type LogDestination, subscriptionSourceArn } from "./subscription-filters.ts";

/** Events of one delivery, and of all that wait; beyond the second, new ones are dropped. */
const DELIVERY_EVENTS_MAX = 10_000;
const DELIVERY_CHARACTERS_MAX = 1_000_000;
const WAITING_CHARACTERS_MAX = 16 * 1024 * 1024;
const DELIVERIES_AT_A_TIME = 4;
/** Waits between attempts; after the last of them a delivery is given up. */
const RETRY_DELAYS_MS = [1_000, 5_000, 30_000];
/** Compiled patterns that are kept. */
const PATTERNS_MAX = 1_000;

interface Delivery {
  readonly filter: StoredSubscriptionFilter;
  readonly ingested: IngestedEvents;
  readonly events: readonly NewLogEntry[];
  readonly characters: number;
}

export interface SubscriptionDeliveryOptions {
  readonly catalogue: LogCatalogue;
  readonly clock: Clock;
  /** Told of events that no function got. */
  readonly lost: (what: {
    readonly logGroupName: string;
    readonly filterName: string;
    readonly events: number;
  }) => void;
}

/**
 * Brings the events that match subscription filters to their functions. Off the way of whoever writes: deliveries wait
 * in memory, a few run at a time; what waits when the process ends is lost.
 */
export class SubscriptionDelivery {
  readonly #options: SubscriptionDeliveryOptions;
  readonly #waiting: Delivery[] = [];
  readonly #patterns = new Map<string, LogFilter>();
  #waitingCharacters = 0;
  #running = 0;
  #closed = false;
  #deliveries = 0;
  /** Until it is set, events that match wait. */
  #destination: LogDestination | undefined;

  constructor(options: SubscriptionDeliveryOptions) {
    this.#options = options;
  }

  get destination(): LogDestination | undefined {
    return this.#destination;
  }

  connect(destination: LogDestination): void {
    this.#destination = destination;
    this.#pump();
  }

  /** Takes what was ingested; most groups have no filters. */
  take(ingested: IngestedEvents): void {
    const group = this.#options.catalogue.group(ingested.stream);
    if (group === undefined || this.#closed) return;
    for (const filter of filtersOf(group)) {
      const matches = this.#compiled(filter.filterPattern);
      const matching = ingested.events.filter(({ message }) => matches === undefined || matches(message));
      for (const events of inDeliveries(matching)) this.#add({ filter, ingested, ...events });
    }
    this.#pump();
  }

  /** No delivery starts any more. */
  close(): void {
    this.#closed = true;
    for (const delivery of this.#waiting.splice(0)) this.#lose(delivery);
  }

  #add(delivery: Delivery): void {
    if (this.#waitingCharacters + delivery.characters > WAITING_CHARACTERS_MAX) {
      this.#lose(delivery);
      return;
    }
    this.#waitingCharacters += delivery.characters;
    this.#waiting.push(delivery);
  }

  #pump(): void {
    const destination = this.#destination;
    if (destination === undefined) return;
    while (this.#running < DELIVERIES_AT_A_TIME && !this.#closed) {
      const delivery = this.#waiting.shift();
      if (delivery === undefined) return;
      this.#running++;
      void this.#deliver(delivery, destination).finally(() => {
        this.#running--;
        this.#waitingCharacters -= delivery.characters;
        this.#pump();
      });
    }
  }

  async #deliver(delivery: Delivery, destination: LogDestination): Promise<void> {
    const { stream } = delivery.ingested;
    const { destinationArn } = delivery.filter;
    const source = {
      account: stream.account,
      region: stream.region,
      sourceArn: subscriptionSourceArn(stream),
    };
    const text = this.#text(delivery);
    for (const delayMs of [0, ...RETRY_DELAYS_MS]) {
      if (delayMs > 0) await new Promise<void>((resolve) => this.#options.clock.after(delayMs, resolve));
      if (this.#closed || !destination.allows(destinationArn, source)) break;
      try {
        const data = Buffer.from(await destination.compress(text)).toString("base64");
        await destination.deliver(destinationArn, Buffer.from(JSON.stringify({ awslogs: { data } })));
        return;
      } catch {
        // The function is throttled, is being updated, or the machine is full: once more after a while.
      }
    }
    this.#lose(delivery);
  }

  #text({ filter, ingested, events }: Delivery): string {
    const { stream } = ingested;
    const delivery = ++this.#deliveries;
    return JSON.stringify({
      messageType: "DATA_MESSAGE",
      owner: stream.account,
      logGroup: stream.logGroupName,
      logStream: stream.logStreamName,
      subscriptionFilters: [filter.filterName],
      logEvents: events.map(({ timestampMs, message }, index) => ({
        id: eventId(timestampMs, `${stream.logStreamName} ${ingested.ingestedAtMs} ${delivery} ${index}`),
        timestamp: timestampMs,
        message,
      })),
    });
  }

  #lose({ ingested, filter, events }: Delivery): void {
    const { logGroupName } = ingested.stream;
    this.#options.lost({ logGroupName, filterName: filter.filterName, events: events.length });
  }

  #compiled(pattern: string): LogFilter {
    const known = this.#patterns.get(pattern);
    if (known !== undefined || this.#patterns.has(pattern)) return known;
    if (this.#patterns.size >= PATTERNS_MAX) this.#patterns.clear();
    const compiled = compileLogFilter(pattern);
    this.#patterns.set(pattern, compiled);
    return compiled;
  }
}

function* inDeliveries(
  events: readonly NewLogEntry[],
): Generator<{ events: readonly NewLogEntry[]; characters: number }> {
  let part: NewLogEntry[] = [];
  let characters = 0;
  for (const event of events) {
    const isFull =
      part.length >= DELIVERY_EVENTS_MAX || characters + event.message.length > DELIVERY_CHARACTERS_MAX;
    if (isFull && part.length > 0) {
      yield { events: part, characters };
      part = [];
      characters = 0;
    }
    part.push(event);
    characters += event.message.length;
  }
  if (part.length > 0) yield { events: part, characters };
}

/** 56 digits as AWS's: the time, then a digest. */
function eventId(timestampMs: number, seed: string): string {
  const digest = createHash("sha256").update(seed).digest("hex").slice(0, 32);
  return String(timestampMs).padStart(17, "0") + BigInt(`0x${digest}`).toString().padStart(39, "0");
}

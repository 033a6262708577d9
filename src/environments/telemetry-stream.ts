import type { PlatformRecord } from "../core/platform-records.ts";
import type { Clock } from "../ports/clock.ts";
import type { TelemetryEvent } from "./telemetry-event.ts";
import type { TelemetrySubscriber } from "./telemetry-subscriber.ts";

/** Until registration ends, so much is kept for those who subscribe late. */
const EARLY_EVENTS_MAX = 10_000;
/** An initialisation may take minutes, and print as long. */
const EARLY_BYTES_MAX = 4 * 1_048_576;

/**
 * What happens in one execution environment, for the extensions that have subscribed to it. AWS: subscriptions are
 * taken until the initialisation is over, and whoever subscribes gets what has happened before as well ("Accessing
 * real-time telemetry data for extensions using the Telemetry API").
 */
export class TelemetryStream {
  readonly #clock: Clock;
  readonly #subscribers = new Map<string, TelemetrySubscriber>();
  #early: TelemetryEvent[] | undefined = [];
  #earlyBytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** False when nobody listens and nobody can begin to: nothing need be told. */
  get isObserved(): boolean {
    return this.#early !== undefined || this.#subscribers.size > 0;
  }

  get isOpen(): boolean {
    return this.#early !== undefined;
  }

  /** A later subscription of the same extension takes the place of its earlier one. Only while it is open. */
  subscribe(name: string, subscriber: TelemetrySubscriber): void {
    this.#subscribers.get(name)?.close();
    this.#subscribers.set(name, subscriber);
    for (const event of this.#early ?? []) subscriber.add(event);
  }

  platform({ type, record }: PlatformRecord): void {
    this.#add({ timeMs: this.#clock.nowMs(), category: "platform", type, record });
  }

  /** What the function or an extension has written. */
  output(category: "function" | "extension", timeMs: number, record: unknown): void {
    this.#add({ timeMs, category, type: category, record });
  }

  /** The initialisation is over: nobody can subscribe any more. */
  closeSubscription(): void {
    this.#early = undefined;
  }

  /** From now on everything is sent at once: the environment is about to end. */
  hasten(): void {
    for (const subscriber of this.#subscribers.values()) subscriber.hasten();
  }

  close(): void {
    this.#early = undefined;
    for (const subscriber of this.#subscribers.values()) subscriber.close();
    this.#subscribers.clear();
  }

  #add(event: TelemetryEvent): void {
    if (this.#early !== undefined) this.#keep(this.#early, event);
    for (const subscriber of this.#subscribers.values()) subscriber.add(event);
  }

  #keep(early: TelemetryEvent[], event: TelemetryEvent): void {
    const { record } = event;
    const bytes = typeof record === "string" ? Buffer.byteLength(record) : 0;
    if (early.length >= EARLY_EVENTS_MAX || this.#earlyBytes + bytes > EARLY_BYTES_MAX) return;
    this.#earlyBytes += bytes;
    early.push(event);
  }
}

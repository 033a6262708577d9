import { platformRecords } from "../core/platform-records.ts";
import type { Clock } from "../ports/clock.ts";
import type { TelemetryEvent, TelemetryType } from "./telemetry-event.ts";

/** AWS: a batch is sent when one of these is reached. */
export interface TelemetryBuffering {
  readonly maxItems: number;
  readonly maxBytes: number;
  readonly timeoutMs: number;
}

/** The way to a subscriber. */
export interface TelemetryDelivery {
  /** Sends one batch of events; rejects with the reason when it did not arrive. One at a time. */
  send(events: readonly string[]): Promise<void>;
  close(): void;
}

export interface TelemetrySubscriberParts {
  readonly types: ReadonlySet<TelemetryType>;
  readonly buffering: TelemetryBuffering;
  readonly delivery: TelemetryDelivery;
  readonly clock: Clock;
  /** The event as the subscriber's schema has it: none or several of its events. */
  readonly format: (event: TelemetryEvent) => readonly object[];
}

/** So many full batches wait for a subscriber that is slower than its function talks; then events are dropped. */
const WAITING_BATCHES_MAX = 4;
/** AWS: so its interface emulator says. */
const TOO_SLOW =
  "Some logs were dropped because the downstream consumer is slower than the logs production rate";

interface Batch {
  readonly events: string[];
  bytes: number;
}

/**
 * One extension's subscription: events are collected into batches and sent one after the other. What a subscriber is
 * too slow for, or refuses, is dropped, and the next batch begins with a record that says so.
 */
export class TelemetrySubscriber {
  readonly #parts: TelemetrySubscriberParts;
  #batch: Batch | undefined;
  readonly #full: Batch[] = [];
  #isSending = false;
  #isHasty = false;
  #isClosed = false;
  #cancelTimer: () => void = () => undefined;
  #dropped = { records: 0, bytes: 0, reason: "" };

  constructor(parts: TelemetrySubscriberParts) {
    this.#parts = parts;
  }

  add(event: TelemetryEvent): void {
    if (this.#isClosed || !this.#parts.types.has(event.category)) return;
    for (const formatted of this.#parts.format(event)) this.#collect(JSON.stringify(formatted));
  }

  /** Sends what there is, and from now on everything at once. */
  hasten(): void {
    this.#isHasty = true;
    this.#flush();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cancelTimer();
    this.#batch = undefined;
    this.#full.length = 0;
    this.#parts.delivery.close();
  }

  #collect(event: string): void {
    const { buffering, clock } = this.#parts;
    const bytes = Buffer.byteLength(event);
    if (this.#full.length >= WAITING_BATCHES_MAX) {
      this.#drop(1, bytes, TOO_SLOW);
      return;
    }
    if (this.#batch === undefined) {
      this.#batch = { events: [], bytes: 0 };
      this.#cancelTimer = clock.after(buffering.timeoutMs, () => this.#flush());
    }
    this.#batch.events.push(event);
    this.#batch.bytes += bytes;
    const isFull = this.#batch.events.length >= buffering.maxItems || this.#batch.bytes >= buffering.maxBytes;
    if (isFull || (this.#isHasty && !this.#isSending)) this.#flush();
  }

  /** The batch is complete, and is sent when those before it have been. */
  #flush(): void {
    const batch = this.#batch;
    if (batch === undefined) return;
    this.#cancelTimer();
    this.#batch = undefined;
    this.#full.push(batch);
    void this.#sendWaiting();
  }

  async #sendWaiting(): Promise<void> {
    if (this.#isSending) return;
    this.#isSending = true;
    for (let batch = this.#full.shift(); batch !== undefined && !this.#isClosed; batch = this.#full.shift()) {
      this.#tellOfDropped(batch);
      try {
        await this.#parts.delivery.send(batch.events);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        this.#drop(batch.events.length, batch.bytes, `could not send events: ${reason}`);
      }
    }
    this.#isSending = false;
    if (this.#isHasty) this.#flush();
  }

  #drop(records: number, bytes: number, reason: string): void {
    this.#dropped = {
      records: this.#dropped.records + records,
      bytes: this.#dropped.bytes + bytes,
      reason,
    };
  }

  #tellOfDropped(batch: Batch): void {
    const { records, bytes, reason } = this.#dropped;
    if (records === 0) return;
    this.#dropped = { records: 0, bytes: 0, reason: "" };
    const { clock, format, types } = this.#parts;
    if (!types.has("platform")) return;
    const dropped = platformRecords.logsDropped({ reason, droppedRecords: records, droppedBytes: bytes });
    const told = format({ timeMs: clock.nowMs(), category: "platform", ...dropped });
    batch.events.unshift(...told.map((event) => JSON.stringify(event)));
  }
}

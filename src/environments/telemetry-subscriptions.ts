import type { TelemetrySubscription } from "../core/platform-records.ts";
import type { Clock } from "../ports/clock.ts";
import type { Sandbox } from "../ports/sandbox.ts";
import { deliveryOverHttp, deliveryOverTcp } from "./telemetry-delivery.ts";
import type { TelemetryType } from "./telemetry-event.ts";
import { type TelemetryApiName, telemetryFormat } from "./telemetry-schema.ts";
import type { TelemetryStream } from "./telemetry-stream.ts";
import { type TelemetryBuffering, TelemetrySubscriber } from "./telemetry-subscriber.ts";

/** Where an extension listens, on the loopback address of its environment. */
export type TelemetryDestination =
  | { readonly protocol: "TCP"; readonly port: number }
  | {
      readonly protocol: "HTTP";
      readonly port: number;
      readonly method: "POST" | "PUT";
      /** With the query. */
      readonly path: string;
    };

/** What an extension has asked for. */
export interface SubscriptionRequest {
  readonly api: TelemetryApiName;
  readonly schemaVersion: string;
  readonly types: readonly TelemetryType[];
  readonly buffering: TelemetryBuffering;
  readonly destination: TelemetryDestination;
}

export interface TelemetrySubscriptionsParts {
  readonly stream: TelemetryStream;
  readonly sandbox: Sandbox;
  readonly clock: Clock;
  /** Of the function. */
  readonly logFormat: "Text" | "JSON";
  /** For the log and the subscribers themselves. */
  readonly tell: (subscription: TelemetrySubscription) => void;
}

/** Takes subscriptions to one environment's telemetry. */
export class TelemetrySubscriptions {
  readonly #parts: TelemetrySubscriptionsParts;

  constructor(parts: TelemetrySubscriptionsParts) {
    this.#parts = parts;
  }

  /** `closed`: the initialisation is over; `unsupported`: this sandbox's programs cannot be reached from outside. */
  subscribe(name: string, request: SubscriptionRequest): "subscribed" | "closed" | "unsupported" {
    const { stream, sandbox, clock, logFormat, tell } = this.#parts;
    const { destination } = request;
    if (!stream.isOpen) return "closed";
    if (sandbox.openRelay === undefined) return "unsupported";
    const delivery =
      destination.protocol === "TCP"
        ? deliveryOverTcp(sandbox.openRelay(destination.port, "one connection"))
        : deliveryOverHttp(sandbox.openRelay(destination.port, "connection per message"), destination);
    const subscriber = new TelemetrySubscriber({
      types: new Set(request.types),
      buffering: request.buffering,
      delivery,
      clock,
      format: telemetryFormat(request.api, request.schemaVersion, logFormat),
    });
    stream.subscribe(name, subscriber);
    tell({ api: request.api, name, types: request.types });
    return "subscribed";
  }
}

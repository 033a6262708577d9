import type { SandboxRelay } from "../ports/sandbox.ts";
import type { TelemetryDelivery } from "./telemetry-subscriber.ts";

const FIRST_FAILED_STATUS = 400;

/** AWS: one request for each batch, a JSON array ("Telemetry API": destination protocols). */
export function deliveryOverHttp(
  relay: SandboxRelay,
  { method, port, path }: { readonly method: string; readonly port: number; readonly path: string },
): TelemetryDelivery {
  return {
    async send(events) {
      const body = Buffer.from(`[${events.join(",")}]`);
      const head =
        `${method} ${path} HTTP/1.1\r\nHost: sandbox.localdomain:${port}\r\n` +
        `Content-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`;
      const answer = await relay.send(Buffer.concat([Buffer.from(head), body]));
      const [, status] = /^HTTP\/1\.[01] (\d{3})/.exec(answer) ?? [];
      if (status === undefined) throw new Error("no HTTP response");
      if (Number(status) >= FIRST_FAILED_STATUS) throw new Error(`the subscriber answered ${status}`);
    },
    close: () => relay.close(),
  };
}

/** AWS: events as newline-delimited JSON on one connection. */
export function deliveryOverTcp(relay: SandboxRelay): TelemetryDelivery {
  return {
    async send(events) {
      await relay.send(Buffer.from(events.map((event) => `${event}\n`).join("")));
    },
    close: () => relay.close(),
  };
}

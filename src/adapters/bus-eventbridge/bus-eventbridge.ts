import { EventBridgeClient, PutEventsCommand } from "@aws-sdk/client-eventbridge";
import { DeliveryRefused, type EventTargets } from "../../ports/event-targets.ts";

/** Errors of single entries that come again; every other one is for good. */
const PASSING_ERRORS: ReadonlySet<string> = new Set([
  "InternalFailure",
  "InternalException",
  "ThrottlingException",
]);

export interface RemoteBuses {
  readonly toBus: EventTargets["toBus"];
  close(): void;
}

/** Event buses at another endpoint, with the credentials that AWS's SDKs find. */
export function openRemoteBuses({ endpoint }: { readonly endpoint: string }): RemoteBuses {
  const clients = new Map<string, EventBridgeClient>();
  const at = (region: string): EventBridgeClient => {
    const known = clients.get(region);
    if (known !== undefined) return known;
    const client = new EventBridgeClient({ endpoint, region });
    clients.set(region, client);
    return client;
  };
  return {
    toBus: async (arn, { source, detailType, detail, resources, timeMs }) => {
      const [, , , region = "us-east-1"] = arn.split(":");
      const entry = {
        EventBusName: arn,
        Source: source,
        DetailType: detailType,
        Detail: detail,
        Resources: [...resources],
        Time: new Date(timeMs),
      };
      try {
        const { Entries: [result] = [] } = await at(region).send(new PutEventsCommand({ Entries: [entry] }));
        const { ErrorCode: code, ErrorMessage: message = "" } = result ?? {};
        if (code === undefined) return;
        throw PASSING_ERRORS.has(code)
          ? new Error(`${code}: ${message}`)
          : new DeliveryRefused(code, message);
      } catch (error) {
        const { name, message, $fault: fault } = error as Error & { $fault?: string };
        throw fault === "client" ? new DeliveryRefused(name, message) : error;
      }
    },
    close: () => {
      for (const client of clients.values()) client.destroy();
    },
  };
}

import type { PolicyDocument } from "../core/policy-document.ts";
import { DeliveryRefused, type EventSender, type EventTargets } from "../ports/event-targets.ts";
import { busArn, parseBusArn } from "./bus-records.ts";
import type { EventBridge } from "./event-bridge.ts";

/** Rules can lead events in a circle over buses: what has come this far goes no further. As many as loops of functions. */
const HOPS_MAX = 16;

interface BusPermissionRequest {
  readonly action: "events:PutEvents";
  readonly resource: string;
  readonly policy: PolicyDocument | undefined;
}

/**
 * Buses as targets of other services. AWS: services put events on buses of their own account without a permission;
 * with a role, or from another account, policies decide.
 */
export function busTarget(
  { buses, ingestion, newEventId }: EventBridge,
  {
    permits,
    permitsAccount,
  }: {
    readonly permits: (sender: EventSender, request: BusPermissionRequest) => boolean;
    readonly permitsAccount: (account: string, request: BusPermissionRequest) => boolean;
  },
): EventTargets["toBus"] {
  return async (arn, delivery, sender) => {
    const named = parseBusArn(arn);
    const bus = named && buses.find(named);
    if (bus === undefined)
      throw new DeliveryRefused(
        "ResourceNotFoundException",
        `Event bus ${named?.name ?? arn} does not exist.`,
      );
    const request = { action: "events:PutEvents", resource: busArn(bus), policy: buses.policy(bus) } as const;
    const isOwn = sender.roleArn === undefined && sender.sourceAccount === bus.account;
    const isPermitted =
      isOwn ||
      permits(sender, request) ||
      (sender.roleArn === undefined && permitsAccount(sender.sourceAccount, request));
    if (!isPermitted)
      throw new DeliveryRefused(
        "AccessDeniedException",
        `${sender.sourceArn} is not authorized to perform: events:PutEvents on resource: ${arn}`,
      );
    const { source, detailType, detail, resources, timeMs, hops = 0 } = delivery;
    if (hops > HOPS_MAX)
      throw new DeliveryRefused(
        "EventLoopDetected",
        `The event came over ${hops} event buses, at most ${HOPS_MAX} are allowed: rules lead it in a circle.`,
      );
    const { sourceAccount: account } = sender;
    const event = { id: newEventId(), source, detailType, detail, resources, timeMs, account };
    await ingestion.take([{ bus, event: { ...event, region: bus.region }, hops }]);
  };
}

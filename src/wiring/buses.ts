import { randomUUID } from "node:crypto";
import { openRemoteBuses } from "../adapters/bus-eventbridge/bus-eventbridge.ts";
import { systemClock as clock } from "../adapters/clock-system/clock-system.ts";
import { compileCron } from "../adapters/cron-croner/cron-croner.ts";
import type { ServiceDefinition } from "../aws-api/protocol/handlers.ts";
import { eventBridgeService } from "../aws-api/services/eventbridge/eventbridge-service.ts";
import { parseBusArn } from "../buses/bus-records.ts";
import { busTarget } from "../buses/bus-target.ts";
import { type EventBridge, openEventBridge } from "../buses/event-bridge.ts";
import { evaluatePolicies } from "../core/policy-evaluation.ts";
import { endpointOf } from "../core/service-endpoints.ts";
import { mayDeliver } from "../iam/event-permission.ts";
import { eventLogTarget } from "./event-log-target.ts";
import type { EventParts } from "./event-parts.ts";
import { type Ground, logFailure } from "./ground.ts";
import { senderRoles } from "./sender-roles.ts";

/** EventBridge, as targets and as a service: embedded, at an endpoint that the configuration names, or off. */
export async function openBuses(ground: Ground, { platform }: EventParts): Promise<ServiceDefinition[]> {
  const { configuration, store, logger, opened, targets } = ground;
  const endpoint = endpointOf(configuration.endpoints, "events");
  if (endpoint === "off") return [];
  if (endpoint !== "embedded") {
    const remote = openRemoteBuses({ endpoint });
    opened.add(() => remote.close());
    targets.toBus = remote.toBus;
    return [];
  }
  const { directory } = platform.iam;
  const eventBridge = await openEventBridge({
    store,
    clock,
    targets,
    expect: (functionArn) => targets.expect(functionArn),
    logTarget: eventLogTarget(platform.logs, randomUUID(), configuration.authentication),
    roles: senderRoles(ground, platform, "events.amazonaws.com").sender,
    compileCron,
    newEventId: randomUUID,
    random: Math.random,
    failed: (error) => logFailure(logger, "an event bus failed", { error, context: {} }),
  });
  opened.add(() => eventBridge.close());
  opened.whenServing(() => eventBridge.start());
  targets.toBus = busTarget(eventBridge, {
    permits: (sender, permission) => mayDeliver(directory, sender, permission),
    permitsAccount: (account, { action, resource, policy }) =>
      evaluatePolicies(policy === undefined ? [] : [policy], {
        action,
        resources: [resource],
        context: new Map(),
        principals: { AWS: [account, `arn:aws:iam::${account}:root`] },
      }) === "allowed",
  });
  ground.resourcePolicies.set("events", (arn) => busPolicy(eventBridge, arn));
  return [eventBridgeService({ eventBridge })];
}

/** A bus's policy as the evaluation of a request needs it; undefined for what is no bus. */
function busPolicy({ buses }: EventBridge, arn: string) {
  const named = parseBusArn(arn);
  if (named === undefined) return undefined;
  const bus = buses.find(named);
  return { account: named.account, document: bus && buses.policy(bus) };
}

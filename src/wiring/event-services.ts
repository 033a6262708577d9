import type { ServiceDefinition } from "../aws-api/protocol/handlers.ts";
import { endpointOf } from "../core/service-endpoints.ts";
import { openBuses } from "./buses.ts";
import type { EventParts } from "./event-parts.ts";
import type { Ground } from "./ground.ts";
import { openBuckets } from "./objects.ts";
import { openQueues } from "./queues.ts";
import { openSchedules } from "./schedules.ts";
import { openTopics } from "./topics.ts";

/** Opens the services that bring events to functions; returns those that the AWS endpoint serves. */
export async function openEventServices(
  ground: Ground,
  parts: EventParts,
): Promise<readonly ServiceDefinition[]> {
  const { endpoints } = ground.configuration;
  const services = [...(await openQueues(ground, parts))];
  services.push(...(await openBuckets(ground, parts)));
  services.push(...(await openTopics(ground, parts)));
  services.push(...(await openBuses(ground, parts)));
  if (endpointOf(endpoints, "scheduler") === "embedded") services.push(await openSchedules(ground, parts));
  return services;
}

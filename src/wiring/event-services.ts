import type { ServiceDefinition } from "../aws-api/protocol/handlers.ts";
import { openBuses } from "./buses.ts";
import type { EventParts } from "./event-parts.ts";
import type { Ground } from "./ground.ts";
import { openQueues } from "./queues.ts";
import { openSchedules } from "./schedules.ts";

/** Opens the services that bring events to functions; returns those that the AWS endpoint serves. */
export async function openEventServices(
  ground: Ground,
  parts: EventParts,
): Promise<readonly ServiceDefinition[]> {
  return [
    ...(await openQueues(ground, parts)),
    await openBuses(ground, parts),
    await openSchedules(ground, parts),
  ];
}

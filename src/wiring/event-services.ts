import type { ServiceDefinition } from "../aws-api/protocol/handlers.ts";
import type { EventParts } from "./event-parts.ts";
import type { Ground } from "./ground.ts";
import { openQueues } from "./queues.ts";

/** Opens the services that bring events to functions; returns those that the AWS endpoint serves. */
export function openEventServices(ground: Ground, parts: EventParts): Promise<readonly ServiceDefinition[]> {
  return openQueues(ground, parts);
}

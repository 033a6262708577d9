import type { ServiceDefinition } from "../aws-api/protocol/handlers.ts";
import type { InvocationDispatcher } from "../invocation/invocation-dispatcher.ts";
import type { Ground } from "./ground.ts";
import { openObjects } from "./objects.ts";
import type { Platform } from "./platform.ts";

/** What the services that bring events to functions are made of. */
export interface EventParts {
  readonly platform: Platform;
  readonly dispatcher: InvocationDispatcher;
}

/** Opens the services that bring events to functions; returns those that the AWS endpoint serves. */
export async function openEventServices(
  ground: Ground,
  parts: EventParts,
): Promise<readonly ServiceDefinition[]> {
  return [await openObjects(ground, parts)];
}

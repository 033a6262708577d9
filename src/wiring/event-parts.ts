import type { InvocationDispatcher } from "../invocation/invocation-dispatcher.ts";
import type { Platform } from "./platform.ts";

/** What the services that bring events to functions are made of. */
export interface EventParts {
  readonly platform: Platform;
  readonly dispatcher: InvocationDispatcher;
}

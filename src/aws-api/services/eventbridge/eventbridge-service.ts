import * as eventBridgeModule from "@aws-sdk/client-eventbridge";
import type { EventBridge } from "../../../buses/event-bridge.ts";
import { defineService, type ServiceDefinition } from "../../protocol/handlers.ts";
import { archiveHandlers, replayHandlers } from "./archive-handlers.ts";
import { busHandlers } from "./bus-handlers.ts";
import { eventHandlers } from "./event-handlers.ts";
import { ruleHandlers } from "./rule-handlers.ts";
import { tagHandlers } from "./tag-handlers.ts";

/** Amazon EventBridge: buses, rules, events, archives and replays. */
export function eventBridgeService(deps: { readonly eventBridge: EventBridge }): ServiceDefinition {
  const { eventBridge } = deps;
  return defineService({
    signingName: "events",
    client: new eventBridgeModule.EventBridgeClient({ region: "us-east-1" }),
    module: eventBridgeModule,
    handlers: {
      ...busHandlers(eventBridge),
      ...ruleHandlers(eventBridge),
      ...eventHandlers(eventBridge),
      ...archiveHandlers(eventBridge),
      ...replayHandlers(eventBridge),
      ...tagHandlers(eventBridge),
    },
  });
}

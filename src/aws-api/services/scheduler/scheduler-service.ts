import * as schedulerModule from "@aws-sdk/client-scheduler";
import type { EventScheduler } from "../../../schedules/event-scheduler.ts";
import { defineService, type ServiceDefinition } from "../../protocol/handlers.ts";
import { scheduleGroupHandlers } from "./schedule-group-handlers.ts";
import { scheduleHandlers } from "./schedule-handlers.ts";

/** Amazon EventBridge Scheduler: schedules and their groups. */
export function schedulerService(deps: { readonly scheduler: EventScheduler }): ServiceDefinition {
  return defineService({
    signingName: "scheduler",
    client: new schedulerModule.SchedulerClient({ region: "us-east-1" }),
    module: schedulerModule,
    handlers: { ...scheduleHandlers(deps.scheduler), ...scheduleGroupHandlers(deps.scheduler) },
  });
}

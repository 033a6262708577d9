import { randomUUID } from "node:crypto";
import { systemClock as clock } from "../adapters/clock-system/clock-system.ts";
import { compileCron } from "../adapters/cron-croner/cron-croner.ts";
import type { ServiceDefinition } from "../aws-api/protocol/handlers.ts";
import { schedulerService } from "../aws-api/services/scheduler/scheduler-service.ts";
import { openEventScheduler } from "../schedules/event-scheduler.ts";
import type { EventParts } from "./event-parts.ts";
import { type Ground, logFailure } from "./ground.ts";
import { senderRoles } from "./sender-roles.ts";

/** EventBridge Scheduler. */
export async function openSchedules(ground: Ground, { platform }: EventParts): Promise<ServiceDefinition> {
  const { store, logger, opened, targets } = ground;
  const { mayAssume, sender } = senderRoles(ground, platform, "scheduler.amazonaws.com");
  const scheduler = await openEventScheduler({
    store,
    clock,
    targets,
    expect: (functionArn) => targets.expect(functionArn),
    compileCron,
    mayAssume,
    roles: sender,
    newId: randomUUID,
    random: Math.random,
    failed: (error) => logFailure(logger, "a schedule failed", { error, context: {} }),
  });
  opened.add(() => scheduler.close());
  opened.whenServing(() => scheduler.start());
  return schedulerService({ scheduler });
}

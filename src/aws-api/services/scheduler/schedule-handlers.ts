import type * as schedulerModule from "@aws-sdk/client-scheduler";
import type { EventScheduler } from "../../../schedules/event-scheduler.ts";
import {
  DEFAULT_GROUP,
  type Owner,
  type ScheduleTarget,
  type StoredSchedule,
  scheduleArn,
} from "../../../schedules/schedule-records.ts";
import { scheduleInvalid, schedulesNotSupported } from "../../../schedules/scheduler-errors.ts";
import type { ScheduleInput } from "../../../schedules/schedules.ts";
import type { Handlers, Input } from "../../protocol/handlers.ts";
import { defined, pageOf } from "./schedule-paging.ts";

export type SchedulerHandlers = Handlers<typeof schedulerModule>;

/** Schedules. */
export function scheduleHandlers({ schedules }: EventScheduler): SchedulerHandlers {
  return {
    CreateSchedule: async (input, context) => ({
      ScheduleArn: scheduleArn(await schedules.create(context, scheduleInput(input))),
    }),
    UpdateSchedule: async (input, context) => ({
      ScheduleArn: scheduleArn(await schedules.update(context, scheduleInput(input))),
    }),
    GetSchedule: (input, context) => scheduleShape(schedules.schedule(nameOf(input, context))),
    DeleteSchedule: async (input, context) => {
      await schedules.delete(nameOf(input, context));
      return {};
    },
    ListSchedules: (input, context) => {
      const { GroupName: groupName, NamePrefix: prefix = "", State: state } = input;
      const wanted = schedules
        .list(context, groupName)
        .filter(({ name }) => name.startsWith(prefix))
        .filter((schedule) => state === undefined || schedule.state === state);
      const keyOf = (schedule: StoredSchedule): string => `${schedule.groupName}/${schedule.name}`;
      const { page, ...next } = pageOf(wanted, input, keyOf);
      return { Schedules: page.map(summaryShape), ...next };
    },
  };
}

function nameOf(
  input: { readonly GroupName?: string | undefined; readonly Name?: string | undefined },
  { account, region }: Owner,
): Owner & { readonly groupName: string; readonly name: string } {
  return { account, region, groupName: input.GroupName ?? DEFAULT_GROUP, name: input.Name ?? "" };
}

function scheduleInput(input: Input<typeof schedulerModule, "CreateSchedule">): ScheduleInput {
  if (input.KmsKeyArn !== undefined) throw schedulesNotSupported("KmsKeyArn");
  const { Mode: mode, MaximumWindowInMinutes: minutes } = input.FlexibleTimeWindow ?? {};
  if (mode === "FLEXIBLE" && minutes === undefined)
    throw scheduleInvalid("MaximumWindowInMinutes is required when Mode is FLEXIBLE.");
  if (mode === "OFF" && minutes !== undefined)
    throw scheduleInvalid("MaximumWindowInMinutes must not be set when Mode is OFF.");
  return defined({
    groupName: input.GroupName ?? DEFAULT_GROUP,
    name: input.Name ?? "",
    expression: input.ScheduleExpression ?? "",
    timeZone: input.ScheduleExpressionTimezone ?? "UTC",
    startMs: input.StartDate?.getTime(),
    endMs: input.EndDate?.getTime(),
    description: input.Description,
    state: input.State ?? "ENABLED",
    flexibleWindowMinutes: minutes ?? 0,
    actionAfterCompletion: input.ActionAfterCompletion ?? "NONE",
    target: targetOf(input.Target),
    clientToken: input.ClientToken,
  });
}

/** Parameters of targets that are not here. */
const UNSUPPORTED = [
  "EcsParameters",
  "KinesisParameters",
  "SageMakerPipelineParameters",
  "EventBridgePutEventsV2Parameters",
  "EventBridgePutRawEventsParameters",
] as const;

function targetOf(target: schedulerModule.Target | undefined): ScheduleTarget {
  for (const member of UNSUPPORTED)
    if (target?.[member] !== undefined) throw schedulesNotSupported(`Target.${member}`);
  const { MaximumEventAgeInSeconds = 86_400, MaximumRetryAttempts = 185 } = target?.RetryPolicy ?? {};
  return defined({
    Arn: target?.Arn ?? "",
    RoleArn: target?.RoleArn ?? "",
    Input: target?.Input,
    DeadLetterConfig: target?.DeadLetterConfig,
    RetryPolicy: { MaximumEventAgeInSeconds, MaximumRetryAttempts },
    SqsParameters: target?.SqsParameters,
    EventBridgeParameters: target?.EventBridgeParameters,
  });
}

function scheduleShape(schedule: StoredSchedule) {
  const { startMs, endMs, flexibleWindowMinutes: minutes } = schedule;
  const { Mode, ...window } =
    minutes === 0 ? { Mode: "OFF" as const } : { Mode: "FLEXIBLE" as const, MaximumWindowInMinutes: minutes };
  return defined({
    Arn: scheduleArn(schedule),
    GroupName: schedule.groupName,
    Name: schedule.name,
    ScheduleExpression: schedule.expression,
    ScheduleExpressionTimezone: schedule.timeZone,
    StartDate: startMs === undefined ? undefined : new Date(startMs),
    EndDate: endMs === undefined ? undefined : new Date(endMs),
    Description: schedule.description,
    State: schedule.state,
    FlexibleTimeWindow: { Mode, ...window },
    ActionAfterCompletion: schedule.actionAfterCompletion,
    Target: schedule.target as schedulerModule.Target,
    CreationDate: new Date(schedule.createdAtMs),
    LastModificationDate: new Date(schedule.modifiedAtMs),
  });
}

const summaryShape = (schedule: StoredSchedule): schedulerModule.ScheduleSummary => ({
  Arn: scheduleArn(schedule),
  Name: schedule.name,
  GroupName: schedule.groupName,
  State: schedule.state,
  CreationDate: new Date(schedule.createdAtMs),
  LastModificationDate: new Date(schedule.modifiedAtMs),
  Target: { Arn: schedule.target.Arn },
});

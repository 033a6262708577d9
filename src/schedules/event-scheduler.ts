import { StoredRecords } from "../event-delivery/stored-records.ts";
import type { KeyValueStore } from "../ports/store.ts";
import { ScheduleGroups } from "./schedule-groups.ts";
import type { StoredSchedule, StoredScheduleGroup } from "./schedule-records.ts";
import { ScheduleRunner, type ScheduleRunnerOptions } from "./schedule-runner.ts";
import { Schedules } from "./schedules.ts";

/** Amazon EventBridge Scheduler. */
export interface EventScheduler {
  readonly schedules: Schedules;
  readonly groups: ScheduleGroups;
  /** From now on schedules run. */
  start(): void;
  close(): Promise<void>;
}

export type EventSchedulerOptions = Omit<ScheduleRunnerOptions, "schedules" | "store"> & {
  readonly store: ScheduleRunnerOptions["store"] & { readonly keyValue: KeyValueStore };
  /** Whether the service may assume a role. */
  readonly mayAssume: (roleArn: string) => boolean;
};

/** Resolves when everything stored is known; nothing runs before `start`. */
export async function openEventScheduler(options: EventSchedulerOptions): Promise<EventScheduler> {
  const { store, clock, compileCron, mayAssume } = options;
  const scheduleRecords = await StoredRecords.open<StoredSchedule>(store.keyValue, "schedules/schedule/");
  const groupRecords = await StoredRecords.open<StoredScheduleGroup>(store.keyValue, "schedules/group/");
  const groups = new ScheduleGroups(groupRecords, scheduleRecords, clock);
  await groups.finishDeletions();
  const runner = new ScheduleRunner({ ...options, schedules: scheduleRecords });
  return {
    schedules: new Schedules(scheduleRecords, { groups, clock, compileCron, mayAssume }),
    groups,
    start: () => runner.start(),
    close: async () => {
      await runner.close();
      await scheduleRecords.close();
      await groupRecords.close();
    },
  };
}

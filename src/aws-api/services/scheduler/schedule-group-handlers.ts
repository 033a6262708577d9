import type * as schedulerModule from "@aws-sdk/client-scheduler";
import type { EventScheduler } from "../../../schedules/event-scheduler.ts";
import { groupArn, parseGroupArn, type StoredScheduleGroup } from "../../../schedules/schedule-records.ts";
import { scheduleNotFound } from "../../../schedules/scheduler-errors.ts";
import type { SchedulerHandlers } from "./schedule-handlers.ts";
import { defined, pageOf } from "./schedule-paging.ts";

/** Groups of schedules, and their tags. */
export function scheduleGroupHandlers({ groups }: EventScheduler): SchedulerHandlers {
  const taggedGroup = (arn: string): StoredScheduleGroup => {
    const named = parseGroupArn(arn);
    if (named === undefined) throw scheduleNotFound(arn);
    return groups.group(named, named.name);
  };
  return {
    CreateScheduleGroup: async (input, context) => {
      const tags = tagsOf(input.Tags);
      const group = await groups.create(context, input.Name ?? "", { tags, clientToken: input.ClientToken });
      return { ScheduleGroupArn: groupArn(group) };
    },
    GetScheduleGroup: (input, context) => groupShape(groups.group(context, input.Name ?? "")),
    ListScheduleGroups: (input, context) => {
      const { NamePrefix: prefix = "" } = input;
      const wanted = groups.list(context).filter(({ name }) => name.startsWith(prefix));
      const { page, ...next } = pageOf(wanted, input, ({ name }) => name);
      return { ScheduleGroups: page.map(groupShape), ...next };
    },
    DeleteScheduleGroup: async (input, context) => {
      await groups.delete(context, input.Name ?? "");
      return {};
    },
    TagResource: async (input) => {
      const added = tagsOf(input.Tags);
      await groups.setTags(taggedGroup(input.ResourceArn ?? ""), (tags) => ({ ...tags, ...added }));
      return {};
    },
    UntagResource: async (input) => {
      const { TagKeys: keys = [] } = input;
      await groups.setTags(taggedGroup(input.ResourceArn ?? ""), (tags) =>
        Object.fromEntries(Object.entries(tags).filter(([key]) => !keys.includes(key))),
      );
      return {};
    },
    ListTagsForResource: (input) => {
      const { tags } = taggedGroup(input.ResourceArn ?? "");
      return { Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) };
    },
  };
}

const tagsOf = (tags: readonly schedulerModule.Tag[] = []): Record<string, string> =>
  Object.fromEntries(tags.map(({ Key, Value }) => [Key ?? "", Value ?? ""]));

function groupShape(group: StoredScheduleGroup): schedulerModule.ScheduleGroupSummary {
  // The default group was always there.
  const dateOf = (timeMs: number): Date | undefined => (timeMs === 0 ? undefined : new Date(timeMs));
  return defined({
    Arn: groupArn(group),
    Name: group.name,
    State: group.isDeleting === true ? ("DELETING" as const) : ("ACTIVE" as const),
    CreationDate: dateOf(group.createdAtMs),
    LastModificationDate: dateOf(group.modifiedAtMs),
  });
}

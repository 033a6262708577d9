import type { CloudWatchLogs } from "../../../logs/cloudwatch-logs.ts";
import { invalidLogsParameter } from "../../../logs/log-errors.ts";
import type { GroupName } from "../../../logs/log-records.ts";
import type { RequestContext } from "../../protocol/handlers.ts";
import type { LogsHandlers } from "./group-handlers.ts";
import { identifiedGroup, referencedGroup } from "./group-reference.ts";

const TAGS_MAX = 50;

/** Tags of log groups, by ARN and, in the older operations, by name. */
export function tagHandlers({ groups }: CloudWatchLogs): LogsHandlers {
  const tag = (name: GroupName, tags: Record<string, string>): Promise<void> =>
    groups.update(name, (group) => {
      const merged = { ...group.tags, ...tags };
      if (Object.keys(merged).length > TAGS_MAX) {
        throw invalidLogsParameter(`A log group can have no more than ${TAGS_MAX} tags.`);
      }
      return { ...group, tags: merged };
    });
  const untag = (name: GroupName, keys: readonly string[]): Promise<void> =>
    groups.update(name, (group) => ({
      ...group,
      tags: Object.fromEntries(Object.entries(group.tags).filter(([key]) => !keys.includes(key))),
    }));
  return {
    TagResource: async (input, context) => {
      await tag(taggedGroup(input.resourceArn, context), input.tags ?? {});
      return {};
    },
    UntagResource: async (input, context) => {
      await untag(taggedGroup(input.resourceArn, context), input.tagKeys ?? []);
      return {};
    },
    ListTagsForResource: (input, context) => ({
      tags: { ...groups.group(taggedGroup(input.resourceArn, context)).tags },
    }),
    TagLogGroup: async (input, context) => {
      await tag(referencedGroup(input, context), input.tags ?? {});
      return {};
    },
    UntagLogGroup: async (input, context) => {
      await untag(referencedGroup(input, context), input.tags ?? []);
      return {};
    },
    ListTagsLogGroup: (input, context) => ({
      tags: { ...groups.group(referencedGroup(input, context)).tags },
    }),
  };
}

const taggedGroup = (resourceArn: string | undefined, context: RequestContext): GroupName =>
  identifiedGroup(resourceArn ?? "", context);

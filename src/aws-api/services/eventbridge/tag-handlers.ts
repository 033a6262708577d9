import { eventsNotFound } from "../../../buses/bus-errors.ts";
import {
  parseBusArn,
  parseRuleArn,
  type StoredBus,
  type StoredRule,
  type Tags,
} from "../../../buses/bus-records.ts";
import type { EventBridge } from "../../../buses/event-bridge.ts";
import type { EventBridgeHandlers } from "./bus-handlers.ts";
import { tagsOf } from "./event-paging.ts";

/** Tags of buses and rules. */
export function tagHandlers(bridge: EventBridge): EventBridgeHandlers {
  return {
    TagResource: async (input, context) => {
      const added = tagsOf(input.Tags);
      await changeTags(bridge, ownArn(input.ResourceARN, context), (tags) => ({ ...tags, ...added }));
      return {};
    },
    UntagResource: async (input, context) => {
      const { TagKeys: keys = [] } = input;
      await changeTags(bridge, ownArn(input.ResourceARN, context), (tags) =>
        Object.fromEntries(Object.entries(tags).filter(([key]) => !keys.includes(key))),
      );
      return {};
    },
    ListTagsForResource: (input, context) => {
      const { tags } = taggedResource(bridge, ownArn(input.ResourceARN, context)).resource;
      return { Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) };
    },
  };
}

/** An ARN of the caller's account; there are no others to it. */
function ownArn(arn = "", { account }: { readonly account: string }): string {
  if (arn.split(":")[4] !== account) throw eventsNotFound(`${arn} does not exist.`);
  return arn;
}

type Tagged =
  | { readonly type: "bus"; readonly resource: StoredBus }
  | { readonly type: "rule"; readonly resource: StoredRule };

function taggedResource({ buses, rules }: EventBridge, arn: string): Tagged {
  const rule = parseRuleArn(arn);
  if (rule !== undefined) {
    const { account, region, busName, name } = rule;
    return { type: "rule", resource: rules.rule({ account, region, name: busName }, name) };
  }
  const bus = parseBusArn(arn);
  const found = bus && buses.find(bus);
  if (found === undefined) throw eventsNotFound(`${arn} does not exist.`);
  return { type: "bus", resource: found };
}

async function changeTags(bridge: EventBridge, arn: string, change: (tags: Tags) => Tags): Promise<void> {
  const { type, resource } = taggedResource(bridge, arn);
  if (type === "bus") await bridge.buses.update(resource, (bus) => ({ ...bus, tags: change(bus.tags) }));
  else await bridge.rules.update(resource, (rule) => ({ ...rule, tags: change(rule.tags) }));
}

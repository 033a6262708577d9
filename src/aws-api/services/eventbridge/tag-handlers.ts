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
    TagResource: async (input) => {
      const added = tagsOf(input.Tags);
      await changeTags(bridge, input.ResourceARN ?? "", (tags) => ({ ...tags, ...added }));
      return {};
    },
    UntagResource: async (input) => {
      const { TagKeys: keys = [] } = input;
      await changeTags(bridge, input.ResourceARN ?? "", (tags) =>
        Object.fromEntries(Object.entries(tags).filter(([key]) => !keys.includes(key))),
      );
      return {};
    },
    ListTagsForResource: (input) => {
      const { tags } = taggedResource(bridge, input.ResourceARN ?? "").resource;
      return { Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) };
    },
  };
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

import type * as eventBridgeModule from "@aws-sdk/client-eventbridge";
import { busArn, type Owner, ruleArn, type StoredBus, type StoredRule } from "../../../buses/bus-records.ts";
import type { EventBridge } from "../../../buses/event-bridge.ts";
import type { EventBridgeHandlers } from "./bus-handlers.ts";
import { byName, defined, pageOf, tagsOf } from "./event-paging.ts";
import { targetOf, targetProblem } from "./target-input-checks.ts";

/** Rules and their targets. */
export function ruleHandlers(bridge: EventBridge): EventBridgeHandlers {
  const { buses, rules } = bridge;
  const busOf = (context: Owner, reference: string | undefined): StoredBus => buses.bus(context, reference);
  return {
    PutRule: async (input, context) => {
      const rule = await rules.put(busOf(context, input.EventBusName), {
        name: input.Name ?? "",
        eventPattern: notEmpty(input.EventPattern),
        scheduleExpression: notEmpty(input.ScheduleExpression),
        state: input.State,
        description: input.Description,
        roleArn: input.RoleArn,
        tags: tagsOf(input.Tags),
      });
      return { RuleArn: ruleArn(rule) };
    },
    DescribeRule: (input, context) => {
      const rule = rules.rule(busOf(context, input.EventBusName), input.Name ?? "");
      return { ...ruleShape(rule), CreatedBy: rule.account };
    },
    DeleteRule: async (input, context) => {
      await rules.delete(busOf(context, input.EventBusName), input.Name ?? "");
      return {};
    },
    EnableRule: async (input, context) => {
      await rules.setState(busOf(context, input.EventBusName), input.Name ?? "", "ENABLED");
      return {};
    },
    DisableRule: async (input, context) => {
      await rules.setState(busOf(context, input.EventBusName), input.Name ?? "", "DISABLED");
      return {};
    },
    ListRules: (input, context) => {
      const { NamePrefix: prefix = "" } = input;
      const all = rules.list(busOf(context, input.EventBusName));
      const wanted = all.filter(({ name }) => name.startsWith(prefix));
      const { page, ...next } = pageOf(wanted.sort(byName), input, ({ name }) => name);
      return { Rules: page.map(ruleShape), ...next };
    },
    ListRuleNamesByTarget: (input, context) => {
      const all = rules.list(busOf(context, input.EventBusName));
      const wanted = all.filter(({ targets }) => targets.some(({ Arn }) => Arn === input.TargetArn));
      const { page, ...next } = pageOf(wanted.sort(byName), input, ({ name }) => name);
      return { RuleNames: page.map(({ name }) => name), ...next };
    },
    ...targetHandlers(bridge),
  };
}

function targetHandlers({ buses, rules }: EventBridge): EventBridgeHandlers {
  return {
    PutTargets: async (input, context) => {
      const bus = buses.bus(context, input.EventBusName);
      const rule = rules.rule(bus, input.Rule ?? "");
      const failed: eventBridgeModule.PutTargetsResultEntry[] = [];
      const good = (input.Targets ?? []).filter((target) => {
        const problem = targetProblem(target, busArn(bus));
        if (problem !== undefined) failed.push({ TargetId: target.Id, ...problem });
        return problem === undefined;
      });
      if (good.length > 0) await rules.putTargets(rule, good.map(targetOf));
      return { FailedEntryCount: failed.length, FailedEntries: failed };
    },
    RemoveTargets: async (input, context) => {
      const rule = rules.rule(buses.bus(context, input.EventBusName), input.Rule ?? "");
      const unknown = await rules.removeTargets(rule, input.Ids ?? []);
      const failed = unknown.map((id) => ({
        TargetId: id,
        ErrorCode: "ResourceNotFoundException",
        ErrorMessage: `Rule ${rule.name} does not have a target with the Id ${id}.`,
      }));
      return { FailedEntryCount: failed.length, FailedEntries: failed };
    },
    ListTargetsByRule: (input, context) => {
      const rule = rules.rule(buses.bus(context, input.EventBusName), input.Rule ?? "");
      const targets = rule.targets.toSorted((left, right) => (left.Id < right.Id ? -1 : 1));
      const { page, ...next } = pageOf(targets, input, ({ Id }) => Id);
      return { Targets: page as eventBridgeModule.Target[], ...next };
    },
  };
}

const notEmpty = (text: string | undefined): string | undefined => (text === "" ? undefined : text);

function ruleShape(rule: StoredRule): eventBridgeModule.Rule {
  return defined({
    Name: rule.name,
    Arn: ruleArn(rule),
    EventPattern: rule.eventPattern,
    ScheduleExpression: rule.scheduleExpression,
    State: rule.state,
    Description: rule.description,
    RoleArn: rule.roleArn,
    EventBusName: rule.busName,
  });
}

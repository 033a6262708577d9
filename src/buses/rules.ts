import { parseScheduleExpression } from "../core/schedule-expression.ts";
import type { StoredRecords } from "../event-delivery/stored-records.ts";
import type { Clock } from "../ports/clock.ts";
import type { CompileCron } from "../ports/cron.ts";
import { eventsInvalid, eventsLimitExceeded, ruleNotFound } from "./bus-errors.ts";
import {
  busId,
  DEFAULT_BUS,
  type Owner,
  type RuleState,
  type RuleTarget,
  ruleId,
  type StoredBus,
  type StoredRule,
  type Tags,
} from "./bus-records.ts";
import { checkEventPattern } from "./rule-matching.ts";

export interface RuleInput {
  readonly name: string;
  readonly eventPattern: string | undefined;
  readonly scheduleExpression: string | undefined;
  readonly state: RuleState | undefined;
  readonly description: string | undefined;
  readonly roleArn: string | undefined;
  readonly tags: Tags;
}

/** AWS: "Targets per rule: 5". */
const TARGETS_MAX = 5;

/** The rules of buses and their targets; every method throws AWS's errors. */
export class Rules {
  readonly #records: StoredRecords<StoredRule>;
  readonly #clock: Clock;
  readonly #compileCron: CompileCron;

  constructor(
    records: StoredRecords<StoredRule>,
    { clock, compileCron }: { readonly clock: Clock; readonly compileCron: CompileCron },
  ) {
    this.#records = records;
    this.#clock = clock;
    this.#compileCron = compileCron;
  }

  rule(bus: Owner & { readonly name: string }, name: string): StoredRule {
    const found = this.#records.get(ruleId({ ...bus, busName: bus.name, name }));
    if (found === undefined) throw ruleNotFound(name, bus.name);
    return found;
  }

  list(bus: Owner & { readonly name: string }): StoredRule[] {
    return this.#records.below(`${busId(bus)}/`);
  }

  /** Creates a rule or changes one; its targets stay. */
  async put(bus: StoredBus, input: RuleInput): Promise<StoredRule> {
    this.#check(bus, input);
    const { name, eventPattern, scheduleExpression, description, roleArn } = input;
    const { account, region } = bus;
    const nowMs = this.#clock.nowMs();
    const rule: StoredRule = {
      account,
      region,
      busName: bus.name,
      name,
      eventPattern,
      scheduleExpression,
      state: input.state ?? "ENABLED",
      description,
      roleArn,
      scheduledFromMs: nowMs,
      targets: [],
      tags: input.tags,
    };
    const changed = (current: StoredRule): StoredRule => {
      const isSameSchedule =
        current.scheduleExpression === scheduleExpression && current.state === rule.state;
      const { targets, tags } = current;
      const scheduledFromMs = isSameSchedule ? current.scheduledFromMs : nowMs;
      // AWS: tags of a rule that exists already are left as they are.
      return { ...rule, targets, tags, scheduledFromMs };
    };
    const id = ruleId(rule);
    if (await this.#records.create(id, rule)) return rule;
    return (await this.#records.update(id, changed)) ?? this.put(bus, input);
  }

  async delete(bus: StoredBus, name: string): Promise<void> {
    const rule = this.#records.get(ruleId({ ...bus, busName: bus.name, name }));
    // AWS: a rule that is not there is deleted without an error.
    if (rule === undefined) return;
    if (rule.targets.length > 0) throw eventsInvalid("Rule can't be deleted since it has targets.");
    await this.#records.delete(ruleId(rule));
  }

  async setState(bus: StoredBus, name: string, state: RuleState): Promise<void> {
    await this.update(this.rule(bus, name), (rule) =>
      rule.state === state ? rule : { ...rule, state, scheduledFromMs: this.#clock.nowMs() },
    );
  }

  async update(rule: StoredRule, change: (rule: StoredRule) => StoredRule): Promise<StoredRule> {
    const updated = await this.#records.update(ruleId(rule), change);
    if (updated === undefined) throw ruleNotFound(rule.name, rule.busName);
    return updated;
  }

  /** Adds targets, or changes those with the same id. */
  async putTargets(rule: StoredRule, targets: readonly RuleTarget[]): Promise<void> {
    await this.update(rule, (current) => {
      const merged = new Map(current.targets.map((target) => [target.Id, target]));
      for (const target of targets) merged.set(target.Id, target);
      if (merged.size > TARGETS_MAX)
        throw eventsLimitExceeded("The requested resource exceeds the maximum number allowed.");
      return { ...current, targets: [...merged.values()] };
    });
  }

  /** Removes targets; the ids that were none. */
  async removeTargets(rule: StoredRule, ids: readonly string[]): Promise<string[]> {
    const known = new Set(rule.targets.map(({ Id }) => Id));
    await this.update(rule, (current) => ({
      ...current,
      targets: current.targets.filter(({ Id }) => !ids.includes(Id)),
    }));
    return ids.filter((id) => !known.has(id));
  }

  #check(bus: StoredBus, { eventPattern, scheduleExpression }: RuleInput): void {
    if (eventPattern === undefined && scheduleExpression === undefined)
      throw eventsInvalid("Parameter(s) EventPattern or ScheduleExpression must be specified.");
    if (eventPattern !== undefined) checkEventPattern(eventPattern);
    if (scheduleExpression === undefined) return;
    if (bus.name !== DEFAULT_BUS)
      throw eventsInvalid("ScheduleExpression is supported only on the default event bus.");
    const expression = parseScheduleExpression(scheduleExpression);
    const isCron = expression?.kind === "cron" && this.#compileCron(expression.fields, "UTC") !== undefined;
    if (expression?.kind !== "rate" && !isCron)
      throw eventsInvalid("Parameter ScheduleExpression is not valid.");
  }
}

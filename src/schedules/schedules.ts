import { isTimeZone, parseScheduleExpression } from "../core/schedule-expression.ts";
import type { StoredRecords } from "../event-delivery/stored-records.ts";
import type { Clock } from "../ports/clock.ts";
import type { CompileCron } from "../ports/cron.ts";
import type { ScheduleGroups } from "./schedule-groups.ts";
import { groupId, type Owner, type StoredSchedule, scheduleId } from "./schedule-records.ts";
import { checkTarget } from "./schedule-targets.ts";
import { scheduleConflict, scheduleInvalid, scheduleNotFound } from "./scheduler-errors.ts";

export type ScheduleInput = Omit<
  StoredSchedule,
  "account" | "region" | "createdAtMs" | "modifiedAtMs" | "countedFromMs" | "isCompleted"
>;

type ScheduleName = Owner & { readonly groupName: string; readonly name: string };

/** AWS: a start may lie this far back. */
const PAST_START_MS = 5 * 60_000;

/** Schedules: made, changed, found, deleted; every method throws AWS's errors. */
export class Schedules {
  readonly #records: StoredRecords<StoredSchedule>;
  readonly #groups: ScheduleGroups;
  readonly #clock: Clock;
  readonly #compileCron: CompileCron;
  readonly #mayAssume: (roleArn: string) => boolean;

  constructor(
    records: StoredRecords<StoredSchedule>,
    deps: {
      readonly groups: ScheduleGroups;
      readonly clock: Clock;
      readonly compileCron: CompileCron;
      /** Whether the service may assume a role. */
      readonly mayAssume: (roleArn: string) => boolean;
    },
  ) {
    this.#records = records;
    this.#groups = deps.groups;
    this.#clock = deps.clock;
    this.#compileCron = deps.compileCron;
    this.#mayAssume = deps.mayAssume;
  }

  schedule(name: ScheduleName): StoredSchedule {
    const found = this.#records.get(scheduleId(name));
    if (found === undefined) throw scheduleNotFound(`Schedule ${name.name}`);
    return found;
  }

  /** Of one group, or of all; sorted by group and name. */
  list(owner: Owner, groupName: string | undefined): StoredSchedule[] {
    const { account, region } = owner;
    if (groupName !== undefined) this.#groups.group(owner, groupName);
    const prefix = groupId({ account, region, name: groupName ?? "" });
    return this.#records.below(groupName === undefined ? prefix : `${prefix}/`);
  }

  async create(owner: Owner, input: ScheduleInput): Promise<StoredSchedule> {
    if (this.#groups.group(owner, input.groupName).isDeleting === true)
      throw scheduleConflict(`Schedule group ${input.groupName} is being deleted.`);
    this.#check(input);
    const { account, region } = owner;
    const nowMs = this.#clock.nowMs();
    const times = { createdAtMs: nowMs, modifiedAtMs: nowMs, countedFromMs: nowMs };
    const schedule: StoredSchedule = { account, region, ...input, ...times };
    if (await this.#records.create(scheduleId(schedule), schedule)) return schedule;
    const existing = this.#records.get(scheduleId(schedule));
    const isRepeated = input.clientToken !== undefined && existing?.clientToken === input.clientToken;
    if (existing === undefined || !isRepeated)
      throw scheduleConflict(`Schedule ${input.name} already exists.`);
    return existing;
  }

  /** AWS: what is not given has its default value again. */
  async update(owner: Owner, input: ScheduleInput): Promise<StoredSchedule> {
    this.#groups.group(owner, input.groupName);
    const { account, region } = owner;
    const name = { account, region, groupName: input.groupName, name: input.name };
    const current = this.schedule(name);
    this.#check(input, current.startMs);
    const nowMs = this.#clock.nowMs();
    const updated = await this.#records.update(scheduleId(name), ({ createdAtMs }) => ({
      account,
      region,
      ...input,
      createdAtMs,
      modifiedAtMs: nowMs,
      countedFromMs: nowMs,
    }));
    if (updated === undefined) throw scheduleNotFound(`Schedule ${input.name}`);
    return updated;
  }

  async delete(name: ScheduleName): Promise<void> {
    await this.#records.delete(scheduleId(this.schedule(name)));
  }

  #check(input: ScheduleInput, knownStartMs?: number): void {
    const { expression, timeZone, startMs, endMs, target } = input;
    if (!isTimeZone(timeZone))
      throw scheduleInvalid(`Provided ScheduleExpressionTimezone is not valid: ${timeZone}.`);
    const parsed = parseScheduleExpression(expression);
    const isGood =
      parsed?.kind === "cron"
        ? this.#compileCron(parsed.fields, timeZone) !== undefined
        : parsed !== undefined;
    if (!isGood) throw scheduleInvalid(`Invalid Schedule Expression ${expression}.`);
    const nowMs = this.#clock.nowMs();
    if (startMs !== undefined && startMs !== knownStartMs && startMs < nowMs - PAST_START_MS)
      throw scheduleInvalid("The StartDate you specify cannot be earlier than 5 minutes ago.");
    if (endMs !== undefined && endMs < nowMs)
      throw scheduleInvalid("The EndDate you specify cannot be in the past.");
    if (startMs !== undefined && endMs !== undefined && startMs >= endMs)
      throw scheduleInvalid("The StartDate you specify must come before the EndDate.");
    checkTarget(target);
    if (!this.#mayAssume(target.RoleArn))
      throw scheduleInvalid(
        "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.",
      );
  }
}

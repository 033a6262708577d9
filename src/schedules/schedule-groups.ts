import type { StoredRecords } from "../event-delivery/stored-records.ts";
import type { Clock } from "../ports/clock.ts";
import {
  DEFAULT_GROUP,
  groupId,
  type Owner,
  type StoredSchedule,
  type StoredScheduleGroup,
  scheduleId,
} from "./schedule-records.ts";
import { scheduleConflict, scheduleInvalid, scheduleNotFound } from "./scheduler-errors.ts";

/** Groups of schedules. Every account has the default group in each region, whether it is stored or not. */
export class ScheduleGroups {
  readonly #groups: StoredRecords<StoredScheduleGroup>;
  readonly #schedules: StoredRecords<StoredSchedule>;
  readonly #clock: Clock;

  constructor(
    groups: StoredRecords<StoredScheduleGroup>,
    schedules: StoredRecords<StoredSchedule>,
    clock: Clock,
  ) {
    this.#groups = groups;
    this.#schedules = schedules;
    this.#clock = clock;
  }

  group(owner: Owner, name: string): StoredScheduleGroup {
    const { account, region } = owner;
    const stored = this.#groups.get(groupId({ account, region, name }));
    if (stored !== undefined) return stored;
    if (name !== DEFAULT_GROUP) throw scheduleNotFound(`Schedule group ${name}`);
    return { account, region, name, createdAtMs: 0, modifiedAtMs: 0, tags: {} };
  }

  list(owner: Owner): StoredScheduleGroup[] {
    const { account, region } = owner;
    const stored = this.#groups.below(`${groupId({ account, region, name: "" })}`);
    return [this.group(owner, DEFAULT_GROUP), ...stored.filter(({ name }) => name !== DEFAULT_GROUP)];
  }

  async create(
    owner: Owner,
    name: string,
    { tags, clientToken }: Pick<StoredScheduleGroup, "tags" | "clientToken">,
  ): Promise<StoredScheduleGroup> {
    const { account, region } = owner;
    const nowMs = this.#clock.nowMs();
    const group = { account, region, name, createdAtMs: nowMs, modifiedAtMs: nowMs, tags, clientToken };
    if (name !== DEFAULT_GROUP && (await this.#groups.create(groupId(group), group))) return group;
    const existing = this.#groups.get(groupId(group));
    if (existing === undefined || clientToken === undefined || existing.clientToken !== clientToken)
      throw scheduleConflict(`Schedule group ${name} already exists.`);
    return existing;
  }

  async setTags(
    group: Owner & { readonly name: string },
    change: (tags: StoredScheduleGroup["tags"]) => StoredScheduleGroup["tags"],
  ): Promise<void> {
    const current = this.group(group, group.name);
    const updated = await this.#groups.update(groupId(group), (stored) => ({
      ...stored,
      tags: change(stored.tags),
    }));
    if (updated === undefined) await this.#groups.create(groupId(group), { ...current, tags: change({}) });
  }

  /** AWS: a group that is deleted takes its schedules with it. */
  async delete(owner: Owner, name: string): Promise<void> {
    if (name === DEFAULT_GROUP) throw scheduleInvalid("The default schedule group cannot be deleted.");
    const group = this.group(owner, name);
    await this.#groups.update(groupId(group), (stored) => ({ ...stored, isDeleting: true }));
    await this.#empty(group);
  }

  /** Goes on with deletions that were interrupted. */
  async finishDeletions(): Promise<void> {
    for (const [, group] of this.#groups.all()) if (group.isDeleting === true) await this.#empty(group);
  }

  async #empty(group: StoredScheduleGroup): Promise<void> {
    const schedules = this.#schedules.below(`${groupId(group)}/`);
    await Promise.all(schedules.map((schedule) => this.#schedules.delete(scheduleId(schedule))));
    await this.#groups.delete(groupId(group));
  }
}

import { randomBytes } from "node:crypto";
import type { Clock } from "../ports/clock.ts";
import { type Change, Conflict, type KeyValueStore } from "../ports/store.ts";
import {
  decodeLogGroup,
  encodeLogGroup,
  GROUP_PREFIX,
  type GroupName,
  groupKey,
  type StoredLogGroup,
} from "./log-records.ts";

const UPDATE_ATTEMPTS = 20;

/**
 * Log groups of every account and region: in memory for reading, kept current by watching the store; changed by
 * compare-and-set in the store. Their streams, of which there is one for each execution environment that ever was, are in
 * the log store alone.
 */
export class LogCatalogue {
  readonly #keyValue: KeyValueStore;
  readonly #clock: Clock;
  readonly #groups = new Map<string, StoredLogGroup>();
  readonly #groupIds = new Map<string, string>();
  #watch: { close(): Promise<void> } | undefined;

  private constructor(deps: { keyValue: KeyValueStore; clock: Clock }) {
    this.#keyValue = deps.keyValue;
    this.#clock = deps.clock;
  }

  /** Resolves when every stored group is known. */
  static async open(deps: { keyValue: KeyValueStore; clock: Clock }): Promise<LogCatalogue> {
    const catalogue = new LogCatalogue(deps);
    const synced = Promise.withResolvers<void>();
    catalogue.#watch = await deps.keyValue.watch(GROUP_PREFIX, (change) => {
      if (change.type === "synced") synced.resolve();
      else catalogue.#groupChanged(change);
    });
    await synced.promise;
    return catalogue;
  }

  group(name: GroupName): StoredLogGroup | undefined {
    return this.#groups.get(groupKey(name));
  }

  /** Groups of an account in a region, sorted by name. */
  groups(owner: { account: string; region: string }): StoredLogGroup[] {
    const found = [...this.#groups.values()].filter(
      ({ account, region }) => account === owner.account && region === owner.region,
    );
    return found.sort((left, right) => (left.logGroupName < right.logGroupName ? -1 : 1));
  }

  allGroups(): StoredLogGroup[] {
    return [...this.#groups.values()];
  }

  hasGroupId(groupId: string): boolean {
    return this.#groupIds.has(groupId);
  }

  /** `undefined` when the group exists already. */
  async createGroup(
    name: GroupName,
    tags: Readonly<Record<string, string>>,
  ): Promise<StoredLogGroup | undefined> {
    const group: StoredLogGroup = {
      schema: 1,
      account: name.account,
      region: name.region,
      logGroupName: name.logGroupName,
      groupId: randomBytes(12).toString("hex"),
      createdAtMs: this.#clock.nowMs(),
      retentionDays: undefined,
      tags,
    };
    try {
      await this.#keyValue.create(groupKey(name), encodeLogGroup(group));
      return group;
    } catch (error) {
      if (error instanceof Conflict) return undefined;
      throw error;
    }
  }

  /** Applies a change to the stored document; `undefined` when there is no such group. */
  async updateGroup(
    name: GroupName,
    change: (group: StoredLogGroup) => StoredLogGroup,
  ): Promise<StoredLogGroup | undefined> {
    const key = groupKey(name);
    for (let attempt = 0; attempt < UPDATE_ATTEMPTS; attempt++) {
      const entry = await this.#keyValue.get(key);
      if (entry === undefined) return undefined;
      const changed = change(decodeLogGroup(entry.value));
      try {
        await this.#keyValue.update(key, encodeLogGroup(changed), entry.revision);
        return changed;
      } catch (error) {
        if (!(error instanceof Conflict)) throw error;
      }
    }
    throw new Conflict(key);
  }

  async deleteGroup(name: GroupName): Promise<void> {
    await this.#keyValue.delete(groupKey(name));
  }

  async close(): Promise<void> {
    await this.#watch?.close();
  }

  #groupChanged(change: Change): void {
    if (change.type === "put") {
      const group = decodeLogGroup(change.entry.value);
      this.#groups.set(change.entry.key, group);
      this.#groupIds.set(group.groupId, change.entry.key);
    } else if (change.type === "delete") {
      const group = this.#groups.get(change.key);
      this.#groups.delete(change.key);
      if (group !== undefined) this.#groupIds.delete(group.groupId);
    }
  }
}

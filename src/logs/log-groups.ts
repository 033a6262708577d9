import { randomBytes } from "node:crypto";
import type { Clock } from "../ports/clock.ts";
import { Conflict, type LogStreamRecord, type LogStreamStore, type NewLogStream } from "../ports/store.ts";
import { DeletedGroups } from "./deleted-groups.ts";
import type { LogCatalogue } from "./log-catalogue.ts";
import {
  logGroupAlreadyExists,
  logGroupNotFound,
  logStreamAlreadyExists,
  logStreamNotFound,
} from "./log-errors.ts";
import type { GroupName, StoredLogGroup } from "./log-records.ts";

const DAY_MS = 86_400_000;
const RETENTION_INTERVAL_MS = 10 * 60_000;
const RETENTION_FIRST_MS = 30_000;
/** Streams that a retention run takes from the store at a time. */
const RETENTION_PAGE = 200;

/** What CloudWatch's operations on groups and streams do; every method throws its errors. */
export class LogGroups {
  readonly #catalogue: LogCatalogue;
  readonly #logs: LogStreamStore;
  readonly #clock: Clock;
  readonly #deleted: DeletedGroups;
  #cancelTimer: (() => void) | undefined;
  #trimming: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(deps: { catalogue: LogCatalogue; logs: LogStreamStore; clock: Clock }) {
    this.#catalogue = deps.catalogue;
    this.#logs = deps.logs;
    this.#clock = deps.clock;
    this.#deleted = new DeletedGroups(deps);
  }

  group(name: GroupName): StoredLogGroup {
    const group = this.#catalogue.group(name);
    if (group === undefined) throw logGroupNotFound();
    return group;
  }

  async stream(group: StoredLogGroup, logStreamName: string): Promise<LogStreamRecord> {
    const stream = await this.#logs.findStream(group.groupId, logStreamName);
    if (stream === undefined) throw logStreamNotFound();
    return stream;
  }

  list(owner: { account: string; region: string }): StoredLogGroup[] {
    return this.#catalogue.groups(owner);
  }

  /** Bytes of all streams, AWS's overhead included. */
  async storedBytes(group: StoredLogGroup): Promise<number> {
    return (await this.#logs.groupTotals(group.groupId)).storedBytes;
  }

  async create(name: GroupName, tags: Readonly<Record<string, string>>): Promise<StoredLogGroup> {
    const group = await this.#catalogue.createGroup(name, tags);
    if (group === undefined) throw logGroupAlreadyExists();
    return group;
  }

  async update(name: GroupName, change: (group: StoredLogGroup) => StoredLogGroup): Promise<void> {
    const group = await this.#catalogue.updateGroup(name, change);
    if (group === undefined) throw logGroupNotFound();
  }

  /** The group is gone then, and what it held goes by and by; the next retention run completes what is interrupted. */
  async delete(name: GroupName): Promise<void> {
    const group = this.group(name);
    await this.#catalogue.deleteGroup(name);
    void this.#deleted.empty(group.groupId);
  }

  async createStream(group: StoredLogGroup, logStreamName: string): Promise<void> {
    try {
      await this.#logs.createStream(newStream(group, logStreamName, this.#clock.nowMs()));
    } catch (error) {
      throw error instanceof Conflict ? logStreamAlreadyExists() : error;
    }
  }

  /** Makes a stream where there is none of that name. */
  async openStream(group: StoredLogGroup, logStreamName: string): Promise<void> {
    const { groupId } = group;
    if ((await this.#logs.findStream(groupId, logStreamName)) !== undefined) return;
    try {
      await this.#logs.createStream(newStream(group, logStreamName, this.#clock.nowMs()));
    } catch (error) {
      // Somebody else has made it in the meantime.
      if (!(error instanceof Conflict)) throw error;
    }
  }

  async deleteStream({ id }: LogStreamRecord): Promise<void> {
    await this.#logs.drop(id);
  }

  /** The oldest instant whose events the group still shows. */
  retainedFromMs(group: StoredLogGroup): number {
    return group.retentionDays === undefined ? 0 : this.#clock.nowMs() - group.retentionDays * DAY_MS;
  }

  /** Removes expired events now and then every ten minutes, until `stopRetention`. */
  startRetention(): void {
    this.#schedule(RETENTION_FIRST_MS);
  }

  async stopRetention(): Promise<void> {
    this.#stopped = true;
    this.#cancelTimer?.();
    await this.#deleted.stop();
    await this.#trimming;
  }

  /** Removes events older than their group's retention, streams left empty by it, and what deletions left over. */
  async trimExpired(): Promise<void> {
    for (const groupId of await this.#logs.groupsWithStreams())
      if (!this.#catalogue.hasGroupId(groupId)) await this.#deleted.empty(groupId);
    for (const group of this.#catalogue.allGroups())
      if (group.retentionDays !== undefined) await this.#trimGroup(group, this.retainedFromMs(group));
  }

  async #trimGroup({ groupId }: StoredLogGroup, beforeMs: number): Promise<void> {
    let after: LogStreamRecord | undefined;
    do {
      const streams = await this.#logs.streamsByFirstEvent(groupId, {
        prefix: "",
        startMs: Number.MIN_SAFE_INTEGER,
        endMs: beforeMs,
        after,
        limit: RETENTION_PAGE,
      });
      for (const stream of streams) await this.#trimStream(stream, beforeMs);
      after = streams.at(-1);
    } while (after !== undefined && !this.#stopped);
  }

  async #trimStream(stream: LogStreamRecord, beforeMs: number): Promise<void> {
    const { id, firstEventMs, lastEventMs = 0, createdAtMs } = stream;
    if (Math.max(lastEventMs, createdAtMs) < beforeMs) await this.#logs.drop(id);
    else if (firstEventMs !== undefined && firstEventMs < beforeMs) await this.#logs.trim(id, beforeMs);
  }

  #schedule(delayMs: number): void {
    if (this.#stopped) return;
    this.#cancelTimer = this.#clock.after(delayMs, () => {
      // A store that is not available is tried again at the next interval.
      this.#trimming = this.trimExpired()
        .catch(() => undefined)
        .then(() => this.#schedule(RETENTION_INTERVAL_MS));
    });
  }
}

/** A stream to be made; the id belongs to no other one. */
export const newStream = ({ groupId }: StoredLogGroup, name: string, createdAtMs: number): NewLogStream => ({
  id: `${groupId}/${randomBytes(12).toString("hex")}`,
  group: groupId,
  name,
  createdAtMs,
});

import type { Clock } from "../ports/clock.ts";
import type { LogStore } from "../ports/store.ts";
import { inChunks, type LogCatalogue } from "./log-catalogue.ts";
import {
  logGroupAlreadyExists,
  logGroupNotFound,
  logStreamAlreadyExists,
  logStreamNotFound,
} from "./log-errors.ts";
import { type GroupName, type StoredLogGroup, storedStreamName } from "./log-records.ts";
import type { LogStreamState } from "./log-stream-state.ts";

const DAY_MS = 86_400_000;
const RETENTION_INTERVAL_MS = 10 * 60_000;
const RETENTION_FIRST_MS = 30_000;

/** What CloudWatch's operations on groups and streams do; every method throws its errors. */
export class LogGroups {
  readonly #catalogue: LogCatalogue;
  readonly #logs: LogStore;
  readonly #clock: Clock;
  #cancelTimer: (() => void) | undefined;
  #trimming: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(deps: { catalogue: LogCatalogue; logs: LogStore; clock: Clock }) {
    this.#catalogue = deps.catalogue;
    this.#logs = deps.logs;
    this.#clock = deps.clock;
  }

  group(name: GroupName): StoredLogGroup {
    const group = this.#catalogue.group(name);
    if (group === undefined) throw logGroupNotFound();
    return group;
  }

  stream(group: StoredLogGroup, logStreamName: string): LogStreamState {
    const state = this.#catalogue.stream(group.groupId, logStreamName);
    if (state === undefined) throw logStreamNotFound();
    return state;
  }

  list(owner: { account: string; region: string }): StoredLogGroup[] {
    return this.#catalogue.groups(owner);
  }

  streams(group: StoredLogGroup): LogStreamState[] {
    return this.#catalogue.streams(group.groupId);
  }

  /**
   * Compares the statistics of streams with their events, once per process: a process that was killed did not store
   * its last ones.
   */
  async verify(states: readonly LogStreamState[]): Promise<void> {
    const unverified = states.filter(({ verified }) => !verified);
    await inChunks(unverified, (state) => this.#verifyStream(state));
  }

  /** Bytes of all streams, AWS's overhead included. */
  storedBytes(group: StoredLogGroup): number {
    return this.streams(group).reduce((sum, { record }) => sum + record.storedBytes, 0);
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

  /** The group is gone at once; a deletion that is interrupted is completed by the next retention run. */
  async delete(name: GroupName): Promise<void> {
    const group = this.group(name);
    await this.#catalogue.deleteGroup(name);
    await inChunks(this.streams(group), (state) => this.deleteStream(state));
  }

  async createStream(group: StoredLogGroup, logStreamName: string): Promise<LogStreamState> {
    const state = await this.#catalogue.createStream(group, logStreamName);
    if (state === undefined) throw logStreamAlreadyExists();
    return state;
  }

  async deleteStream(state: LogStreamState): Promise<void> {
    const { record } = state;
    await this.#logs.drop(storedStreamName(record));
    await this.#catalogue.deleteStream(record);
    // Once more, for events that were on their way when the stream was dropped first.
    await this.#logs.drop(storedStreamName(record));
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
    await this.#trimming;
  }

  /** Removes events older than their group's retention, streams left empty by it, and what deletions left over. */
  async trimExpired(): Promise<void> {
    await inChunks(this.#catalogue.orphans(), (state) => this.deleteStream(state));
    for (const group of this.#catalogue.allGroups()) {
      if (group.retentionDays === undefined) continue;
      const beforeMs = this.retainedFromMs(group);
      for (const state of this.streams(group)) await this.#trimStream(state, beforeMs);
    }
  }

  async #verifyStream(state: LogStreamState): Promise<void> {
    const stream = storedStreamName(state.record);
    const [first] = await this.#logs.read(stream, undefined, 1);
    const [last] = await this.#logs.readBackwards(stream, undefined, 1);
    state.verified = true;
    if (first === undefined || last === undefined) return;
    if (last.ingestedAtMs <= (state.record.lastIngestionMs ?? 0)) return;
    const { ingestedAtMs } = last;
    state.noteEvents({ firstMs: first.timestampMs, lastMs: last.timestampMs, bytes: 0, ingestedAtMs });
    this.#catalogue.statisticsChanged(state);
  }

  async #trimStream(state: LogStreamState, beforeMs: number): Promise<void> {
    const { record } = state;
    if (Math.max(record.lastEventMs ?? 0, record.createdAtMs) < beforeMs) {
      await this.deleteStream(state);
    } else if (record.firstEventMs !== undefined && record.firstEventMs < beforeMs) {
      await this.#logs.trim(storedStreamName(record), beforeMs);
      state.noteTrimmed(beforeMs);
      this.#catalogue.statisticsChanged(state);
    }
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

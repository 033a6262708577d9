import { randomBytes } from "node:crypto";
import type { Clock } from "../ports/clock.ts";
import { type Change, Conflict, type KeyValueStore } from "../ports/store.ts";
import {
  decodeLogRecord,
  encodeLogRecord,
  GROUP_PREFIX,
  type GroupName,
  groupKey,
  STREAM_PREFIX,
  type StoredLogGroup,
  type StoredLogStream,
  streamKey,
} from "./log-records.ts";
import { DISORDER_FLOOR_MS, LogStreamState } from "./log-stream-state.ts";

const STATISTICS_INTERVAL_MS = 5000;
const UPDATE_ATTEMPTS = 20;
/** Writes that run at a time when many documents are stored or deleted. */
const PARALLEL_WRITES = 64;

/**
 * Log groups and streams of every account and region: in memory for reading, kept current by watching the store;
 * changed by compare-and-set in the store. Statistics of streams are stored a few seconds late.
 */
export class LogCatalogue {
  readonly #keyValue: KeyValueStore;
  readonly #clock: Clock;
  readonly #groups = new Map<string, StoredLogGroup>();
  readonly #groupIds = new Map<string, string>();
  /** By group id, then by key. */
  readonly #streams = new Map<string, Map<string, LogStreamState>>();
  readonly #dirty = new Set<LogStreamState>();
  #watches: { close(): Promise<void> }[] = [];
  #cancelTimer: (() => void) | undefined;
  #writing: Promise<void> = Promise.resolve();
  #closed = false;

  private constructor(deps: { keyValue: KeyValueStore; clock: Clock }) {
    this.#keyValue = deps.keyValue;
    this.#clock = deps.clock;
  }

  /** Resolves when every stored group and stream is known. */
  static async open(deps: { keyValue: KeyValueStore; clock: Clock }): Promise<LogCatalogue> {
    const catalogue = new LogCatalogue(deps);
    await catalogue.#watch(GROUP_PREFIX, (change) => catalogue.#groupChanged(change));
    await catalogue.#watch(STREAM_PREFIX, (change) => catalogue.#streamChanged(change));
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

  stream(groupId: string, logStreamName: string): LogStreamState | undefined {
    return this.#streams.get(groupId)?.get(streamKey(groupId, logStreamName));
  }

  streams(groupId: string): LogStreamState[] {
    return [...(this.#streams.get(groupId)?.values() ?? [])];
  }

  hasStreams(groupId: string): boolean {
    return (this.#streams.get(groupId)?.size ?? 0) > 0;
  }

  /** Streams whose group is gone: the rest of an interrupted deletion. */
  orphans(): LogStreamState[] {
    return [...this.#streams].flatMap(([groupId, streams]) =>
      this.#groupIds.has(groupId) ? [] : [...streams.values()],
    );
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
    return (await this.#create(groupKey(name), group)) ? group : undefined;
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
      const changed = change(decodeLogRecord<StoredLogGroup>(entry.value));
      try {
        await this.#keyValue.update(key, encodeLogRecord(changed), entry.revision);
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

  /** `undefined` when the stream exists already. */
  async createStream(group: StoredLogGroup, logStreamName: string): Promise<LogStreamState | undefined> {
    const stream: StoredLogStream = {
      schema: 1,
      groupId: group.groupId,
      streamId: randomBytes(12).toString("hex"),
      logStreamName,
      createdAtMs: this.#clock.nowMs(),
      firstEventMs: undefined,
      lastEventMs: undefined,
      lastIngestionMs: undefined,
      storedBytes: 0,
      disorderMs: DISORDER_FLOOR_MS,
    };
    if (!(await this.#create(streamKey(group.groupId, logStreamName), stream))) return undefined;
    const state = this.#remember(stream);
    state.verified = true;
    return state;
  }

  async deleteStream({ groupId, logStreamName }: StoredLogStream): Promise<void> {
    await this.#keyValue.delete(streamKey(groupId, logStreamName));
  }

  /** Stores a grown disorder before the events that bring it, so that readers never look too short. */
  async raiseDisorder(state: LogStreamState, timestampsMs: readonly number[]): Promise<void> {
    const disorderMs = state.disorderWith(timestampsMs);
    if (disorderMs === state.record.disorderMs) return;
    state.noteDisorder(disorderMs);
    await this.#storeStatistics(state);
  }

  /** To be called after the statistics of a stream changed; they are stored within seconds. */
  statisticsChanged(state: LogStreamState): void {
    this.#dirty.add(state);
    if (this.#cancelTimer !== undefined || this.#closed) return;
    this.#cancelTimer = this.#clock.after(STATISTICS_INTERVAL_MS, () => {
      this.#cancelTimer = undefined;
      this.#writing = this.#writing.then(() => this.#storeAllStatistics());
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelTimer?.();
    await this.#writing;
    await this.#storeAllStatistics();
    await Promise.all(this.#watches.map((watch) => watch.close()));
  }

  async #storeAllStatistics(): Promise<void> {
    const states = [...this.#dirty];
    this.#dirty.clear();
    await inChunks(states, async (state) => {
      try {
        await this.#storeStatistics(state);
      } catch {
        // The store is not available: the statistics stay dirty and are written with the next ones.
        this.#dirty.add(state);
      }
    });
  }

  async #storeStatistics(state: LogStreamState): Promise<void> {
    const { groupId, logStreamName, streamId } = state.record;
    const key = streamKey(groupId, logStreamName);
    for (let attempt = 0; attempt < UPDATE_ATTEMPTS && !state.removed; attempt++) {
      const entry = await this.#keyValue.get(key);
      // The name belongs to nobody or to a stream made later: there is nothing to store any more.
      if (entry === undefined || decodeLogRecord<StoredLogStream>(entry.value).streamId !== streamId) return;
      state.dirty = false;
      try {
        await this.#keyValue.update(key, encodeLogRecord(state.record), entry.revision);
        return;
      } catch (error) {
        state.dirty = true;
        if (!(error instanceof Conflict)) throw error;
      }
    }
  }

  async #create(key: string, record: StoredLogGroup | StoredLogStream): Promise<boolean> {
    try {
      await this.#keyValue.create(key, encodeLogRecord(record));
      return true;
    } catch (error) {
      if (error instanceof Conflict) return false;
      throw error;
    }
  }

  async #watch(prefix: string, onChange: (change: Change) => void): Promise<void> {
    const synced = Promise.withResolvers<void>();
    const watch = await this.#keyValue.watch(prefix, (change) => {
      if (change.type === "synced") synced.resolve();
      else onChange(change);
    });
    this.#watches.push(watch);
    await synced.promise;
  }

  #groupChanged(change: Change): void {
    if (change.type === "put") {
      const group = decodeLogRecord<StoredLogGroup>(change.entry.value);
      this.#groups.set(change.entry.key, group);
      this.#groupIds.set(group.groupId, change.entry.key);
    } else if (change.type === "delete") {
      const group = this.#groups.get(change.key);
      this.#groups.delete(change.key);
      if (group !== undefined) this.#groupIds.delete(group.groupId);
    }
  }

  #streamChanged(change: Change): void {
    if (change.type === "put") this.#remember(decodeLogRecord<StoredLogStream>(change.entry.value));
    else if (change.type === "delete") this.#forget(change.key);
  }

  #remember(record: StoredLogStream): LogStreamState {
    const key = streamKey(record.groupId, record.logStreamName);
    const streams = this.#streams.get(record.groupId) ?? new Map<string, LogStreamState>();
    this.#streams.set(record.groupId, streams);
    const known = streams.get(key);
    if (known !== undefined && known.record.streamId === record.streamId) {
      known.refresh(record);
      return known;
    }
    if (known !== undefined) known.removed = true;
    const state = new LogStreamState(record);
    streams.set(key, state);
    return state;
  }

  #forget(key: string): void {
    const groupId = key.slice(STREAM_PREFIX.length).split("/")[0] ?? "";
    const streams = this.#streams.get(groupId);
    const state = streams?.get(key);
    if (streams === undefined || state === undefined) return;
    state.removed = true;
    this.#dirty.delete(state);
    streams.delete(key);
    if (streams.size === 0) this.#streams.delete(groupId);
  }
}

/** Runs `work` on every item, a bounded number at a time. */
export async function inChunks<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let start = 0; start < items.length; start += PARALLEL_WRITES) {
    await Promise.all(items.slice(start, start + PARALLEL_WRITES).map(work));
  }
}

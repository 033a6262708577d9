import { LOG_EVENT_OVERHEAD_BYTES } from "../../core/log-event-size.ts";
import type { Clock } from "../../ports/clock.ts";
import type { LogStreamRecord, LogStreamStore, NewLogEntry, NewLogStream } from "../../ports/store.ts";
import { checkKey } from "./limits.ts";
import { packChunks } from "./log-chunk.ts";
import { FIRST_EVENT, LAST_EVENT, STREAMS, streamOf } from "./log-stream-rows.ts";
import { Logs } from "./logs.ts";
import type { Reader } from "./reader.ts";
import type { PackedBatch } from "./write-operations.ts";
import type { Writer } from "./writer.ts";

/** No byte of a name follows this one: everything that begins with the prefix lies between the two. */
const WITH_PREFIX = "title >= :prefix and title < :prefix || cast(x'ff' as text)";
const ONE = `${STREAMS} where log_group.name = :group and title = :name`;

const byName = (comparison: ">" | "<", order: "asc" | "desc"): string =>
  `${STREAMS} where log_group.name = :group and ${WITH_PREFIX} and (:after is null or title ${comparison} :after) ` +
  `order by title ${order} limit :limit`;
const byLastEvent = (comparison: ">" | "<", order: "asc" | "desc"): string =>
  `${STREAMS} where log_group.name = :group and ${LAST_EVENT} ${comparison}= :afterMs ` +
  `and (${LAST_EVENT} ${comparison} :afterMs or title ${comparison} :after) ` +
  `order by ${LAST_EVENT} ${order}, title ${order} limit :limit`;

const BY_NAME = { ascending: byName(">", "asc"), descending: byName("<", "desc") };
const BY_LAST_EVENT = { ascending: byLastEvent(">", "asc"), descending: byLastEvent("<", "desc") };
const BY_FIRST_EVENT =
  `${STREAMS} where log_group.name = :group and ${WITH_PREFIX} ` +
  "and coalesce(last_event_ms, created_at_ms) + disorder_ms >= :startMs " +
  `and ${FIRST_EVENT} >= :afterMs and ${FIRST_EVENT} < :endMs and (${FIRST_EVENT} > :afterMs or title > :after) ` +
  `order by ${FIRST_EVENT}, title limit :limit`;

/** The log store with streams that can be found; what is known of them is written in the commits of their entries. */
export class LogStreams extends Logs implements LogStreamStore {
  readonly #writer: Writer;
  readonly #reader: Reader;
  readonly #clock: Clock;

  constructor(connections: { writer: Writer; reader: Reader }, clock: Clock) {
    super(connections, clock);
    this.#writer = connections.writer;
    this.#reader = connections.reader;
    this.#clock = clock;
  }

  async createStream({ id, group, name, createdAtMs }: NewLogStream): Promise<{ isFirst: boolean }> {
    checkKey(id);
    const stream = { id, group, name, createdAtMs: Math.trunc(createdAtMs) };
    return { isFirst: await this.#writer.run("createLogStream", stream) };
  }

  async findStream(group: string, name: string): Promise<LogStreamRecord | undefined> {
    const row = this.#reader.find(ONE, { ":group": group, ":name": name });
    return row === undefined ? undefined : streamOf(row);
  }

  async streamsByName(
    group: string,
    page: Parameters<LogStreamStore["streamsByName"]>[1],
  ): Promise<LogStreamRecord[]> {
    const { prefix, after = null, limit } = page;
    return this.#list(page.descending ? BY_NAME.descending : BY_NAME.ascending, {
      ":group": group,
      ":prefix": prefix,
      ":after": after,
      ":limit": limit,
    });
  }

  async streamsByLastEvent(
    group: string,
    { after, descending, limit }: Parameters<LogStreamStore["streamsByLastEvent"]>[1],
  ): Promise<LogStreamRecord[]> {
    const start = descending ? Number.MAX_SAFE_INTEGER : -1;
    return this.#list(descending ? BY_LAST_EVENT.descending : BY_LAST_EVENT.ascending, {
      ":group": group,
      ":afterMs": after?.lastEventMs ?? start,
      ":after": after?.name ?? "",
      ":limit": limit,
    });
  }

  async streamsByFirstEvent(
    group: string,
    { after, prefix, startMs, endMs, limit }: Parameters<LogStreamStore["streamsByFirstEvent"]>[1],
  ): Promise<LogStreamRecord[]> {
    return this.#list(BY_FIRST_EVENT, {
      ":group": group,
      ":prefix": prefix,
      ":afterMs":
        after === undefined
          ? Number.MIN_SAFE_INTEGER
          : (after.firstEventMs ?? after.createdAtMs) - after.disorderMs,
      ":after": after?.name ?? "",
      ":startMs": startMs,
      ":endMs": endMs,
      ":limit": limit,
    });
  }

  async groupTotals(group: string): Promise<{ streams: number; storedBytes: number }> {
    const row = this.#reader.get("select streams, stored_bytes from log_group where name = ?", group);
    return { streams: Number(row?.streams ?? 0), storedBytes: Number(row?.stored_bytes ?? 0) };
  }

  async groupsWithStreams(): Promise<string[]> {
    return this.#reader.all("select name from log_group order by id").map(({ name }) => String(name));
  }

  async appendToStreams(
    batches: readonly { stream: string; entries: readonly NewLogEntry[] }[],
  ): Promise<readonly string[]> {
    const packed = batches.filter(({ entries }) => entries.length > 0).map(packBatch);
    if (packed.length === 0) return [];
    const nowMs = Math.trunc(this.#clock.nowMs());
    return this.#writer.run("appendLogStreams", { nowMs, batches: packed });
  }

  async dropSome(group: string): Promise<boolean> {
    return this.#writer.run("dropLogGroup", { group });
  }

  #list(sql: string, values: Record<string, string | number | null>): LogStreamRecord[] {
    const streams: LogStreamRecord[] = [];
    this.#reader.each((row) => streams.push(streamOf(row)) > 0, sql, values);
    return streams;
  }
}

function packBatch({ stream, entries }: { stream: string; entries: readonly NewLogEntry[] }): PackedBatch {
  let firstTimestampMs = Number.POSITIVE_INFINITY;
  let lastTimestampMs = Number.NEGATIVE_INFINITY;
  let bytes = 0;
  let disorderMs = 0;
  for (const { timestampMs, message } of entries) {
    firstTimestampMs = Math.min(firstTimestampMs, timestampMs);
    lastTimestampMs = Math.max(lastTimestampMs, timestampMs);
    disorderMs = Math.max(disorderMs, lastTimestampMs - timestampMs);
    bytes += Buffer.byteLength(message) + LOG_EVENT_OVERHEAD_BYTES;
  }
  const chunks = packChunks(stream, entries);
  return { stream, firstTimestampMs, lastTimestampMs, bytes, disorderMs, chunks };
}

import type { DatabaseSync } from "node:sqlite";
import { Conflict } from "../../ports/store.ts";
import type { OperationHandlers, PackedBatch, PackedChunk } from "./write-operations.ts";

/** Chunks, and streams, removed in one transaction: other writes wait while it runs. */
const REMOVED_CHUNKS_MAX = 500;
const REMOVED_STREAMS_MAX = 100;
/** Pages given back to the file system in one transaction, 4 KiB each. */
const FREED_PAGES_MAX = 2_000;

/** Adds a chunk to the stream with this id. */
export type ChunkAppender = (stream: number | bigint, chunk: PackedChunk, nowMs: number) => void;

type LogStreamOperations = OperationHandlers<"createLogStream" | "appendLogStreams" | "dropLogGroup">;

/** Writes of streams that are found by group and name, on the writer thread. */
export function logStreamWrites(db: DatabaseSync, appendChunk: ChunkAppender): LogStreamOperations {
  return {
    createLogStream: creator(db),
    appendLogStreams: appender(db, appendChunk),
    dropLogGroup: groupDropper(db),
  };
}

function creator(db: DatabaseSync): LogStreamOperations["createLogStream"] {
  const addGroup = db.prepare("insert into log_group (name) values (?) on conflict do nothing");
  const addStream = db.prepare(
    "insert into log_stream (name, log_group, title, created_at_ms) " +
      "select ?, id, ?, ? from log_group where name = ? on conflict do nothing",
  );
  const count = db.prepare("update log_group set streams = streams + 1 where name = ? returning streams");
  return ({ id, group, name, createdAtMs }) => {
    addGroup.run(group);
    if (Number(addStream.run(id, name, createdAtMs, group).changes) === 0)
      throw new Conflict(`${name} exists`);
    return Number(count.get(group)?.streams) === 1;
  };
}

function appender(db: DatabaseSync, appendChunk: ChunkAppender): LogStreamOperations["appendLogStreams"] {
  const find = db.prepare("select id, log_group from log_stream where name = ?");
  // Mostly events follow those that are there: then two of the three indexes stay as they are.
  const follow = db.prepare(
    "update log_stream set last_event_ms = max(last_event_ms, :last), last_ingestion_ms = :now, " +
      "stored_bytes = stored_bytes + :bytes where id = :id and first_event_ms <= :first " +
      "and disorder_ms >= max(:disorder, last_event_ms - :first)",
  );
  const note = db.prepare(
    "update log_stream set first_event_ms = min(coalesce(first_event_ms, :first), :first), " +
      "last_event_ms = max(coalesce(last_event_ms, :last), :last), last_ingestion_ms = :now, " +
      "stored_bytes = stored_bytes + :bytes, " +
      "disorder_ms = max(disorder_ms, :disorder, coalesce(last_event_ms, :first) - :first) where id = :id",
  );
  const noteGroup = db.prepare("update log_group set stored_bytes = stored_bytes + ? where id = ?");
  const noteBatch = (id: number, batch: PackedBatch, nowMs: number): void => {
    const values = {
      ":id": id,
      ":first": batch.firstTimestampMs,
      ":last": batch.lastTimestampMs,
      ":disorder": batch.disorderMs,
      ":bytes": batch.bytes,
      ":now": nowMs,
    };
    if (Number(follow.run(values).changes) === 0) note.run(values);
  };
  return ({ nowMs, batches }) => {
    const gone: string[] = [];
    const bytes = new Map<number, number>();
    for (const batch of batches) {
      const row = find.get(batch.stream);
      if (row === undefined) {
        gone.push(batch.stream);
        continue;
      }
      const id = Number(row.id);
      const group = Number(row.log_group);
      for (const chunk of batch.chunks) appendChunk(id, chunk, nowMs);
      noteBatch(id, batch, nowMs);
      bytes.set(group, (bytes.get(group) ?? 0) + batch.bytes);
    }
    for (const [group, count] of bytes) noteGroup.run(count, group);
    return gone;
  };
}

/** Removes a stream whose chunks are gone, and its group's row with the last of its streams. */
export function streamRemover(db: DatabaseSync): (id: number) => void {
  const remove = db.prepare("delete from log_stream where id = ? returning log_group, stored_bytes");
  const count = db.prepare(
    "update log_group set streams = streams - 1, stored_bytes = stored_bytes - ? where id = ?",
  );
  const removeGroup = db.prepare("delete from log_group where id = ? and streams <= 0");
  return (id) => {
    const row = remove.get(id);
    if (row === undefined || row.log_group === null) return;
    const group = Number(row.log_group);
    count.run(Number(row.stored_bytes), group);
    removeGroup.run(group);
  };
}

/** Removes chunks of a stream, at most so many; answers how many there were. */
export function chunkRemover(db: DatabaseSync): (stream: number, max: number) => number {
  const remove = db.prepare(
    "delete from log_chunk where first_position in " +
      "(select first_position from log_chunk where stream = ? order by first_position limit ?)",
  );
  return (stream, max) => Number(remove.run(stream, max).changes);
}

function groupDropper(db: DatabaseSync): LogStreamOperations["dropLogGroup"] {
  const list = db.prepare(
    "select id from log_stream where log_group = (select id from log_group where name = ?) limit ?",
  );
  const removeChunks = chunkRemover(db);
  const removeStream = streamRemover(db);
  return ({ group }) => {
    const streams = list.all(group, REMOVED_STREAMS_MAX);
    let left = REMOVED_CHUNKS_MAX;
    for (const { id } of streams) {
      left -= removeChunks(Number(id), left);
      if (left <= 0) break;
      removeStream(Number(id));
    }
    freePages(db);
    return left <= 0 || streams.length === REMOVED_STREAMS_MAX;
  };
}

/** What trimming a stream to an instant made untrue of what is known of it. */
export function trimNoter(db: DatabaseSync): (stream: number, beforeMs: number) => void {
  const find = db.prepare(
    "select log_group, first_event_ms, last_event_ms, stored_bytes from log_stream where id = ?",
  );
  const note = db.prepare("update log_stream set first_event_ms = ?, stored_bytes = ? where id = ?");
  const noteGroup = db.prepare("update log_group set stored_bytes = stored_bytes - ? where id = ?");
  return (stream, beforeMs) => {
    const row = find.get(stream);
    if (row === undefined || row.first_event_ms === null) return;
    const [firstMs, lastMs] = [Number(row.first_event_ms), Number(row.last_event_ms)];
    if (firstMs >= beforeMs) return;
    // Bytes are taken to be spread evenly over time: AWS, too, calls storedBytes an approximation.
    const share = Math.max(0, lastMs - beforeMs) / Math.max(1, lastMs - firstMs);
    const storedBytes = Number(row.stored_bytes);
    const kept = Math.round(storedBytes * share);
    note.run(beforeMs, kept, stream);
    if (row.log_group !== null) noteGroup.run(storedBytes - kept, Number(row.log_group));
  };
}

/** Gives pages that hold nothing any more back to the file system. */
export function freePages(db: DatabaseSync): void {
  db.exec(`pragma incremental_vacuum(${FREED_PAGES_MAX})`);
}

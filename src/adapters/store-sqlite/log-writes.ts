import type { DatabaseSync } from "node:sqlite";
import type { Counters } from "./counters.ts";
import { deflateChunk, timeRange, trimChunk, unpackChunk } from "./log-chunk.ts";
import type { OperationHandlers } from "./write-operations.ts";

/** Chunks removed in one transaction: other writes wait while it runs. */
const REMOVED_CHUNKS_MAX = 500;
/** Pages given back to the file system in one transaction, 4 KiB each. */
const FREED_PAGES_MAX = 2_000;

type LogOperations = OperationHandlers<"appendLogs" | "dropLogs" | "trimLogs">;

/** Writes of the log store, on the writer thread. */
export function logWrites(db: DatabaseSync, counters: Counters): LogOperations {
  const find = db.prepare("select id from log_stream where name = ?");
  const findStream = (name: string): number | undefined => {
    const row = find.get(name);
    return row === undefined ? undefined : Number(row.id);
  };
  return {
    appendLogs: appender(db, counters, findStream),
    dropLogs: dropper(db, findStream),
    trimLogs: trimmer(db, findStream),
  };
}

function appender(
  db: DatabaseSync,
  counters: Counters,
  findStream: (name: string) => number | undefined,
): LogOperations["appendLogs"] {
  const addStream = db.prepare("insert into log_stream (name) values (?)");
  const addChunk = db.prepare("insert into log_chunk values (?, ?, ?, ?, ?, ?, ?, ?)");
  return ({ nowMs, chunks }) => {
    for (const chunk of chunks) {
      const stream = findStream(chunk.stream) ?? addStream.run(chunk.stream).lastInsertRowid;
      const { deflated, data } = deflateChunk(chunk.json);
      const position = counters.draw("position", chunk.count);
      addChunk.run(
        position,
        stream,
        chunk.count,
        chunk.firstTimestampMs,
        chunk.lastTimestampMs,
        nowMs,
        deflated,
        data,
      );
    }
    return undefined;
  };
}

function dropper(
  db: DatabaseSync,
  findStream: (name: string) => number | undefined,
): LogOperations["dropLogs"] {
  const removeChunks = db.prepare(
    "delete from log_chunk where first_position in " +
      "(select first_position from log_chunk where stream = ? order by first_position limit ?)",
  );
  const removeStream = db.prepare("delete from log_stream where id = ?");
  return ({ stream: name }) => {
    const stream = findStream(name);
    if (stream === undefined) {
      return false;
    }
    if (Number(removeChunks.run(stream, REMOVED_CHUNKS_MAX).changes) === REMOVED_CHUNKS_MAX) {
      return true;
    }
    removeStream.run(stream);
    freePages(db);
    return false;
  };
}

function trimmer(
  db: DatabaseSync,
  findStream: (name: string) => number | undefined,
): LogOperations["trimLogs"] {
  const old = db.prepare(
    "select first_position, last_timestamp_ms from log_chunk " +
      "where stream = ? and first_timestamp_ms < ? order by first_position limit ?",
  );
  const read = db.prepare("select * from log_chunk where first_position = ?");
  const remove = db.prepare("delete from log_chunk where first_position = ?");
  const rewrite = db.prepare(
    "update log_chunk set count = ?, first_timestamp_ms = ?, last_timestamp_ms = ?, deflated = ?, data = ? " +
      "where first_position = ?",
  );
  const trim = (position: number, beforeMs: number): void => {
    const row = read.get(position);
    if (row === undefined) {
      return;
    }
    const content = trimChunk(unpackChunk(row), beforeMs);
    const [timestampsMs] = content;
    if (timestampsMs.length === 0) {
      remove.run(position);
      return;
    }
    const { firstTimestampMs, lastTimestampMs } = timeRange(timestampsMs);
    const { deflated, data } = deflateChunk(JSON.stringify(content));
    rewrite.run(timestampsMs.length, firstTimestampMs, lastTimestampMs, deflated, data, position);
  };
  return ({ stream: name, beforeMs }) => {
    const stream = findStream(name);
    const rows = stream === undefined ? [] : old.all(stream, beforeMs, REMOVED_CHUNKS_MAX);
    for (const row of rows) {
      const position = Number(row.first_position);
      if (Number(row.last_timestamp_ms) < beforeMs) {
        remove.run(position);
      } else {
        trim(position, beforeMs);
      }
    }
    freePages(db);
    return rows.length === REMOVED_CHUNKS_MAX;
  };
}

/** Gives pages that hold nothing any more back to the file system. */
function freePages(db: DatabaseSync): void {
  db.exec(`pragma incremental_vacuum(${FREED_PAGES_MAX})`);
}

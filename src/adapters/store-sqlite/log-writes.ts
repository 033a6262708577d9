import type { DatabaseSync } from "node:sqlite";
import type { Counters } from "./counters.ts";
import { deflateChunk, timeRange, trimChunk, unpackChunk } from "./log-chunk.ts";
import {
  type ChunkAppender,
  chunkRemover,
  freePages,
  logStreamWrites,
  streamRemover,
  trimNoter,
} from "./log-stream-writes.ts";
import type { OperationHandlers } from "./write-operations.ts";

/** Chunks removed in one transaction: other writes wait while it runs. */
const REMOVED_CHUNKS_MAX = 500;

type LogOperations = OperationHandlers<
  "appendLogs" | "dropLogs" | "trimLogs" | "createLogStream" | "appendLogStreams" | "dropLogGroup"
>;

/** Writes of the log store, on the writer thread. */
export function logWrites(db: DatabaseSync, counters: Counters): LogOperations {
  const find = db.prepare("select id from log_stream where name = ?");
  const findStream = (name: string): number | undefined => {
    const row = find.get(name);
    return row === undefined ? undefined : Number(row.id);
  };
  const appendChunk = chunkAppender(db, counters);
  return {
    ...logStreamWrites(db, appendChunk),
    appendLogs: appender(db, appendChunk, findStream),
    dropLogs: dropper(db, findStream),
    trimLogs: trimmer(db, findStream),
  };
}

function chunkAppender(db: DatabaseSync, counters: Counters): ChunkAppender {
  const addChunk = db.prepare("insert into log_chunk values (?, ?, ?, ?, ?, ?, ?, ?)");
  return (stream, { count, firstTimestampMs, lastTimestampMs, json }, nowMs) => {
    const { deflated, data } = deflateChunk(json);
    const position = counters.draw("position", count);
    addChunk.run(position, stream, count, firstTimestampMs, lastTimestampMs, nowMs, deflated, data);
  };
}

function appender(
  db: DatabaseSync,
  appendChunk: ChunkAppender,
  findStream: (name: string) => number | undefined,
): LogOperations["appendLogs"] {
  const addStream = db.prepare("insert into log_stream (name) values (?)");
  return ({ nowMs, chunks }) => {
    for (const chunk of chunks) {
      const stream = findStream(chunk.stream) ?? addStream.run(chunk.stream).lastInsertRowid;
      appendChunk(stream, chunk, nowMs);
    }
    return undefined;
  };
}

function dropper(
  db: DatabaseSync,
  findStream: (name: string) => number | undefined,
): LogOperations["dropLogs"] {
  const removeChunks = chunkRemover(db);
  const removeStream = streamRemover(db);
  return ({ stream: name }) => {
    const stream = findStream(name);
    if (stream === undefined) {
      return false;
    }
    if (removeChunks(stream, REMOVED_CHUNKS_MAX) === REMOVED_CHUNKS_MAX) {
      return true;
    }
    removeStream(stream);
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
  const noteTrimmed = trimNoter(db);
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
    if (rows.length === REMOVED_CHUNKS_MAX) return true;
    if (stream !== undefined) noteTrimmed(stream, beforeMs);
    return false;
  };
}

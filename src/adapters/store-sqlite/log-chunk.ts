import { deflateRawSync, inflateRawSync } from "node:zlib";
import type { LogEntry, NewLogEntry } from "../../ports/store.ts";
import type { PackedChunk } from "./write-operations.ts";

/**
 * Log entries are stored as chunks: one row for all that one call appended to a stream, because a row for each
 * entry would cost several times the space and the time. Timestamps, messages and, when entries have been trimmed
 * from the middle, the distance of each entry's position from the chunk's first.
 */
export type ChunkContent = readonly [timestampsMs: number[], messages: string[], positionOffsets?: number[]];

/** A reader that wants few entries still unpacks whole chunks. */
const CHUNK_ENTRIES_MAX = 1_000;
const CHUNK_CHARACTERS_MAX = 256 * 1024;
/** Below this, deflating saves next to nothing. */
const DEFLATE_BYTES_MIN = 1_024;
/** Enough digits for every safe integer, so that positions also compare as text. */
const POSITION_DIGITS = 16;

/** Packs entries that are appended to one stream, in order. */
export function packChunks(stream: string, entries: readonly NewLogEntry[]): PackedChunk[] {
  const chunks: PackedChunk[] = [];
  let start = 0;
  let characters = 0;
  for (const [index, entry] of entries.entries()) {
    const isFull =
      index - start >= CHUNK_ENTRIES_MAX || characters + entry.message.length > CHUNK_CHARACTERS_MAX;
    if (isFull && index > start) {
      chunks.push(pack(stream, entries.slice(start, index)));
      start = index;
      characters = 0;
    }
    characters += entry.message.length;
  }
  if (start < entries.length) {
    chunks.push(pack(stream, entries.slice(start)));
  }
  return chunks;
}

function pack(stream: string, entries: readonly NewLogEntry[]): PackedChunk {
  const timestampsMs = entries.map((entry) => entry.timestampMs);
  const content: ChunkContent = [timestampsMs, entries.map((entry) => entry.message)];
  return { stream, ...timeRange(timestampsMs), count: entries.length, json: JSON.stringify(content) };
}

/** The earliest and the latest of the timestamps, which need not be in order. */
export function timeRange(timestampsMs: readonly number[]): {
  firstTimestampMs: number;
  lastTimestampMs: number;
} {
  return {
    firstTimestampMs: Math.min(...timestampsMs),
    lastTimestampMs: Math.max(...timestampsMs),
  };
}

/** The bytes of a chunk's JSON as they are stored. */
export function deflateChunk(json: string): { deflated: 0 | 1; data: Uint8Array } {
  const bytes = Buffer.from(json);
  // Level 1 is the fastest, and brings log lines to about a quarter.
  return bytes.length < DEFLATE_BYTES_MIN
    ? { deflated: 0, data: bytes }
    : { deflated: 1, data: deflateRawSync(bytes, { level: 1 }) };
}

export interface StoredChunk {
  readonly firstPosition: number;
  readonly ingestedAtMs: number;
  readonly content: ChunkContent;
}

/** Unpacks a row of `log_chunk` with the columns `first_position`, `ingested_at_ms`, `deflated` and `data`. */
export function unpackChunk(row: Record<string, unknown>): StoredChunk {
  const data = row.data as Uint8Array;
  const bytes =
    row.deflated === 1 ? inflateRawSync(data) : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return {
    firstPosition: Number(row.first_position),
    ingestedAtMs: Number(row.ingested_at_ms),
    content: JSON.parse(bytes.toString()) as ChunkContent,
  };
}

/** The entries of a chunk whose positions lie between the two, both exclusive. */
export function chunkEntries(chunk: StoredChunk, after: number, before: number): LogEntry[] {
  const [timestampsMs, messages, offsets] = chunk.content;
  const entries: LogEntry[] = [];
  for (const [index, message] of messages.entries()) {
    const position = chunk.firstPosition + (offsets?.[index] ?? index);
    if (position > after && position < before) {
      entries.push({
        position: String(position).padStart(POSITION_DIGITS, "0"),
        timestampMs: timestampsMs[index] ?? 0,
        ingestedAtMs: chunk.ingestedAtMs,
        message,
      });
    }
  }
  return entries;
}

/** What is left of a chunk without the entries older than the instant; the others keep their positions. */
export function trimChunk(chunk: StoredChunk, beforeMs: number): ChunkContent {
  const [timestampsMs, messages, offsets] = chunk.content;
  const kept = [...timestampsMs.keys()].filter((index) => (timestampsMs[index] ?? 0) >= beforeMs);
  return [
    kept.map((index) => timestampsMs[index] ?? 0),
    kept.map((index) => messages[index] ?? ""),
    kept.map((index) => offsets?.[index] ?? index),
  ];
}

/** Reads a position that `chunkEntries` made; throws `TypeError` for anything else. */
export function parsePosition(position: string): number {
  const number = Number(position);
  if (!/^\d+$/.test(position) || !Number.isSafeInteger(number)) {
    throw new TypeError(`"${position}" is not a position in a log stream`);
  }
  return number;
}

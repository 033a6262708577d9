import type { Clock } from "../../ports/clock.ts";
import type { LogEntry, LogStore, NewLogEntry } from "../../ports/store.ts";
import { checkKey } from "./limits.ts";
import { chunkEntries, packChunks, parsePosition, type StoredChunk, unpackChunk } from "./log-chunk.ts";
import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

const CHUNKS =
  "select first_position, ingested_at_ms, deflated, data from log_chunk " +
  "where stream = (select id from log_stream where name = :stream) and ";
/** Begins with the last chunk that starts at or before the position, because the position may lie inside it. */
const FORWARDS =
  `${CHUNKS} first_position >= coalesce((select max(first_position) from log_chunk ` +
  "where stream = (select id from log_stream where name = :stream) and first_position <= :after), 0) " +
  "order by first_position";
const BACKWARDS = `${CHUNKS} first_position < :before order by first_position desc`;

/** The log store: entries in chunks, in the same database as everything else, sharing its commits. */
export class Logs implements LogStore {
  readonly #writer: Writer;
  readonly #reader: Reader;
  readonly #clock: Clock;

  constructor(connections: { writer: Writer; reader: Reader }, clock: Clock) {
    this.#writer = connections.writer;
    this.#reader = connections.reader;
    this.#clock = clock;
  }

  async append(batches: readonly { stream: string; entries: readonly NewLogEntry[] }[]): Promise<void> {
    const chunks = batches.flatMap(({ stream, entries }) => {
      checkKey(stream);
      return packChunks(stream, entries);
    });
    if (chunks.length > 0) {
      await this.#writer.run("appendLogs", { nowMs: Math.trunc(this.#clock.nowMs()), chunks });
    }
  }

  async read(stream: string, from: string | undefined, max: number): Promise<LogEntry[]> {
    const after = from === undefined ? -1 : parsePosition(from);
    const entries: LogEntry[] = [];
    this.#visit(FORWARDS, { ":stream": stream, ":after": after }, (chunk) => {
      entries.push(...chunkEntries(chunk, after, Number.POSITIVE_INFINITY));
      return entries.length < max;
    });
    return entries.slice(0, Math.max(0, max));
  }

  async readBackwards(stream: string, before: string | undefined, max: number): Promise<LogEntry[]> {
    const end = before === undefined ? Number.MAX_SAFE_INTEGER : parsePosition(before);
    const chunks: LogEntry[][] = [];
    let count = 0;
    this.#visit(BACKWARDS, { ":stream": stream, ":before": end }, (chunk) => {
      const entries = chunkEntries(chunk, -1, end);
      chunks.push(entries);
      count += entries.length;
      return count < max;
    });
    return chunks
      .reverse()
      .flat()
      .slice(max > 0 ? -max : count);
  }

  async drop(stream: string): Promise<void> {
    while (await this.#writer.run("dropLogs", { stream })) {
      // One bounded transaction after the other, so that other writes come in between.
    }
  }

  async trim(stream: string, beforeMs: number): Promise<void> {
    while (await this.#writer.run("trimLogs", { stream, beforeMs })) {
      // As above.
    }
  }

  #visit(sql: string, values: Record<string, string | number>, visit: (chunk: StoredChunk) => boolean): void {
    this.#reader.each((row) => visit(unpackChunk(row)), sql, values);
  }
}

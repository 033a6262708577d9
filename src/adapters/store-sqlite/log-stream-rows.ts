import type { LogStreamRecord } from "../../ports/store.ts";
import type { Row } from "./reader.ts";

/** Streams that are found by group and name, as `streamOf` reads them. */
export const STREAMS =
  "select log_stream.name as id, log_group.name as log_group, title, created_at_ms, first_event_ms, last_event_ms, " +
  "last_ingestion_ms, log_stream.stored_bytes, disorder_ms from log_group join log_stream on log_group = log_group.id ";

/** What they are sorted by, in the words of the indexes. */
export const LAST_EVENT = "coalesce(last_event_ms, 0)";
export const FIRST_EVENT = "coalesce(first_event_ms, created_at_ms) - disorder_ms";

const optional = (value: unknown): number | undefined => (value === null ? undefined : Number(value));

/** A row of `STREAMS`. */
export function streamOf(row: Row): LogStreamRecord {
  return {
    id: String(row.id),
    group: String(row.log_group),
    name: String(row.title),
    createdAtMs: Number(row.created_at_ms),
    firstEventMs: optional(row.first_event_ms),
    lastEventMs: optional(row.last_event_ms),
    lastIngestionMs: optional(row.last_ingestion_ms),
    storedBytes: Number(row.stored_bytes),
    disorderMs: Number(row.disorder_ms),
  };
}

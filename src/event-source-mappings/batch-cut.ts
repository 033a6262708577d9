import { FUNCTION_LIMITS } from "../core/function-limits.ts";
import type { SourceRecord } from "./event-source.ts";

/** Of the event around the records. */
const ENVELOPE_BYTES = 1024;

export interface BatchCut {
  /** Of the first records. */
  readonly count: number;
  /** No more fit. */
  readonly isFull: boolean;
}

/** What makes one batch. AWS: 6 MB with everything. */
export function cutBatch(records: readonly SourceRecord[], batchSize: number): BatchCut {
  let bytes = ENVELOPE_BYTES;
  let count = 0;
  for (const record of records) {
    if (count === batchSize) break;
    // One for the comma.
    bytes += record.bytes + 1;
    if (count > 0 && bytes > FUNCTION_LIMITS.requestPayloadBytesMax) return { count, isFull: true };
    count++;
  }
  return { count, isFull: count === batchSize };
}

import { type SupervisionEvent, supervisionEvent } from "./extension-launch.ts";
import { splitLines } from "./line-splitter.ts";
import { RecordParts } from "./record-parts.ts";

/**
 * Managed runtimes write framed records to _LAMBDA_TELEMETRY_LOG_FD, one log event each: 4 bytes type (0xa55a0003 text
 * or 0xa55a0002 JSON, with a level in the low bits), 4 bytes length, 8 bytes timestamp in microseconds, then the
 * message; all big-endian. Older clients, which functions may bring along, write 0xa55a0001 and no timestamp. Our own
 * clients write longer records in parts (0x20 in the type): each is a write that the kernel keeps whole in a full pipe.
 */
const HEADER_BYTES = 16;
const UNTIMED_HEADER_BYTES = 8;
const UNTIMED_TYPE = 0xa55a0001;
const PART = 0x20;
/** No text has these bytes: the last is none of a character. */
const START = Buffer.of(0xa5, 0x5a, 0x00);
const MAX_RECORD_BYTES = 1_048_576;
/** What is printed by chance has another time, if any. */
const MAX_AGE_MS = 86_400_000;

export interface OutputHandlers {
  readonly nowMs: () => number;
  /** A line that was printed, with its line feed. */
  readonly onLine: (line: string) => void;
  /** A record; `timestampMs`: as its writer has it. */
  readonly onRecord: (timestampMs: number | undefined, text: string) => void;
  readonly onSupervision?: ((event: SupervisionEvent) => void) | undefined;
}

/** What the bytes of a stream go through that lines and records are written to. */
export interface OutputSplitter {
  /** Returns how many lines, records and events it was. */
  write(chunk: Buffer): number;
  /** An unfinished line is one: it does not go on. */
  flush(): void;
  /** Nothing more comes: what is kept of a record was none. */
  end(): void;
}

interface Record {
  readonly type: number;
  readonly timestampMs: number | undefined;
  readonly textStart: number;
  readonly textEnd: number;
}

/** Finds the records between what is printed, in the order in which it was written. */
export function splitOutput(handlers: OutputHandlers): OutputSplitter {
  const { nowMs, onLine, onRecord, onSupervision } = handlers;
  const lines = splitLines(onLine);
  const parts = new RecordParts(onRecord);
  let kept: Buffer = Buffer.alloc(0);

  const take = (bytes: Buffer, { type, timestampMs, textStart, textEnd }: Record): void => {
    if (isPart(type)) {
      parts.add(timestampMs, bytes.subarray(textStart, textEnd));
      return;
    }
    const text = bytes.toString("utf8", textStart, textEnd);
    const event = onSupervision && supervisionEvent(type & 0xffff, text);
    if (event === undefined) onRecord(timestampMs, text);
    else onSupervision?.(event);
  };
  const print = (bytes: Buffer, from: number, to: number): number =>
    to > from ? lines.write(bytes.subarray(from, to)) : 0;
  const printKept = (): void => {
    print(kept, 0, kept.length);
    kept = kept.subarray(kept.length);
  };

  return {
    write(chunk) {
      const bytes = kept.length === 0 ? chunk : Buffer.concat([kept, chunk]);
      kept = bytes.subarray(bytes.length);
      let count = 0;
      let printed = 0;
      for (let at = startOf(bytes, 0); at < bytes.length; ) {
        const record = recordAt(bytes, at, nowMs());
        if (record === "none") {
          at = startOf(bytes, at + 1);
          continue;
        }
        count += print(bytes, printed, at);
        if (record === "not whole") {
          kept = bytes.subarray(at);
          return count;
        }
        take(bytes, record);
        count++;
        printed = record.textEnd;
        at = startOf(bytes, printed);
      }
      return count + print(bytes, printed, bytes.length);
    },
    flush() {
      // A record is written at once: what is kept is one, unless that is not even its beginning.
      if (kept.length < START.length) printKept();
      lines.flush();
    },
    end() {
      printKept();
      parts.end();
      lines.flush();
    },
  };
}

/** Where a record may begin, from `from` on: the bytes' end where none does. */
function startOf(bytes: Buffer, from: number): number {
  const at = bytes.indexOf(START, from);
  if (at >= 0) return at;
  for (let cut = Math.max(from, bytes.length - START.length + 1); cut < bytes.length; cut++)
    if (START.subarray(0, bytes.length - cut).equals(bytes.subarray(cut))) return cut;
  return bytes.length;
}

function recordAt(bytes: Buffer, at: number, nowMs: number): Record | "none" | "not whole" {
  const present = bytes.length - at;
  if (present < UNTIMED_HEADER_BYTES) return "not whole";
  const type = bytes.readUInt32BE(at);
  const length = bytes.readUInt32BE(at + 4);
  if (!isType(type) || length > MAX_RECORD_BYTES) return "none";
  const headerBytes = type === UNTIMED_TYPE ? UNTIMED_HEADER_BYTES : HEADER_BYTES;
  if (present < headerBytes) return "not whole";
  const timestampMs =
    headerBytes === HEADER_BYTES ? Number(bytes.readBigUInt64BE(at + 8) / 1000n) : undefined;
  // The start script of extensions has no clock.
  if (timestampMs !== undefined && timestampMs !== 0 && Math.abs(timestampMs - nowMs) > MAX_AGE_MS)
    return "none";
  if (present < headerBytes + length) return "not whole";
  const textStart = at + headerBytes;
  return { type, timestampMs, textStart, textEnd: textStart + length };
}

/** Text or JSON with a level, or a part of it, text without a time, or what the start script tells. */
function isType(type: number): boolean {
  const kind = type & 0xff;
  return (kind < 2 * PART && (kind & 0x03) !== 0) || (kind & 0xfe) === 0xe0;
}

const isPart = (type: number): boolean => (type & 0xff & ~(PART - 1)) === PART;

import { isContinuationByte, LOG_EVENT_BYTES_MAX } from "../core/log-event-size.ts";

/**
 * AWS cuts a log event; a line without end goes on in the next one, so nothing is lost and memory stays bounded. The
 * newline that is put behind a piece has to fit as well.
 */
const MAX_LINE_BYTES = LOG_EVENT_BYTES_MAX - 1;

/** What a stream's bytes go through. */
interface LineSplitter {
  /** Returns how many lines were handed on. */
  write(chunk: Buffer): number;
  /** An unfinished last line (a process that dies in the middle of one). */
  flush(): void;
}

/** Splits a byte stream into lines and hands each on, newline included. */
export function splitLines(onLine: (line: string) => void): LineSplitter {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  const flush = (): void => {
    if (pendingBytes === 0) return;
    const [only] = pending;
    const bytes = only !== undefined && pending.length === 1 ? only : Buffer.concat(pending);
    const line = bytes.toString("utf8");
    pending = [];
    pendingBytes = 0;
    onLine(line.endsWith("\n") ? line : `${line}\n`);
  };
  const keep = (part: Buffer): void => {
    pending.push(part);
    pendingBytes += part.length;
  };
  return {
    write(chunk) {
      let from = 0;
      let count = 0;
      while (from < chunk.length) {
        const newline = chunk.indexOf(10, from);
        const end = newline < 0 ? chunk.length : newline + 1;
        const room = from + MAX_LINE_BYTES - pendingBytes;
        const cut = end <= room ? end : characterEnd(chunk, from, room);
        keep(chunk.subarray(from, cut));
        from = cut;
        if (cut === end && newline < 0) break;
        flush();
        count++;
      }
      return count;
    },
    flush,
  };
}

/** The last place up to `end` where no character is cut, as far as these bytes tell. */
function characterEnd(chunk: Buffer, from: number, end: number): number {
  let cut = end;
  while (cut > from && isContinuationByte(chunk[cut])) cut--;
  return cut > from ? cut : end;
}

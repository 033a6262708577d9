/** AWS cuts a log event at 256 KB; a line without end is cut there as well, so memory stays bounded. */
const MAX_LINE_BYTES = 262_144;

/**
 * Splits a byte stream into lines and hands each on, newline included. The returned function flushes an unfinished
 * last line (a process that dies in the middle of one).
 */
export function splitLines(onLine: (line: string) => void): { write(chunk: Buffer): void; flush(): void } {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  const flush = (): void => {
    if (pendingBytes === 0) return;
    const line = Buffer.concat(pending).toString("utf8");
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
      while (from < chunk.length) {
        const newline = chunk.indexOf(10, from);
        const end = newline < 0 ? chunk.length : newline + 1;
        const cut = Math.min(end, from + MAX_LINE_BYTES - pendingBytes);
        keep(chunk.subarray(from, cut));
        from = cut;
        if (cut === end && newline >= 0) flush();
        else if (pendingBytes >= MAX_LINE_BYTES) flush();
      }
    },
    flush,
  };
}

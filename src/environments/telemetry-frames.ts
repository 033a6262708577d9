import { type SupervisionEvent, supervisionEvent } from "./extension-launch.ts";

/**
 * The frames that managed runtimes write to _LAMBDA_TELEMETRY_LOG_FD, one log event each: 4 bytes type
 * (0xa55a0003 text or 0xa55a0002 JSON, with a level in the low bits), 4 bytes length, 8 bytes timestamp in
 * microseconds, then the message; all big-endian. Older clients, which functions may bring along, write 0xa55a0001 and
 * no timestamp.
 */
const HEADER_BYTES = 16;
const UNTIMED_HEADER_BYTES = 8;
const UNTIMED_TYPE = 0xa55a0001;
const MAGIC = 0xa55a;
const MAX_FRAME_BYTES = 1_048_576;

/**
 * Decodes frames; whatever is not a frame is given back as raw text, so nothing a function writes is lost. `write`
 * returns how many messages and events it was.
 */
export function decodeFrames(
  onMessage: (timestampMs: number | undefined, message: string) => void,
  onSupervision: (event: SupervisionEvent) => void = () => undefined,
): { write(chunk: Buffer): number } {
  let pending: Buffer = Buffer.alloc(0);
  return {
    write(chunk) {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      let count = 0;
      while (pending.length >= UNTIMED_HEADER_BYTES) {
        const isUntimed = pending.readUInt32BE(0) === UNTIMED_TYPE;
        const headerBytes = isUntimed ? UNTIMED_HEADER_BYTES : HEADER_BYTES;
        const length = pending.readUInt32BE(4);
        if (pending.readUInt16BE(0) !== MAGIC || length > MAX_FRAME_BYTES) {
          onMessage(undefined, pending.toString("utf8"));
          pending = Buffer.alloc(0);
          return count + 1;
        }
        if (pending.length < headerBytes + length) return count;
        const timestampMs = isUntimed ? undefined : Number(pending.readBigUInt64BE(8) / 1000n);
        const message = pending.toString("utf8", headerBytes, headerBytes + length);
        const event = supervisionEvent(pending.readUInt16BE(2), message);
        if (event === undefined) onMessage(timestampMs, message);
        else onSupervision(event);
        pending = pending.subarray(headerBytes + length);
        count++;
      }
      return count;
    },
  };
}

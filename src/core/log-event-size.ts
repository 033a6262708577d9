/** AWS: counted on top of every event's bytes. */
export const LOG_EVENT_OVERHEAD_BYTES = 26;

/** AWS: an event with its overhead is at most 256 KB; what is longer is cut. */
export const LOG_EVENT_BYTES_MAX = 256 * 1024 - LOG_EVENT_OVERHEAD_BYTES;

/** Whether a character of UTF-8 goes on with this byte: it must not be cut before it. */
export const isContinuationByte = (byte: number | undefined): boolean => ((byte ?? 0) & 0xc0) === 0x80;

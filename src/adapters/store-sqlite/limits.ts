import { TooLarge } from "../../ports/store.ts";

/** Of a value in the key-value store. */
const VALUE_BYTES_MAX = 1024 * 1024;
/** Of a job's body. */
export const JOB_BYTES_MAX = VALUE_BYTES_MAX + 64 * 1024;
const KEY_BYTES_MAX = 512;

/** Refuses what is not a key: throws `TypeError` for a malformed one, `TooLarge` for one above 512 bytes. */
export function checkKey(key: string): void {
  if (!key.isWellFormed() || key.split("/").includes("")) {
    throw new TypeError(`"${key}" is not a key: keys are non-empty segments with '/' between them`);
  }
  if (Buffer.byteLength(key) > KEY_BYTES_MAX) {
    throw new TooLarge(`a key has at most ${KEY_BYTES_MAX} bytes, this one begins "${key.slice(0, 64)}"`);
  }
}

/** Refuses a prefix that does not end at a segment's end: it would also match half a segment. */
export function checkPrefix(prefix: string): void {
  if (prefix !== "" && !prefix.endsWith("/")) {
    throw new TypeError(`"${prefix}" is not a prefix: prefixes are empty or end with '/'`);
  }
}

/**
 * A copy of bytes in a buffer of their own. The caller may go on using its array, and a message to another thread
 * would otherwise carry the whole buffer behind a view.
 */
export function ownBytes(bytes: Uint8Array, what: string, bytesMax = VALUE_BYTES_MAX): Uint8Array {
  if (bytes.byteLength > bytesMax) {
    throw new TooLarge(`${what} has ${bytes.byteLength} bytes, at most ${bytesMax} are stored`);
  }
  return new Uint8Array(bytes);
}

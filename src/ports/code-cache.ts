/**
 * Compiled code of functions, kept so that later environments need not compile again. A cache: what is in it may be gone
 * at any time, and is not written durably.
 */
export interface CodeCache {
  /** Bytes of what is kept under the name; undefined when there is nothing. Names: letters, digits and "-". */
  sizeBytes(name: string): number | undefined;
  /** Undefined when it is gone; counts as a use. */
  read(name: string): Promise<Uint8Array | undefined>;
  /** Keeps it, whole or not at all; what was used least recently goes when there is too much. */
  store(name: string, pack: Uint8Array): Promise<void>;
  /** Drops everything whose name begins so. */
  remove(namePrefix: string): Promise<void>;
}

/** A response of 6 MB and a pack of compiled code of 32 MB may be on their way at the same time. */
const HELD_BYTES_MAX = 40 * 1024 * 1024;

/**
 * What one environment has sent of bodies that are not whole yet, over all its connections. It lies in this process's
 * memory and not in the environment's, so that it has to have an end.
 */
export class UnfinishedBodies {
  #bytes = 0;

  /** Counts what has come. False: it is too much, and whoever sent it is not to be listened to any longer. */
  add(bytes: number): boolean {
    this.#bytes += bytes;
    return this.#bytes <= HELD_BYTES_MAX;
  }

  /** They are whole, or given up. */
  remove(bytes: number): void {
    this.#bytes -= bytes;
  }
}

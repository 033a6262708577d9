import { type Lease, type Leases, Unavailable } from "../../ports/store.ts";
import type { Writer } from "./writer.ts";

interface HeldLease {
  readonly holder: string;
  readonly epoch: bigint;
  readonly lost: AbortController;
}

/**
 * Leases of a store that one process has for itself: nobody can take a lease away, so it lasts until it is released
 * or the store is closed. Epochs come from the database and grow over restarts too.
 */
export class ProcessLeases implements Leases {
  /** Nothing here expires; this is what the clustered stores have, for callers that pace themselves by it. */
  readonly ttlMs = 20_000;
  readonly #writer: Writer;
  readonly #held = new Map<string, HeldLease>();
  /** Names whose epoch is being drawn. */
  readonly #reserved = new Set<string>();
  #closed = false;

  constructor(writer: Writer) {
    this.#writer = writer;
  }

  async acquire(name: string, holder: string): Promise<Lease | undefined> {
    if (this.#held.has(name) || this.#reserved.has(name)) {
      return undefined;
    }
    this.#reserved.add(name);
    try {
      const epoch = BigInt(await this.#writer.run("nextEpoch", {}));
      if (this.#closed) {
        throw new Unavailable("the store is closed");
      }
      const held: HeldLease = { holder, epoch, lost: new AbortController() };
      this.#held.set(name, held);
      return { name, epoch, lost: held.lost.signal, release: async () => this.#release(name, held) };
    } finally {
      this.#reserved.delete(name);
    }
  }

  async holder(name: string): Promise<{ holder: string; epoch: bigint } | undefined> {
    const held = this.#held.get(name);
    return held === undefined ? undefined : { holder: held.holder, epoch: held.epoch };
  }

  /** Another process may open the store afterwards, so every lease is lost. */
  close(): void {
    this.#closed = true;
    for (const [name, held] of this.#held) {
      this.#release(name, held);
      held.lost.abort();
    }
  }

  #release(name: string, held: HeldLease): void {
    if (this.#held.get(name) === held) {
      this.#held.delete(name);
    }
  }
}

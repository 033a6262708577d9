import type { Clock } from "../ports/clock.ts";
import type { CodeStore } from "../ports/code-store.ts";
import type { Logger } from "../ports/logger.ts";
import type { FunctionCatalogue } from "./function-catalogue.ts";
import type { LayerDirectory } from "./layer-directory.ts";

/** Longer than any invocation: environments of a retired deployment finish their last one on its code. */
const GRACE_MS = 20 * 60 * 1000;

/**
 * Removes packages that no function or layer refers to any more: at start those that a crash left behind, later those of
 * retired deployments after a grace time, in which environments that still use the unpacked code come to their end.
 */
export class CodeCollector {
  readonly #catalogue: FunctionCatalogue;
  readonly #layers: Pick<LayerDirectory, "codeHashes">;
  readonly #codeStore: CodeStore;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #scheduled = new Map<string, () => void>();
  #uploads = 0;

  constructor(dependencies: {
    readonly catalogue: FunctionCatalogue;
    readonly layers: Pick<LayerDirectory, "codeHashes">;
    readonly codeStore: CodeStore;
    readonly clock: Clock;
    readonly logger: Logger;
  }) {
    this.#catalogue = dependencies.catalogue;
    this.#codeStore = dependencies.codeStore;
    this.#clock = dependencies.clock;
    this.#logger = dependencies.logger;
    this.#layers = dependencies.layers;
    this.#catalogue.onDeploymentRetired(({ codeHashes }) => {
      for (const codeHash of codeHashes) this.consider(codeHash);
    });
  }

  /** Before anything runs: no grace time is needed. */
  async collectAtStart(): Promise<void> {
    const referenced = this.#referenced();
    for (const codeHash of await this.#codeStore.list()) {
      if (!referenced.has(codeHash)) await this.#codeStore.remove(codeHash);
    }
  }

  /**
   * Runs `upload`, between storing a package and storing the function that refers to it; nothing is collected
   * meanwhile, because the package would look unused.
   */
  async during<T>(upload: () => Promise<T>): Promise<T> {
    this.#uploads++;
    try {
      return await upload();
    } finally {
      this.#uploads--;
    }
  }

  /** Looks after the grace time whether the package is still in use. */
  consider(codeHash: string): void {
    if (this.#scheduled.has(codeHash)) return;
    this.#scheduled.set(
      codeHash,
      this.#clock.after(GRACE_MS, () => {
        this.#scheduled.delete(codeHash);
        this.#collect(codeHash);
      }),
    );
  }

  close(): void {
    for (const cancel of this.#scheduled.values()) cancel();
    this.#scheduled.clear();
  }

  #referenced(): Set<string> {
    const referenced = this.#catalogue.referencedCode();
    for (const codeHash of this.#layers.codeHashes()) referenced.add(codeHash);
    return referenced;
  }

  #collect(codeHash: string): void {
    if (this.#uploads > 0) {
      this.consider(codeHash);
      return;
    }
    if (this.#referenced().has(codeHash)) return;
    // The store does things with one package one after the other, so that an upload of the same one that begins now
    // finds it either whole or gone.
    this.#codeStore.remove(codeHash).catch((error: unknown) => {
      this.#logger.warn("an unused deployment package could not be removed", {
        codeHash,
        error: String(error),
      });
    });
  }
}

import type { Owner } from "../core/function-reference.ts";
import type { KeyValueStore } from "../ports/store.ts";
import {
  decodeLayer,
  LAYER_VERSION_PREFIX,
  type LayerVersionDocument,
  layerVersionKey,
} from "./layer-documents.ts";

/** Every layer version in memory, kept current by watching the store. */
export class LayerDirectory {
  readonly #versions = new Map<string, LayerVersionDocument>();
  #watch: { close(): Promise<void> } | undefined;

  /** Resolves when every stored version is known. */
  static async open(keyValue: KeyValueStore): Promise<LayerDirectory> {
    const directory = new LayerDirectory();
    const synced = Promise.withResolvers<void>();
    directory.#watch = await keyValue.watch(LAYER_VERSION_PREFIX, (change) => {
      if (change.type === "synced") synced.resolve();
      else if (change.type === "delete") directory.#versions.delete(change.key);
      else directory.#versions.set(change.entry.key, decodeLayer<LayerVersionDocument>(change.entry.value));
    });
    await synced.promise;
    return directory;
  }

  find(owner: Owner, layerName: string, version: number): LayerVersionDocument | undefined {
    return this.#versions.get(layerVersionKey({ ...ownerOf(owner), layerName }, version));
  }

  /** Newest first. */
  versions(owner: Owner, layerName: string): LayerVersionDocument[] {
    return this.#below(layerVersionKey({ ...ownerOf(owner), layerName }, 0).slice(0, -1)).sort(
      (a, b) => b.version - a.version,
    );
  }

  /** An owner's layer versions, of every layer. */
  all({ account, region }: Owner): LayerVersionDocument[] {
    return this.#below(`${LAYER_VERSION_PREFIX}${account}/${region}/`);
  }

  /** Hashes of the packages of all layer versions. */
  *codeHashes(): IterableIterator<string> {
    for (const { code } of this.#versions.values()) yield code.codeHash;
  }

  close(): Promise<void> {
    return this.#watch?.close() ?? Promise.resolve();
  }

  #below(prefix: string): LayerVersionDocument[] {
    return [...this.#versions].filter(([key]) => key.startsWith(prefix)).map(([, document]) => document);
  }
}

const ownerOf = ({ account, region }: Owner): Owner => ({ account, region });

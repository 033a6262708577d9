import type { Owner } from "../core/function-reference.ts";
import type { KeyValueStore } from "../ports/store.ts";
import { decodeMapping, MAPPING_PREFIX, type MappingDocument, mappingKey } from "./mapping-document.ts";

/** All mappings in memory, kept current by watching the store. */
export class MappingCatalogue {
  readonly #mappings = new Map<string, MappingDocument>();
  #watch: { close(): Promise<void> } | undefined;

  /** Resolves when everything stored is known; `changed` is told of that, too. */
  static async open(
    keyValue: KeyValueStore,
    listener: {
      readonly changed: (mapping: MappingDocument) => void;
      readonly removed: (mapping: MappingDocument) => void;
    },
  ): Promise<MappingCatalogue> {
    const catalogue = new MappingCatalogue();
    const mappings = catalogue.#mappings;
    const synced = Promise.withResolvers<void>();
    catalogue.#watch = await keyValue.watch(MAPPING_PREFIX, (change) => {
      if (change.type === "synced") synced.resolve();
      else if (change.type === "put") {
        const mapping = decodeMapping(change.entry.value);
        mappings.set(change.entry.key, mapping);
        listener.changed(mapping);
      } else {
        const mapping = mappings.get(change.key);
        mappings.delete(change.key);
        if (mapping !== undefined) listener.removed(mapping);
      }
    });
    await synced.promise;
    return catalogue;
  }

  close(): Promise<void> {
    return this.#watch?.close() ?? Promise.resolve();
  }

  find({ account, region }: Owner, uuid: string): MappingDocument | undefined {
    return this.#mappings.get(mappingKey({ account, region, uuid }));
  }

  /** Of one account and region, in order of their UUIDs. */
  of({ account, region }: Owner): MappingDocument[] {
    const prefix = mappingKey({ account, region, uuid: "" });
    return [...this.#mappings]
      .filter(([key]) => key.startsWith(prefix))
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([, mapping]) => mapping);
  }

  all(): IterableIterator<MappingDocument> {
    return this.#mappings.values();
  }
}

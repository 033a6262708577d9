import { AwsError, invalidParameterValue, resourceConflict, resourceNotFound } from "../core/errors.ts";
import { FUNCTION_LIMITS } from "../core/function-limits.ts";
import type { Caller, Owner } from "../core/function-reference.ts";
import { type LayerReference, layerArn, layerReference, parseLayerArn } from "../core/layer-arn.ts";
import type { Clock } from "../ports/clock.ts";
import type { CodeStore } from "../ports/code-store.ts";
import { Conflict, type KeyValueStore } from "../ports/store.ts";
import type { CodeCollector } from "./code-collector.ts";
import type { Page, PageRequest } from "./function-directory.ts";
import type { LayerDirectory } from "./layer-directory.ts";
import {
  decodeLayer,
  encodeLayer,
  type LayerDocument,
  type LayerVersionDocument,
  layerKey,
  layerVersionKey,
} from "./layer-documents.ts";
import { GET_LAYER_VERSION, mayUseLayer, notAuthorized } from "./layer-use.ts";
import { pageOf } from "./page-of.ts";

export interface LayerPublication {
  /** Name or ARN. */
  readonly reference: string;
  readonly zip: Uint8Array;
  readonly description: string | undefined;
  readonly licenseInfo: string | undefined;
  readonly compatibleRuntimes: readonly string[];
  readonly compatibleArchitectures: readonly string[];
}

/** Which layer versions a list shows; a layer that says nothing of its compatibility is shown without a filter only. */
export interface LayerFilter {
  readonly runtime: string | undefined;
  readonly architecture: string | undefined;
}

interface Dependencies {
  readonly keyValue: KeyValueStore;
  readonly directory: LayerDirectory;
  readonly codeStore: CodeStore;
  readonly collector: CodeCollector;
  readonly clock: Clock;
}

const ATTEMPTS_MAX = 20;

/** Layers and their versions. */
export class Layers {
  readonly #dependencies: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
  }

  async publish(owner: Caller, asked: LayerPublication): Promise<LayerVersionDocument> {
    const { codeStore, collector, clock, keyValue } = this.#dependencies;
    const { account, region, layerName } = ownLayer(owner, asked.reference, "lambda:PublishLayerVersion");
    if (asked.zip.byteLength > FUNCTION_LIMITS.zippedBytesMax) {
      throw new AwsError(
        "RequestEntityTooLargeException",
        `Zipped size must be smaller than ${FUNCTION_LIMITS.zippedBytesMax} bytes`,
        413,
      );
    }
    return collector.during(async () => {
      const code = await codeStore.add(asked.zip);
      const document: LayerVersionDocument = {
        schema: 1,
        account,
        region,
        layerName,
        version: await this.#nextVersion({ account, region, layerName }),
        code,
        description: asked.description ?? "",
        ...(asked.licenseInfo !== undefined && { licenseInfo: asked.licenseInfo }),
        compatibleRuntimes: asked.compatibleRuntimes,
        compatibleArchitectures: asked.compatibleArchitectures,
        createdMs: clock.nowMs(),
      };
      await keyValue.create(layerVersionKey(document, document.version), encodeLayer(document));
      return document;
    });
  }

  /** `reference`: the layer's name or ARN, of another account as far as the version's policy lets the owner in. */
  get(owner: Caller, reference: string, version: number): LayerVersionDocument {
    checkVersion(version);
    const layer = layerReference(owner, reference);
    const found = this.#dependencies.directory.find(layer, layer.layerName, version);
    const isOwn = layer.account === owner.account && layer.region === owner.region;
    // AWS: whether another account's version exists is not told to those who may not use it.
    if (!isOwn && (found === undefined || !mayUseLayer(found, owner.account)))
      throw notAuthorized(owner, GET_LAYER_VERSION, layerArn(layer, version));
    if (found === undefined) throw resourceNotFound("The resource you requested does not exist.");
    return found;
  }

  /** A version of the owner's own, for `action` on its policy. */
  getOwn(owner: Caller, reference: string, version: number, action: string): LayerVersionDocument {
    checkVersion(version);
    const layer = ownLayer(owner, reference, action, version);
    const found = this.#dependencies.directory.find(layer, layer.layerName, version);
    if (found === undefined)
      throw resourceNotFound(`Layer version ${layerArn(layer, version)} does not exist.`);
    return found;
  }

  getByArn(owner: Caller, arn: string): LayerVersionDocument {
    const layer = parseLayerArn(arn);
    if (layer?.version === undefined) throw resourceNotFound("The resource you requested does not exist.");
    return this.get(owner, arn.slice(0, arn.lastIndexOf(":")), layer.version);
  }

  /** The newest version of each layer that the filter lets through, in order of the names. */
  list(owner: Owner, filter: LayerFilter, page: PageRequest): Page<LayerVersionDocument> {
    const newest = new Map<string, LayerVersionDocument>();
    for (const version of this.#dependencies.directory.all(owner)) {
      const known = newest.get(version.layerName);
      if (!isCompatible(version, filter) || (known !== undefined && known.version > version.version))
        continue;
      newest.set(version.layerName, version);
    }
    const sorted = [...newest.values()].sort((a, b) => (a.layerName < b.layerName ? -1 : 1));
    return pageOf(sorted, ({ layerName }) => layerName, page);
  }

  /** Newest first. */
  listVersions(
    owner: Caller,
    reference: string,
    filter: LayerFilter,
    page: PageRequest,
  ): Page<LayerVersionDocument> {
    const layer = ownLayer(owner, reference, "lambda:ListLayerVersions");
    const versions = this.#dependencies.directory
      .versions(layer, layer.layerName)
      .filter((version) => isCompatible(version, filter));
    // Counted down, so that the order of the markers is that of the list.
    return pageOf(versions, ({ version }) => String(1e12 - version), page);
  }

  /** AWS: deleting what does not exist succeeds, and functions that use the version go on using it. */
  async remove(owner: Caller, reference: string, version: number): Promise<void> {
    const { keyValue, directory, collector } = this.#dependencies;
    checkVersion(version);
    const layer = ownLayer(owner, reference, "lambda:DeleteLayerVersion", version);
    const found = directory.find(layer, layer.layerName, version);
    await keyValue.delete(layerVersionKey(layer, version));
    if (found !== undefined) collector.consider(found.code.codeHash);
  }

  /** Applies `decide` to a version until it is stored without a race. */
  async change(
    { layerName, version, ...owner }: LayerVersionDocument,
    decide: (current: LayerVersionDocument) => LayerVersionDocument,
  ): Promise<void> {
    const { keyValue } = this.#dependencies;
    const key = layerVersionKey({ account: owner.account, region: owner.region, layerName }, version);
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const entry = await keyValue.get(key);
      if (entry === undefined) throw resourceNotFound("The resource you requested does not exist.");
      try {
        await keyValue.update(key, encodeLayer(decide(decodeLayer(entry.value))), entry.revision);
        return;
      } catch (error) {
        if (!(error instanceof Conflict)) throw error;
      }
    }
    throw resourceConflict(`Layer ${layerName} is being changed by many callers.`);
  }

  async #nextVersion(layer: Owner & { readonly layerName: string }): Promise<number> {
    const { keyValue } = this.#dependencies;
    const key = layerKey(layer);
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const entry = await keyValue.get(key);
      const version = entry === undefined ? 1 : decodeLayer<LayerDocument>(entry.value).nextVersion;
      const next = encodeLayer({ schema: 1, ...layer, nextVersion: version + 1 });
      try {
        if (entry === undefined) await keyValue.create(key, next);
        else await keyValue.update(key, next, entry.revision);
        return version;
      } catch (error) {
        if (!(error instanceof Conflict)) throw error;
      }
    }
    throw resourceConflict(`Layer ${layer.layerName} is being published by many callers.`);
  }
}

function isCompatible(version: LayerVersionDocument, { runtime, architecture }: LayerFilter): boolean {
  return (
    (runtime === undefined || version.compatibleRuntimes.includes(runtime)) &&
    (architecture === undefined || version.compatibleArchitectures.includes(architecture))
  );
}

/** AWS: a layer's policy can let other accounts use a version, and nothing else. */
function ownLayer(owner: Caller, reference: string, action: string, version?: number): LayerReference {
  const layer = layerReference(owner, reference);
  if (layer.account !== owner.account || layer.region !== owner.region)
    throw notAuthorized(owner, action, layerArn(layer, version));
  return layer;
}

function checkVersion(version: number): void {
  if (version < 1) throw invalidParameterValue("Layer Version Cannot be less than 1");
}

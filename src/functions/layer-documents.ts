import type { Owner } from "../core/function-reference.ts";
import type { StoredCode } from "../ports/code-store.ts";
import type { Key } from "../ports/store.ts";
import type { StoredStatement } from "./permission-statement.ts";

/** Which version numbers of a layer have been given out; it outlives its versions, as numbers are never given twice. */
export interface LayerDocument extends Owner {
  readonly schema: 1;
  readonly layerName: string;
  readonly nextVersion: number;
}

export interface LayerVersionDocument extends Owner {
  readonly schema: 1;
  readonly layerName: string;
  readonly version: number;
  readonly code: StoredCode;
  readonly description: string;
  readonly licenseInfo?: string;
  readonly compatibleRuntimes: readonly string[];
  readonly compatibleArchitectures: readonly string[];
  readonly createdMs: number;
  readonly policy?: { readonly statements: readonly StoredStatement[]; readonly revisionId: string };
}

export const LAYER_PREFIX = "layer/";
export const LAYER_VERSION_PREFIX = "layer-version/";

type LayerName = Owner & { readonly layerName: string };

export const layerKey = ({ account, region, layerName }: LayerName): Key =>
  `${LAYER_PREFIX}${account}/${region}/${layerName}`;

export const layerVersionKey = ({ account, region, layerName }: LayerName, version: number): Key =>
  `${LAYER_VERSION_PREFIX}${account}/${region}/${layerName}/${version}`;

export const encodeLayer = (document: LayerDocument | LayerVersionDocument): Uint8Array =>
  Buffer.from(JSON.stringify(document));

/** Throws when the document was written by a newer version of Lambent. */
export function decodeLayer<D extends LayerDocument | LayerVersionDocument>(value: Uint8Array): D {
  const document = JSON.parse(Buffer.from(value).toString()) as D;
  if (document.schema !== 1)
    throw new Error(`a layer document has schema ${String(document.schema)}, this version reads schema 1`);
  return document;
}

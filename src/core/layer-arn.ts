import type { Owner } from "./function-reference.ts";

/** A layer, with or without a version's number. */
export interface LayerReference extends Owner {
  readonly layerName: string;
  readonly version: number | undefined;
}

const ARN = /^arn:aws[a-zA-Z-]*:lambda:([a-z0-9-]+):(\d{12}):layer:([a-zA-Z0-9-_]+)(?::(\d+))?$/;

/** arn:aws:lambda:REGION:ACCOUNT:layer:NAME[:VERSION] */
export function layerArn(
  { account, region, layerName }: Owner & { readonly layerName: string },
  version?: number,
): string {
  const base = `arn:aws:lambda:${region}:${account}:layer:${layerName}`;
  return version === undefined ? base : `${base}:${version}`;
}

/** Undefined when the text is not the ARN of a layer. */
export function parseLayerArn(text: string): LayerReference | undefined {
  const [, region, account, layerName, version] = ARN.exec(text) ?? [];
  if (region === undefined || account === undefined || layerName === undefined) return undefined;
  return { account, region, layerName, version: version === undefined ? undefined : Number(version) };
}

/** A layer by its name or ARN, as the owner's unless the ARN says otherwise. */
export function layerReference(owner: Owner, reference: string): LayerReference {
  const { account, region } = owner;
  return parseLayerArn(reference) ?? { account, region, layerName: reference, version: undefined };
}

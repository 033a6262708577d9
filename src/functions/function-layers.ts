import { invalidParameterValue } from "../core/errors.ts";
import { FUNCTION_LIMITS } from "../core/function-limits.ts";
import type { Caller } from "../core/function-reference.ts";
import { layerArn, parseLayerArn } from "../core/layer-arn.ts";
import type { StoredCode } from "../ports/code-store.ts";
import type { FunctionLayer } from "./documents.ts";
import type { LayerDirectory } from "./layer-directory.ts";
import { GET_LAYER_VERSION, mayUseLayer, notAuthorized } from "./layer-use.ts";

const LAYERS_MAX = 5;

/** The layer versions that a function is to have, in their order. Throws AWS's errors. */
export function functionLayers(
  owner: Caller,
  arns: readonly string[],
  directory: LayerDirectory,
): FunctionLayer[] {
  if (arns.length > LAYERS_MAX)
    throw invalidParameterValue(`Cannot reference more than ${LAYERS_MAX} layers.`);
  const seen = new Map<string, string>();
  return arns.map((arn) => {
    const layer = parseLayerArn(arn);
    if (layer?.version === undefined) throw invalidParameterValue(`Layer version ${arn} does not exist.`);
    if (layer.region !== owner.region)
      throw invalidParameterValue(
        `Layers are not in the same region as the function. Layers are expected to be in region ${owner.region}.`,
      );
    const base = layerArn(layer);
    const other = seen.get(base);
    if (other !== undefined)
      throw invalidParameterValue(
        `Two different versions of the same layer are not allowed to be referenced in the same function. ${other} and ${arn} are versions of the same layer.`,
      );
    seen.set(base, arn);
    const version = directory.find(layer, layer.layerName, layer.version);
    if (version === undefined || !mayUseLayer(version, owner.account)) {
      if (layer.account === owner.account)
        throw invalidParameterValue(`Layer version ${arn} does not exist.`);
      throw notAuthorized(owner, GET_LAYER_VERSION, arn);
    }
    return { arn, code: version.code };
  });
}

/** AWS: code and layers together have the limit that code alone has. */
export function checkUnzippedSize(code: StoredCode, layers: readonly FunctionLayer[] | undefined): void {
  if (layers === undefined || layers.length === 0) return;
  const bytes = layers.reduce((sum, layer) => sum + layer.code.unzippedBytes, code.unzippedBytes);
  if (bytes > FUNCTION_LIMITS.unzippedBytesMax)
    throw invalidParameterValue(
      `Function code combined with layers exceeds the maximum allowed size of ${FUNCTION_LIMITS.unzippedBytesMax} bytes. The actual size is ${bytes} bytes.`,
    );
}

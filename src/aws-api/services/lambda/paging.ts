import type { Page, PageRequest } from "../../../functions/function-directory.ts";

/** `Marker` and `MaxItems` of a list operation. AWS treats an empty marker as none. */
export const pageRequest = (input: {
  readonly Marker?: string | undefined;
  readonly MaxItems?: number | undefined;
}): PageRequest => ({ marker: input.Marker || undefined, maxItems: input.MaxItems });

/** `NextMarker`, present only when there is more. */
export const nextMarker = ({ nextMarker: marker }: Page<unknown>): { NextMarker?: string } =>
  marker === undefined ? {} : { NextMarker: marker };

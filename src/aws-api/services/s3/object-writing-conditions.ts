import { notImplemented } from "../../../objects/object-errors.ts";

/** AWS: a write may ask that there be nothing yet, not that there be no particular thing. */
export function onlyAnything(ifNoneMatch: string | undefined): string | undefined {
  if (ifNoneMatch !== undefined && ifNoneMatch !== "*")
    throw notImplemented("If-None-Match with an ETag on a write");
  return ifNoneMatch;
}

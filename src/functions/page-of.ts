import { FUNCTION_LIMITS } from "../core/function-limits.ts";
import type { Page, PageRequest } from "./function-directory.ts";

/** A page of a list that is sorted by `nameOf`; markers are opaque and name the last item of the page before. */
export function pageOf<T>(all: readonly T[], nameOf: (item: T) => string, page: PageRequest): Page<T> {
  const after = page.marker === undefined ? undefined : Buffer.from(page.marker, "base64url").toString();
  const remaining = all.filter((item) => after === undefined || nameOf(item) > after);
  const items = remaining.slice(0, page.maxItems ?? FUNCTION_LIMITS.pageSizeDefault);
  const last = items.at(-1);
  const more = remaining.length > items.length && last !== undefined;
  return { items, nextMarker: more ? Buffer.from(nameOf(last)).toString("base64url") : undefined };
}

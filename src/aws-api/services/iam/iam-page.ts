import { AwsError } from "../../../core/errors.ts";

const ITEMS_DEFAULT = 100;

export interface Page<T> {
  readonly items: readonly T[];
  readonly paging: { readonly IsTruncated: boolean; readonly Marker?: string };
}

/** One page of a sorted list as IAM pages: `Marker` names the last item of the page before. */
export function iamPage<T>(
  all: readonly T[],
  nameOf: (item: T) => string,
  request: { Marker?: string | undefined; MaxItems?: number | undefined },
): Page<T> {
  const start = request.Marker === undefined ? 0 : indexAfter(all, nameOf, readMarker(request.Marker));
  const items = all.slice(start, start + (request.MaxItems ?? ITEMS_DEFAULT));
  const last = items.at(-1);
  const isTruncated = start + items.length < all.length;
  return {
    items,
    paging:
      isTruncated && last !== undefined
        ? { IsTruncated: true, Marker: Buffer.from(JSON.stringify([nameOf(last)])).toString("base64") }
        : { IsTruncated: false },
  };
}

/** Items that were removed meanwhile do not matter: the page goes on behind where the name would stand. */
function indexAfter<T>(all: readonly T[], nameOf: (item: T) => string, name: string): number {
  const position = name.toLowerCase();
  const index = all.findIndex((item) => nameOf(item).toLowerCase() > position);
  return index < 0 ? all.length : index;
}

function readMarker(marker: string): string {
  try {
    const [name] = JSON.parse(Buffer.from(marker, "base64").toString("utf8")) as unknown[];
    if (typeof name === "string") return name;
  } catch {
    // Falls through to the refusal: a marker that was not made here.
  }
  throw new AwsError("ValidationError", "Invalid Marker.", 400);
}

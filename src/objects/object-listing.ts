import type { BucketContents } from "./bucket-contents.ts";
import { afterPrefix, compareKeys, firstIndex } from "./key-order.ts";
import type { ObjectVersion, StoredObject } from "./object-version.ts";

export interface ListingRequest {
  readonly prefix: string;
  /** "": none. */
  readonly delimiter: string;
  /** Keys and common prefixes after this one; "" begins at the first. */
  readonly after: string;
  readonly max: number;
}

export interface Listing<T> {
  readonly entries: readonly T[];
  readonly commonPrefixes: readonly string[];
  readonly isTruncated: boolean;
  /** The last key or common prefix listed, where there is more. */
  readonly last: string | undefined;
}

/** One step of a walk over keys: a key, or all keys that share a prefix. */
type Step = { readonly key: string } | { readonly commonPrefix: string };

/** Keys, and common prefixes in place of those below them, in AWS's order. */
function* steps(contents: BucketContents, { prefix, delimiter, after }: ListingRequest): Generator<Step> {
  const keys = contents.sortedKeys();
  let at = Math.max(
    firstIndex(keys, (key) => compareKeys(key, prefix) >= 0),
    firstIndex(keys, (key) => compareKeys(key, after) > 0),
  );
  // A common prefix that was listed stands for everything below it.
  if (
    delimiter !== "" &&
    after.endsWith(delimiter) &&
    after.length > prefix.length &&
    keys[at]?.startsWith(after)
  )
    at = afterPrefix(keys, at, after);
  while (at < keys.length) {
    const key = keys[at] ?? "";
    if (!key.startsWith(prefix)) return;
    const cut = delimiter === "" ? -1 : key.indexOf(delimiter, prefix.length);
    if (cut < 0) {
      yield { key };
      at++;
      continue;
    }
    const commonPrefix = key.slice(0, cut + delimiter.length);
    const end = afterPrefix(keys, at, commonPrefix);
    // Keys whose latest version is a delete marker make no prefix: those who list look whether there is any other.
    yield { commonPrefix };
    at = end;
  }
}

const latestObject = (contents: BucketContents, key: string): StoredObject | undefined => {
  const latest = contents.latest(key);
  return latest?.isDeleteMarker ? undefined : latest;
};

/** The objects that ListObjects lists. */
export function listObjects(contents: BucketContents, request: ListingRequest): Listing<StoredObject> {
  const entries: StoredObject[] = [];
  const commonPrefixes: string[] = [];
  let last: string | undefined;
  for (const step of steps(contents, request)) {
    const object = "key" in step ? latestObject(contents, step.key) : undefined;
    if ("key" in step ? object === undefined : !hasObjectBelow(contents, step.commonPrefix)) continue;
    if (entries.length + commonPrefixes.length >= request.max)
      return { entries, commonPrefixes, isTruncated: request.max > 0, last };
    if ("key" in step) {
      if (object) entries.push(object);
      last = step.key;
    } else {
      commonPrefixes.push(step.commonPrefix);
      last = step.commonPrefix;
    }
  }
  return { entries, commonPrefixes, isTruncated: false, last: undefined };
}

function hasObjectBelow(contents: BucketContents, prefix: string): boolean {
  const keys = contents.sortedKeys();
  let at = firstIndex(keys, (key) => compareKeys(key, prefix) >= 0);
  for (; keys[at]?.startsWith(prefix); at++) if (latestObject(contents, keys[at] ?? "")) return true;
  return false;
}

export interface ListedVersion {
  readonly version: ObjectVersion;
  readonly isLatest: boolean;
}

export interface VersionListing extends Listing<ListedVersion> {
  readonly lastVersionId: string | undefined;
}

/** All versions, the newest of each key first; `afterVersionId` continues within the key `after`. */
export function listVersions(
  contents: BucketContents,
  request: ListingRequest & { readonly afterVersionId: string },
): VersionListing {
  const { max, after, afterVersionId, prefix } = request;
  const entries: ListedVersion[] = [];
  const commonPrefixes: string[] = [];
  let last: string | undefined;
  let lastVersionId: string | undefined;
  const isFull = (): boolean => entries.length + commonPrefixes.length >= max;
  const truncated = (): VersionListing => ({
    entries,
    commonPrefixes,
    isTruncated: max > 0,
    last,
    lastVersionId,
  });
  const take = (key: string, afterId: string): boolean => {
    const versions = contents.versions.get(key) ?? [];
    const start = afterId === "" ? 0 : versions.findIndex(({ versionId }) => versionId === afterId) + 1;
    for (const [index, version] of versions.entries()) {
      if (index < start) continue;
      if (isFull()) return false;
      entries.push({ version, isLatest: index === 0 });
      last = key;
      lastVersionId = version.versionId;
    }
    return true;
  };
  if (afterVersionId !== "" && after.startsWith(prefix) && !take(after, afterVersionId)) return truncated();
  for (const step of steps(contents, request)) {
    if ("key" in step) {
      if (!take(step.key, "")) return truncated();
      continue;
    }
    if (isFull()) return truncated();
    commonPrefixes.push(step.commonPrefix);
    last = step.commonPrefix;
    lastVersionId = undefined;
  }
  return { entries, commonPrefixes, isTruncated: false, last: undefined, lastVersionId: undefined };
}

import { AwsError } from "../core/errors.ts";
import { noSuchKey, preconditionFailed } from "./object-errors.ts";
import type { ObjectVersion, StoredObject } from "./object-version.ts";

/** The conditions of RFC 9110 that S3 knows, as a request has them. */
export interface Conditions {
  readonly ifMatch?: string | undefined;
  readonly ifNoneMatch?: string | undefined;
  readonly ifModifiedSince?: Date | undefined;
  readonly ifUnmodifiedSince?: Date | undefined;
}

const namesEtag = (condition: string, etag: string): boolean =>
  condition.split(",").some((part) => {
    const name = part.trim().replace(/^W\//, "").replaceAll('"', "");
    return name === "*" || name === etag;
  });

/** HTTP's dates have no fractions of a second. */
const seconds = (instantMs: number): number => Math.floor(instantMs / 1000);

/** Throws PreconditionFailed, or a 304 that has no body, for a reading whose conditions do not hold. */
export function checkReading(object: StoredObject, conditions: Conditions): void {
  const failed = failedCondition(object, conditions);
  if (failed === "If-None-Match" || failed === "If-Modified-Since")
    throw new AwsError("NotModified", "Not Modified", 304);
  if (failed !== undefined) throw preconditionFailed(failed);
}

/** The same for the source of a copy, where every failure is PreconditionFailed. */
export function checkCopySource(object: StoredObject, conditions: Conditions): void {
  const failed = failedCondition(object, conditions);
  if (failed !== undefined) throw preconditionFailed(`x-amz-copy-source-${failed}`);
}

function failedCondition(
  { etag, modifiedMs }: StoredObject,
  { ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince }: Conditions,
): string | undefined {
  const changedAfter = (date: Date): boolean => seconds(modifiedMs) > seconds(date.getTime());
  if (ifMatch !== undefined) {
    if (!namesEtag(ifMatch, etag)) return "If-Match";
  } else if (ifUnmodifiedSince !== undefined && changedAfter(ifUnmodifiedSince)) return "If-Unmodified-Since";
  if (ifNoneMatch !== undefined) return namesEtag(ifNoneMatch, etag) ? "If-None-Match" : undefined;
  if (ifModifiedSince !== undefined && !changedAfter(ifModifiedSince)) return "If-Modified-Since";
  return undefined;
}

/** Throws for a write or delete whose conditions on the latest version do not hold. */
export function checkWriting(
  key: string,
  latest: ObjectVersion | undefined,
  { ifMatch, ifNoneMatch }: Conditions,
): void {
  const existing = latest?.isDeleteMarker ? undefined : latest;
  if (ifNoneMatch !== undefined && existing && namesEtag(ifNoneMatch, existing.etag))
    throw preconditionFailed("If-None-Match");
  if (ifMatch === undefined) return;
  if (existing === undefined) throw noSuchKey(key);
  if (!namesEtag(ifMatch, existing.etag)) throw preconditionFailed("If-Match");
}

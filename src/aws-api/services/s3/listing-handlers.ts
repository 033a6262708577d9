import type * as s3 from "@aws-sdk/client-s3";
import { invalidArgument } from "../../../objects/object-errors.ts";
import { listObjects, listVersions } from "../../../objects/object-listing.ts";
import type { StoredObject } from "../../../objects/object-version.ts";
import type { Handlers } from "../../protocol/handlers.ts";
import { bucketOf, ownerOf, quoted, type S3Parts } from "./request-access.ts";
import { refuseUnsupported } from "./unsupported.ts";

const KEYS_MAX = 1000;

/** How names are written in an answer: percent-encoded where the request asks for it. */
export function encodedFor(encodingType: string | undefined): (text: string) => string {
  if (encodingType === undefined) return (text) => text;
  if (encodingType !== "url")
    throw invalidArgument("Invalid Encoding Method specified in Request", "encoding-type", encodingType);
  return (text) => encodeURIComponent(text).replaceAll("%2F", "/");
}

function maxOf(maxKeys: number | undefined): number {
  if (maxKeys === undefined) return KEYS_MAX;
  if (!Number.isInteger(maxKeys) || maxKeys < 0)
    throw invalidArgument(
      "Argument maxKeys must be an integer between 0 and 2147483647",
      "maxKeys",
      String(maxKeys),
    );
  return Math.min(maxKeys, KEYS_MAX);
}

function listed(object: StoredObject, encode: (text: string) => string): s3._Object {
  const { key, modifiedMs, etag, sizeBytes, storageClass, checksums, checksumType } = object;
  return {
    Key: encode(key),
    LastModified: new Date(modifiedMs),
    ETag: quoted(etag),
    ChecksumAlgorithm: Object.keys(checksums) as s3.ChecksumAlgorithm[],
    ChecksumType: checksumType,
    Size: sizeBytes,
    StorageClass: storageClass as s3.ObjectStorageClass,
  };
}

const tokenOf = (key: string): string => Buffer.from(key).toString("base64");

function keyOfToken(token: string): string {
  const key = Buffer.from(token, "base64").toString();
  if (token === "" || tokenOf(key) !== token)
    throw invalidArgument("The continuation token provided is incorrect", "continuation-token", token);
  return key;
}

/** What lists objects and their versions. */
export function listingHandlers(parts: S3Parts) {
  return { ...objectListingHandlers(parts), ...versionListingHandlers(parts) };
}

/** Objects, in both versions of the operation. */
function objectListingHandlers(parts: S3Parts) {
  const { objects } = parts;
  return {
    async ListObjects(input, context) {
      refuseUnsupported(input);
      const bucket = bucketOf(parts, input, context);
      const encode = encodedFor(input.EncodingType);
      const { Prefix: prefix = "", Delimiter: delimiter = "", Marker: marker = "" } = input;
      const max = maxOf(input.MaxKeys);
      const listing = listObjects(await objects.contents(bucket), { prefix, delimiter, after: marker, max });
      return {
        Name: bucket.name,
        Prefix: encode(prefix),
        Marker: encode(marker),
        MaxKeys: max,
        IsTruncated: listing.isTruncated,
        EncodingType: input.EncodingType,
        ...(delimiter !== "" && { Delimiter: encode(delimiter) }),
        // AWS: without a delimiter the last key is the marker.
        ...(delimiter !== "" && listing.last !== undefined && { NextMarker: encode(listing.last) }),
        Contents: listing.entries.map((each) => ({ ...listed(each, encode), Owner: ownerOf(each.account) })),
        CommonPrefixes: listing.commonPrefixes.map((each) => ({ Prefix: encode(each) })),
      };
    },
    async ListObjectsV2(input, context) {
      refuseUnsupported(input);
      const bucket = bucketOf(parts, input, context);
      const encode = encodedFor(input.EncodingType);
      const { Prefix: prefix = "", Delimiter: delimiter = "", StartAfter: startAfter = "" } = input;
      const token = input.ContinuationToken;
      const after = token === undefined ? startAfter : keyOfToken(token);
      const max = maxOf(input.MaxKeys);
      const listing = listObjects(await objects.contents(bucket), { prefix, delimiter, after, max });
      return {
        Name: bucket.name,
        Prefix: encode(prefix),
        MaxKeys: max,
        KeyCount: listing.entries.length + listing.commonPrefixes.length,
        IsTruncated: listing.isTruncated,
        EncodingType: input.EncodingType,
        ContinuationToken: token,
        ...(delimiter !== "" && { Delimiter: encode(delimiter) }),
        ...(startAfter !== "" && { StartAfter: encode(startAfter) }),
        ...(listing.last !== undefined && { NextContinuationToken: tokenOf(listing.last) }),
        Contents: listing.entries.map((each) => ({
          ...listed(each, encode),
          ...(input.FetchOwner === true && { Owner: ownerOf(each.account) }),
        })),
        CommonPrefixes: listing.commonPrefixes.map((each) => ({ Prefix: encode(each) })),
      };
    },
  } satisfies Handlers<typeof s3>;
}

/** Every version. */
function versionListingHandlers(parts: S3Parts) {
  const { objects } = parts;
  return {
    async ListObjectVersions(input, context) {
      refuseUnsupported(input);
      const bucket = bucketOf(parts, input, context);
      const encode = encodedFor(input.EncodingType);
      const { Prefix: prefix = "", Delimiter: delimiter = "", KeyMarker: after = "" } = input;
      const afterVersionId = input.VersionIdMarker ?? "";
      if (afterVersionId !== "" && after === "")
        throw invalidArgument(
          "A version-id marker cannot be specified without a key marker.",
          "version-id-marker",
          afterVersionId,
        );
      const max = maxOf(input.MaxKeys);
      const request = { prefix, delimiter, after, afterVersionId, max };
      const listing = listVersions(await objects.contents(bucket), request);
      const versions: s3.ObjectVersion[] = [];
      const markers: s3.DeleteMarkerEntry[] = [];
      for (const { version, isLatest } of listing.entries) {
        const common = { VersionId: version.versionId, IsLatest: isLatest, Owner: ownerOf(version.account) };
        if (version.isDeleteMarker)
          markers.push({ ...common, Key: encode(version.key), LastModified: new Date(version.modifiedMs) });
        else {
          const { StorageClass: _, ...members } = listed(version, encode);
          versions.push({ ...members, ...common, StorageClass: "STANDARD" });
        }
      }
      return {
        Name: bucket.name,
        Prefix: encode(prefix),
        KeyMarker: encode(after),
        VersionIdMarker: afterVersionId,
        MaxKeys: max,
        IsTruncated: listing.isTruncated,
        EncodingType: input.EncodingType,
        ...(delimiter !== "" && { Delimiter: encode(delimiter) }),
        ...(listing.last !== undefined && { NextKeyMarker: encode(listing.last) }),
        ...(listing.lastVersionId !== undefined && { NextVersionIdMarker: listing.lastVersionId }),
        Versions: versions,
        DeleteMarkers: markers,
        CommonPrefixes: listing.commonPrefixes.map((each) => ({ Prefix: encode(each) })),
      };
    },
  } satisfies Handlers<typeof s3>;
}

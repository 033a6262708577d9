import { Readable } from "node:stream";
import type * as s3 from "@aws-sdk/client-s3";
import { AwsError } from "../../../core/errors.ts";
import type { Bucket } from "../../../objects/bucket.ts";
import { checkReading } from "../../../objects/conditions.ts";
import { noSuchKey } from "../../../objects/object-errors.ts";
import { type ByteRange, rangeOfPart, readRange } from "../../../objects/object-reading.ts";
import type { ObjectVersion, StoredObject } from "../../../objects/object-version.ts";
import type { Handlers, Input, RequestContext } from "../../protocol/handlers.ts";
import { headerMembers } from "./object-description.ts";
import { bucketOf, checksumMembers, keyOf, quoted, type S3Parts, versionOf } from "./request-access.ts";
import { refuseUnsupported } from "./unsupported.ts";

type Reading = Input<typeof s3, "GetObject"> | Input<typeof s3, "HeadObject">;

const wholeOf = ({ sizeBytes }: StoredObject): ByteRange => ({ start: 0, end: sizeBytes - 1 });
const PARTS_MAX = 1000;

/** GetObject, HeadObject and GetObjectAttributes. */
export function objectReadingHandlers(parts: S3Parts) {
  const { objects } = parts;
  return {
    async GetObject(input, context) {
      refuseUnsupported(input);
      const bucket = bucketOf(parts, input, context);
      const name = { key: keyOf(input), versionId: versionOf(input) };
      await tellDeleteMarker(parts, bucket, { ...name, context });
      const { object, range, content } = await objects.read(bucket, name, (found) =>
        chosenRange(found, input, context),
      );
      const members = readingMembers(bucket, object, { input, range, context });
      return { ...members, Body: Readable.from(content, { objectMode: false }) } as never;
    },
    async HeadObject(input, context) {
      refuseUnsupported(input);
      const bucket = bucketOf(parts, input, context);
      const name = { key: keyOf(input), versionId: versionOf(input) };
      await tellDeleteMarker(parts, bucket, { ...name, context });
      const object = await objects.find(bucket, name.key, name.versionId);
      const range = chosenRange(object, input, context);
      return readingMembers(bucket, object, { input, range, context }) as never;
    },
    async GetObjectAttributes(input, context) {
      refuseUnsupported(input);
      const bucket = bucketOf(parts, input, context);
      const name = { key: keyOf(input), versionId: versionOf(input) };
      await tellDeleteMarker(parts, bucket, { ...name, context });
      const object = await objects.find(bucket, name.key, name.versionId);
      const wanted = new Set<string>(input.ObjectAttributes);
      const { checksums, checksumType, sizeBytes, storageClass } = object;
      return {
        LastModified: new Date(object.modifiedMs),
        ...(bucket.versioning !== undefined && { VersionId: object.versionId }),
        ...(wanted.has("ETag") && { ETag: object.etag }),
        ...(wanted.has("Checksum") && {
          Checksum: { ...checksumMembers(checksums), ChecksumType: checksumType },
        }),
        ...(wanted.has("ObjectParts") &&
          object.uploadId !== undefined && { ObjectParts: partsOf(object, input) }),
        ...(wanted.has("StorageClass") && { StorageClass: storageClass as s3.StorageClass }),
        ...(wanted.has("ObjectSize") && { ObjectSize: sizeBytes }),
      };
    },
  } satisfies Handlers<typeof s3>;
}

function partsOf(
  object: StoredObject,
  input: Input<typeof s3, "GetObjectAttributes">,
): s3.GetObjectAttributesParts {
  const after = Number(input.PartNumberMarker ?? 0);
  const max = Math.min(input.MaxParts ?? PARTS_MAX, PARTS_MAX);
  const rest = object.parts.filter(({ number }) => (number ?? 0) > after);
  const shown = rest.slice(0, max);
  const [algorithm] = Object.keys(object.checksums);
  const isTruncated = rest.length > shown.length;
  return {
    TotalPartsCount: object.parts.length,
    PartNumberMarker: String(after),
    NextPartNumberMarker: String(shown.at(-1)?.number ?? 0),
    MaxParts: max,
    IsTruncated: isTruncated,
    // AWS: the parts themselves are shown of objects that were uploaded with checksums.
    ...(shown.some(({ checksum }) => checksum !== undefined) && {
      Parts: shown.map(({ number, sizeBytes, checksum }) => ({
        PartNumber: number,
        Size: sizeBytes,
        [`Checksum${algorithm}`]: checksum,
      })),
    }),
  };
}

/** AWS: where a delete marker stands in the object's place, headers say so. */
async function tellDeleteMarker(
  { objects }: S3Parts,
  bucket: Bucket,
  { key, versionId, context }: { key: string; versionId: string | undefined; context: RequestContext },
): Promise<void> {
  const contents = await objects.contents(bucket);
  const version: ObjectVersion | undefined =
    versionId === undefined ? contents.latest(key) : contents.version(key, versionId);
  if (!version?.isDeleteMarker) return;
  context.responseHeaders["x-amz-delete-marker"] = "true";
  context.responseHeaders["x-amz-version-id"] = version.versionId;
  if (versionId === undefined) throw noSuchKey(key);
  context.responseHeaders["last-modified"] = new Date(version.modifiedMs).toUTCString();
  throw new AwsError("MethodNotAllowed", "The specified method is not allowed against this resource.", 405, {
    Method: context.method,
    ResourceType: "DeleteMarker",
  });
}

function chosenRange(object: StoredObject, input: Reading, context: RequestContext): ByteRange {
  const { IfMatch, IfNoneMatch, IfModifiedSince, IfUnmodifiedSince, PartNumber, Range } = input;
  try {
    checkReading(object, {
      ifMatch: IfMatch,
      ifNoneMatch: IfNoneMatch,
      ifModifiedSince: IfModifiedSince,
      ifUnmodifiedSince: IfUnmodifiedSince,
    });
  } catch (error) {
    if (error instanceof AwsError && error.code === "NotModified")
      Object.assign(context.responseHeaders, {
        etag: quoted(object.etag),
        "last-modified": new Date(object.modifiedMs).toUTCString(),
      });
    throw error;
  }
  if (PartNumber !== undefined) return rangeOfPart(object, PartNumber);
  return readRange(Range, object.sizeBytes) ?? wholeOf(object);
}

function readingMembers(
  bucket: Bucket,
  object: StoredObject,
  { input, range, context }: { input: Reading; range: ByteRange; context: RequestContext },
) {
  const { sizeBytes, checksums, checksumType } = object;
  const length = range.end - range.start + 1;
  const isPart = isRanged(input, sizeBytes) && sizeBytes > 0;
  return {
    AcceptRanges: "bytes",
    LastModified: new Date(object.modifiedMs),
    ContentLength: length,
    ETag: quoted(object.etag),
    ...(isPart && { ContentRange: `bytes ${range.start}-${range.end}/${sizeBytes}` }),
    ...headerMembers(object, context),
    ...responseOverrides(input, context),
    ...descriptionMembers(object),
    ...(bucket.versioning !== undefined && { VersionId: object.versionId }),
    ...(input.PartNumber !== undefined &&
      object.uploadId !== undefined && { PartsCount: object.parts.length }),
    // AWS: a checksum of the whole says nothing about a part of it.
    ...(input.ChecksumMode === "ENABLED" &&
      length === sizeBytes && { ...checksumMembers(checksums), ChecksumType: checksumType }),
  };
}

const isRanged = ({ PartNumber: part, Range: range }: Reading, sizeBytes: number): boolean =>
  part !== undefined || readRange(range, sizeBytes) !== undefined;

function descriptionMembers({ metadata, storageClass, encryption, tags }: StoredObject) {
  return {
    Metadata: { ...metadata },
    ...(storageClass !== "STANDARD" && { StorageClass: storageClass }),
    ...(encryption !== undefined && { ServerSideEncryption: encryption }),
    ...(tags.length > 0 && { TagCount: tags.length }),
  };
}

/** What the query has the answer's headers be. */
function responseOverrides(input: Reading, context: RequestContext): Record<string, string> {
  const { ResponseExpires: expires } = input;
  if (expires !== undefined) context.responseHeaders.expires = expires.toUTCString();
  const given = {
    CacheControl: input.ResponseCacheControl,
    ContentDisposition: input.ResponseContentDisposition,
    ContentEncoding: input.ResponseContentEncoding,
    ContentLanguage: input.ResponseContentLanguage,
    ContentType: input.ResponseContentType,
  };
  return Object.fromEntries(
    Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

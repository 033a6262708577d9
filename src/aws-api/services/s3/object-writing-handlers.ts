import type * as s3 from "@aws-sdk/client-s3";
import { AwsError } from "../../../core/errors.ts";
import type { Bucket } from "../../../objects/bucket.ts";
import { malformedXml } from "../../../objects/object-errors.ts";
import type { StoredObject } from "../../../objects/object-version.ts";
import type { Handlers, RequestContext } from "../../protocol/handlers.ts";
import { copiedObject } from "./copy-source.ts";
import { describedObject, tagsOf } from "./object-description.ts";
import { onlyAnything } from "./object-writing-conditions.ts";
import {
  bucketOf,
  checksumMembers,
  keyOf,
  ownerOf,
  quoted,
  requestInfo,
  type S3Parts,
  versionOf,
} from "./request-access.ts";
import { refuseUnsupported } from "./unsupported.ts";
import { incomingBody } from "./upload-body.ts";

const DELETIONS_MAX = 1000;

/** What an answer tells about an object that was just made. */
export function madeMembers(
  bucket: Bucket,
  { etag, checksums, checksumType, versionId, encryption }: StoredObject,
) {
  return {
    ETag: quoted(etag),
    ...checksumMembers(checksums),
    ChecksumType: checksumType,
    ...(bucket.versioning !== undefined && { VersionId: versionId }),
    ...(encryption !== undefined && { ServerSideEncryption: encryption }),
  };
}

/** PutObject, CopyObject and the deletions. */
export function objectWritingHandlers(parts: S3Parts) {
  return { ...makingHandlers(parts), ...deletionHandlers(parts), ...markingHandlers(parts) };
}

/** What makes objects. */
function makingHandlers(parts: S3Parts) {
  const { objects } = parts;
  return {
    async PutObject(input, context) {
      refuseUnsupported(input);
      const bucket = bucketOf(parts, input, context);
      const key = keyOf(input);
      const object = await objects.put(
        bucket,
        {
          key,
          account: context.account,
          description: describedObject(input, context),
          conditions: { ifMatch: input.IfMatch, ifNoneMatch: onlyAnything(input.IfNoneMatch) },
          eventName: "ObjectCreated:Put",
          request: requestInfo(context),
        },
        incomingBody(input, context),
      );
      return madeMembers(bucket, object);
    },
    async CopyObject(input, context) {
      refuseUnsupported(input);
      const bucket = bucketOf(parts, input, context);
      const { source, object } = await copiedObject(parts, bucket, { input, context });
      const { ETag, VersionId, ServerSideEncryption, ...checksums } = madeMembers(bucket, object);
      return {
        CopyObjectResult: { ETag, LastModified: new Date(object.modifiedMs), ...checksums },
        VersionId,
        ServerSideEncryption,
        ...(source.versionId !== undefined && { CopySourceVersionId: source.versionId }),
      };
    },
  } satisfies Handlers<typeof s3>;
}

/** What deletes them. */
function deletionHandlers(parts: S3Parts) {
  const { objects } = parts;
  return {
    async DeleteObject(input, context) {
      refuseUnsupported(input);
      const bucket = bucketOf(parts, input, context);
      const { isDeleteMarker, versionId } = await objects.writes.delete(bucket, {
        key: keyOf(input),
        versionId: versionOf(input),
        conditions: { ifMatch: input.IfMatch },
        request: requestInfo(context),
      });
      return { ...(isDeleteMarker && { DeleteMarker: true }), VersionId: versionId };
    },
    async DeleteObjects(input, context) {
      refuseUnsupported(input);
      const bucket = bucketOf(parts, input, context);
      const listed = input.Delete?.Objects ?? [];
      if (listed.length === 0 || listed.length > DELETIONS_MAX) throw malformedXml();
      for (const each of listed)
        refuseUnsupported({ IfMatchLastModifiedTime: each.LastModifiedTime, IfMatchSize: each.Size });
      const outcomes = await Promise.all(listed.map((each) => deleteOne(parts, bucket, { each, context })));
      const errors = outcomes.flatMap(({ error }) => (error ? [error] : []));
      const deleted = outcomes.flatMap(({ deleted: one }) => (one ? [one] : []));
      return {
        ...(!input.Delete?.Quiet && deleted.length > 0 && { Deleted: deleted }),
        ...(errors.length > 0 && { Errors: errors }),
      };
    },
  } satisfies Handlers<typeof s3>;
}

/** Tags and access lists. */
function markingHandlers(parts: S3Parts) {
  const { objects } = parts;
  return {
    async GetObjectTagging(input, context) {
      const bucket = bucketOf(parts, input, context);
      const { tags, versionId } = await objects.find(bucket, keyOf(input), versionOf(input));
      return {
        TagSet: tags.map(({ key, value }) => ({ Key: key, Value: value })),
        ...(bucket.versioning !== undefined && { VersionId: versionId }),
      };
    },
    async PutObjectTagging(input, context) {
      const bucket = bucketOf(parts, input, context);
      const change = { key: keyOf(input), versionId: versionOf(input), tags: tagsOf(input.Tagging) };
      const { versionId } = await objects.writes.tag(bucket, change, requestInfo(context));
      return bucket.versioning === undefined ? {} : { VersionId: versionId };
    },
    async DeleteObjectTagging(input, context) {
      const bucket = bucketOf(parts, input, context);
      const change = { key: keyOf(input), versionId: versionOf(input), tags: [] };
      const { versionId } = await objects.writes.tag(bucket, change, requestInfo(context));
      return bucket.versioning === undefined ? {} : { VersionId: versionId };
    },
    async GetObjectAcl(input, context) {
      const bucket = bucketOf(parts, input, context);
      const { account } = await objects.find(bucket, keyOf(input), versionOf(input));
      return ownAcl(account);
    },
  } satisfies Handlers<typeof s3>;
}

/** AWS: the list that there is where no other has been set: everything for the owner. */
export const ownAcl = (account: string) => ({
  Owner: ownerOf(account),
  Grants: [
    { Grantee: { Type: "CanonicalUser" as const, ...ownerOf(account) }, Permission: "FULL_CONTROL" as const },
  ],
});

async function deleteOne(
  { objects }: S3Parts,
  bucket: Bucket,
  { each, context }: { each: s3.ObjectIdentifier; context: RequestContext },
): Promise<{ deleted?: s3.DeletedObject; error?: s3._Error }> {
  const { Key: key, VersionId: versionId } = each;
  try {
    const result = await objects.writes.delete(bucket, {
      key: keyOf(each),
      versionId: versionOf(each),
      conditions: { ifMatch: each.ETag },
      request: requestInfo(context),
    });
    return {
      deleted: {
        Key: key,
        VersionId: versionId,
        ...(result.isDeleteMarker && { DeleteMarker: true, DeleteMarkerVersionId: result.versionId }),
      },
    };
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    return { error: { Key: key, VersionId: versionId, Code: error.code, Message: error.message } };
  }
}

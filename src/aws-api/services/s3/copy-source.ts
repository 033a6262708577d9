import type * as s3 from "@aws-sdk/client-s3";
import type { Bucket } from "../../../objects/bucket.ts";
import { type Conditions, checkCopySource } from "../../../objects/conditions.ts";
import { invalidArgument, invalidRequest, notImplemented } from "../../../objects/object-errors.ts";
import type { ByteRange } from "../../../objects/object-reading.ts";
import type { StoredObject } from "../../../objects/object-version.ts";
import { checksumAlgorithm, type IncomingBody } from "../../../objects/received-body.ts";
import type { Input, RequestContext } from "../../protocol/handlers.ts";
import { describedObject } from "./object-description.ts";
import { onlyAnything } from "./object-writing-conditions.ts";
import { bucketOf, keyOf, requestInfo, type S3Parts } from "./request-access.ts";

/** AWS: larger objects are copied in parts. */
const COPY_BYTES_MAX = 5 * 1024 * 1024 * 1024;

type CopyInput = Input<typeof s3, "CopyObject">;

/** The object that a copy is made of. */
export interface CopySource {
  readonly bucket: Bucket;
  readonly key: string;
  /** As the request has it. */
  readonly requestedVersion: string | undefined;
  readonly conditions: Conditions;
}

interface SourceInput {
  readonly CopySource?: string | undefined;
  readonly ExpectedSourceBucketOwner?: string | undefined;
  readonly CopySourceIfMatch?: string | undefined;
  readonly CopySourceIfNoneMatch?: string | undefined;
  readonly CopySourceIfModifiedSince?: Date | undefined;
  readonly CopySourceIfUnmodifiedSince?: Date | undefined;
}

/** Reads x-amz-copy-source: `/BUCKET/KEY?versionId=ID`, percent-encoded. */
export function copySourceOf(parts: S3Parts, input: SourceInput, context: RequestContext): CopySource {
  const [path = "", query] = (input.CopySource ?? "").replace(/^\//, "").split("?");
  let plain: string;
  try {
    plain = decodeURIComponent(path);
  } catch {
    throw invalidArgument("Copy Source must be URL-encoded", "x-amz-copy-source", input.CopySource);
  }
  if (plain.startsWith("arn:")) throw notImplemented("A copy source behind an access point");
  const slash = plain.indexOf("/");
  if (slash < 1 || slash === plain.length - 1)
    throw invalidArgument(
      "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
      "x-amz-copy-source",
      input.CopySource,
    );
  const owner = input.ExpectedSourceBucketOwner;
  return {
    bucket: bucketOf(
      parts,
      { Bucket: plain.slice(0, slash), ...(owner && { ExpectedBucketOwner: owner }) },
      context,
    ),
    key: plain.slice(slash + 1),
    requestedVersion: /^versionId=(.+)$/.exec(query ?? "")?.[1],
    conditions: {
      ifMatch: input.CopySourceIfMatch,
      ifNoneMatch: input.CopySourceIfNoneMatch,
      ifModifiedSince: input.CopySourceIfModifiedSince,
      ifUnmodifiedSince: input.CopySourceIfUnmodifiedSince,
    },
  };
}

/** Opens the source, its conditions checked. */
export function readSource(
  { objects }: S3Parts,
  source: CopySource,
  choose: (object: StoredObject) => ByteRange,
): Promise<{ object: StoredObject; content: AsyncIterable<Uint8Array> }> {
  return objects.read(source.bucket, { key: source.key, versionId: source.requestedVersion }, (object) => {
    checkCopySource(object, source.conditions);
    return choose(object);
  });
}

/** What is read from an object as what comes in for another. */
export const copiedBody = (
  content: AsyncIterable<Uint8Array>,
  algorithms: IncomingBody["algorithms"],
): IncomingBody => ({
  content,
  algorithms,
  checksums: () => ({}),
  md5: undefined,
  sha256: undefined,
  sizeMaxBytes: COPY_BYTES_MAX,
});

/** Copies an object as CopyObject does. */
export async function copiedObject(
  parts: S3Parts,
  bucket: Bucket,
  { input, context }: { readonly input: CopyInput; readonly context: RequestContext },
): Promise<{ object: StoredObject; source: { versionId: string | undefined } }> {
  const source = copySourceOf(parts, input, context);
  const key = keyOf(input);
  const replacesMetadata = directive(input.MetadataDirective) === "REPLACE";
  const replacesTags = directive(input.TaggingDirective) === "REPLACE";
  const changesNothing =
    !replacesMetadata &&
    !replacesTags &&
    input.StorageClass === undefined &&
    source.requestedVersion === undefined;
  if (changesNothing && source.bucket.id === bucket.id && source.key === key)
    throw invalidRequest(
      "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
    );
  const { object: original, content } = await readSource(parts, source, (found) => {
    if (found.sizeBytes > COPY_BYTES_MAX)
      throw invalidRequest(
        `The specified copy source is larger than the maximum allowable size for a copy source: ${COPY_BYTES_MAX}`,
      );
    return { start: 0, end: found.sizeBytes - 1 };
  });
  const described = describedObject(input, context);
  const algorithm = input.ChecksumAlgorithm ?? Object.keys(original.checksums)[0];
  const object = await parts.objects.put(
    bucket,
    {
      key,
      account: context.account,
      description: {
        headers: replacesMetadata ? described.headers : original.headers,
        metadata: replacesMetadata ? described.metadata : original.metadata,
        tags: replacesTags ? described.tags : original.tags,
        storageClass: described.storageClass,
        encryption: described.encryption,
      },
      conditions: { ifMatch: input.IfMatch, ifNoneMatch: onlyAnything(input.IfNoneMatch) },
      eventName: "ObjectCreated:Copy",
      request: requestInfo(context),
    },
    copiedBody(content, algorithm === undefined ? [] : [checksumAlgorithm(algorithm)]),
  );
  return {
    object,
    source: { versionId: source.bucket.versioning === undefined ? undefined : original.versionId },
  };
}

function directive(value: string | undefined): "COPY" | "REPLACE" {
  if (value === undefined || value === "COPY") return "COPY";
  if (value === "REPLACE") return value;
  throw invalidArgument(`Unknown metadata directive.`, "x-amz-metadata-directive", value);
}

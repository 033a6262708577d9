import type * as s3 from "@aws-sdk/client-s3";
import { invalidArgument, malformedXml } from "../../../objects/object-errors.ts";
import { readRange } from "../../../objects/object-reading.ts";
import { checksumAlgorithm } from "../../../objects/received-body.ts";
import { afterMarkers, listUploads } from "../../../objects/upload-listing.ts";
import type { Handlers } from "../../protocol/handlers.ts";
import { copiedBody, copySourceOf, readSource } from "./copy-source.ts";
import { encodedFor } from "./listing-handlers.ts";
import { describedObject } from "./object-description.ts";
import { onlyAnything } from "./object-writing-conditions.ts";
import { madeMembers } from "./object-writing-handlers.ts";
import {
  bucketOf,
  checksumMembers,
  givenChecksums,
  keyOf,
  ownerOf,
  quoted,
  requestInfo,
  type S3Parts,
  unquoted,
} from "./request-access.ts";
import { refuseUnsupported } from "./unsupported.ts";
import { incomingBody } from "./upload-body.ts";

const PART_NUMBER_MAX = 10_000;
const PARTS_LISTED_MAX = 1000;

function partNumberOf(number: number | undefined): number {
  if (number === undefined || !Number.isInteger(number) || number < 1 || number > PART_NUMBER_MAX)
    throw invalidArgument(
      "Part number must be an integer between 1 and 10000, inclusive",
      "partNumber",
      String(number),
    );
  return number;
}

/** The operations of multipart uploads. */
export function multipartHandlers(parts: S3Parts) {
  return {
    ...uploadHandlers(parts),
    ...partHandlers(parts),
    ...partListingHandlers(parts),
    ...uploadListingHandlers(parts),
  };
}

/** Uploads from their beginning to their end. */
function uploadHandlers(parts: S3Parts) {
  const { multipart } = parts.objects;
  return {
    async CreateMultipartUpload(input, context) {
      refuseUnsupported(input);
      const bucket = bucketOf(parts, input, context);
      const key = keyOf(input);
      const {
        uploadId,
        checksumAlgorithm: algorithm,
        checksumType,
      } = await multipart.create(bucket, {
        key,
        account: context.account,
        description: describedObject(input, context),
        checksumAlgorithm:
          input.ChecksumAlgorithm === undefined ? undefined : checksumAlgorithm(input.ChecksumAlgorithm),
        checksumType: input.ChecksumType,
      });
      return {
        Bucket: bucket.name,
        Key: key,
        UploadId: uploadId,
        ChecksumAlgorithm: algorithm,
        ChecksumType: checksumType,
        ...(input.ServerSideEncryption !== undefined && { ServerSideEncryption: input.ServerSideEncryption }),
      };
    },
    async CompleteMultipartUpload(input, context) {
      refuseUnsupported(input);
      const bucket = bucketOf(parts, input, context);
      const key = keyOf(input);
      const named = input.MultipartUpload?.Parts;
      if (named === undefined) throw malformedXml();
      const object = await multipart.complete(bucket, {
        key,
        uploadId: input.UploadId ?? "",
        parts: named.map((part) => ({
          number: partNumberOf(part.PartNumber),
          etag: unquoted(part.ETag ?? ""),
          checksums: givenChecksums(part),
        })),
        checksums: givenChecksums(input),
        sizeBytes: input.MpuObjectSize,
        conditions: { ifMatch: input.IfMatch, ifNoneMatch: onlyAnything(input.IfNoneMatch) },
        request: requestInfo(context),
      });
      return {
        Location: `http://${context.headers.host ?? ""}/${bucket.name}/${encodeURIComponent(key)}`,
        Bucket: bucket.name,
        Key: key,
        ...madeMembers(bucket, object),
      };
    },
    async AbortMultipartUpload(input, context) {
      const bucket = bucketOf(parts, input, context);
      await multipart.abort(bucket, keyOf(input), input.UploadId ?? "");
      return {};
    },
  } satisfies Handlers<typeof s3>;
}

/** Which part of which upload a request is about. */
const partOf = (input: s3.UploadPartCommandInput | s3.UploadPartCopyCommandInput) => ({
  key: keyOf(input),
  uploadId: input.UploadId ?? "",
  number: partNumberOf(input.PartNumber),
});

/** What comes in parts. */
function partHandlers(parts: S3Parts) {
  const { multipart } = parts.objects;
  return {
    async UploadPart(input, context) {
      refuseUnsupported(input);
      const bucket = bucketOf(parts, input, context);
      const part = partOf(input);
      const { etag, checksums } = await multipart.putPart(bucket, part, incomingBody(input, context));
      return { ETag: quoted(etag), ...checksumMembers(checksums) };
    },
    async UploadPartCopy(input, context) {
      refuseUnsupported(input);
      const bucket = bucketOf(parts, input, context);
      const part = partOf(input);
      const { checksumAlgorithm: algorithm } = await multipart.get(bucket, part.key, part.uploadId);
      const source = copySourceOf(parts, input, context);
      const { object, content } = await readSource(
        parts,
        source,
        (found) =>
          readRange(input.CopySourceRange, found.sizeBytes) ?? { start: 0, end: found.sizeBytes - 1 },
      );
      const body = copiedBody(content, algorithm === undefined ? [] : [algorithm]);
      const { etag, checksums, modifiedMs } = await multipart.putPart(bucket, part, body);
      return {
        CopyPartResult: {
          ETag: quoted(etag),
          LastModified: new Date(modifiedMs),
          ...checksumMembers(checksums),
        },
        ...(source.bucket.versioning !== undefined && { CopySourceVersionId: object.versionId }),
      };
    },
  } satisfies Handlers<typeof s3>;
}

/** The parts of an upload under way. */
function partListingHandlers(parts: S3Parts) {
  const { multipart } = parts.objects;
  return {
    async ListParts(input, context) {
      refuseUnsupported(input);
      const bucket = bucketOf(parts, input, context);
      const key = keyOf(input);
      const upload = await multipart.get(bucket, key, input.UploadId ?? "");
      const max = Math.min(input.MaxParts ?? PARTS_LISTED_MAX, PARTS_LISTED_MAX);
      const after = Number(input.PartNumberMarker ?? 0);
      const rest = [...upload.parts.values()]
        .filter(({ number }) => number > after)
        .sort((a, b) => a.number - b.number);
      const shown = rest.slice(0, max);
      return {
        Bucket: bucket.name,
        Key: key,
        UploadId: upload.uploadId,
        PartNumberMarker: String(after),
        NextPartNumberMarker: String(shown.at(-1)?.number ?? 0),
        MaxParts: max,
        IsTruncated: rest.length > shown.length,
        Parts: shown.map(({ number, etag, sizeBytes, modifiedMs, checksums }) => ({
          PartNumber: number,
          ETag: quoted(etag),
          Size: sizeBytes,
          LastModified: new Date(modifiedMs),
          ...checksumMembers(checksums),
        })),
        Initiator: ownerOf(upload.account),
        Owner: ownerOf(upload.account),
        StorageClass: upload.description.storageClass as s3.StorageClass,
        ChecksumAlgorithm: upload.checksumAlgorithm,
        ChecksumType: upload.checksumType,
      };
    },
  } satisfies Handlers<typeof s3>;
}

/** Uploads under way. */
function uploadListingHandlers(parts: S3Parts) {
  const { multipart } = parts.objects;
  return {
    async ListMultipartUploads(input, context) {
      const bucket = bucketOf(parts, input, context);
      const encode = encodedFor(input.EncodingType);
      const { Prefix: prefix = "", Delimiter: delimiter = "" } = input;
      const max = Math.min(input.MaxUploads ?? PARTS_LISTED_MAX, PARTS_LISTED_MAX);
      const after = afterMarkers(input.KeyMarker, input.UploadIdMarker);
      const listing = listUploads(await multipart.list(bucket), { prefix, delimiter, max, after });
      return {
        Bucket: bucket.name,
        KeyMarker: encode(input.KeyMarker ?? ""),
        UploadIdMarker: input.UploadIdMarker ?? "",
        ...(listing.isTruncated && {
          NextKeyMarker: encode(listing.lastKey),
          NextUploadIdMarker: listing.lastUploadId,
        }),
        ...(prefix !== "" && { Prefix: encode(prefix) }),
        ...(delimiter !== "" && { Delimiter: encode(delimiter) }),
        MaxUploads: max,
        IsTruncated: listing.isTruncated,
        EncodingType: input.EncodingType,
        Uploads: listing.uploads.map((upload) => ({
          UploadId: upload.uploadId,
          Key: encode(upload.key),
          Initiated: new Date(upload.initiatedMs),
          StorageClass: upload.description.storageClass as s3.StorageClass,
          Owner: ownerOf(upload.account),
          Initiator: ownerOf(upload.account),
          ChecksumAlgorithm: upload.checksumAlgorithm,
          ChecksumType: upload.checksumType,
        })),
        CommonPrefixes: listing.commonPrefixes.map((each) => ({ Prefix: encode(each) })),
      };
    },
  } satisfies Handlers<typeof s3>;
}

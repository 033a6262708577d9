import { principalUserId } from "../../../core/iam-arn.ts";
import type { Checksums } from "../../../core/object-checksums.ts";
import type { Bucket } from "../../../objects/bucket.ts";
import { corsHeaders } from "../../../objects/cors.ts";
import type { RequestInfo } from "../../../objects/event-records.ts";
import { accessDenied, invalidArgument, noSuchBucket } from "../../../objects/object-errors.ts";
import type { Objects } from "../../../objects/objects.ts";
import type { RequestContext } from "../../protocol/handlers.ts";
import { hostIdOf } from "../../protocol/s3-protocol.ts";

/** What the handlers work with. */
export interface S3Parts {
  readonly objects: Objects;
}

/** The bucket of a request, for whoever may use it. Throws NoSuchBucket, AccessDenied. */
export function bucketOf(
  { objects }: S3Parts,
  input: { readonly Bucket?: string | undefined; readonly ExpectedBucketOwner?: string | undefined },
  context: RequestContext,
): Bucket {
  const name = input.Bucket ?? "";
  const bucket = objects.buckets.find(name);
  if (bucket === undefined) throw noSuchBucket(name);
  if (input.ExpectedBucketOwner !== undefined && input.ExpectedBucketOwner !== bucket.account)
    throw accessDenied();
  // Users and roles of other accounts have been asked for the bucket's policy already; a root user is not.
  if (context.principal.type === "root" && context.account !== bucket.account) throw accessDenied();
  const { origin } = context.headers;
  if (origin !== undefined)
    Object.assign(context.responseHeaders, corsHeaders(bucket.cors, { origin, method: methodOf(context) }));
  return bucket;
}

const methodOf = ({ method }: RequestContext): string => method;

/** The key of an object. Throws KeyTooLongError. */
export function keyOf(input: { readonly Key?: string | undefined }): string {
  const key = input.Key ?? "";
  if (Buffer.byteLength(key) > KEY_BYTES_MAX)
    throw invalidArgument("Your key is too long", "Key", String(Buffer.byteLength(key)));
  return key;
}

/** AWS: "object key naming". */
const KEY_BYTES_MAX = 1024;

/** "null" names the version of unversioned times. */
export const versionOf = (input: { readonly VersionId?: string | undefined }): string | undefined =>
  input.VersionId === undefined || input.VersionId === "" ? undefined : input.VersionId;

export function requestInfo(context: RequestContext): RequestInfo {
  return {
    requestId: context.requestId,
    hostId: hostIdOf(context.requestId),
    principalId: `AWS:${principalUserId(context.principal)}`,
    account: context.account,
    sourceIp: context.sourceIp?.replace(/^::ffff:/, "") ?? "",
  };
}

export const quoted = (etag: string): string => `"${etag}"`;
export const unquoted = (etag: string): string => etag.replace(/^"|"$/g, "");

interface ChecksumMembers {
  ChecksumCRC32?: string;
  ChecksumCRC32C?: string;
  ChecksumCRC64NVME?: string;
  ChecksumSHA1?: string;
  ChecksumSHA256?: string;
}

/** Checksums as output members. */
export function checksumMembers(checksums: Checksums): ChecksumMembers {
  return Object.fromEntries(Object.entries(checksums).map(([name, value]) => [`Checksum${name}`, value]));
}

/** Checksums as members of an input. */
export type GivenChecksums = { readonly [K in keyof ChecksumMembers]?: string | undefined };

/** Input members of checksums, without those that were not given. */
export function givenChecksums(input: GivenChecksums): Checksums {
  const entries = Object.entries({
    CRC32: input.ChecksumCRC32,
    CRC32C: input.ChecksumCRC32C,
    CRC64NVME: input.ChecksumCRC64NVME,
    SHA1: input.ChecksumSHA1,
    SHA256: input.ChecksumSHA256,
  });
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

export const ownerOf = (account: string): { ID: string } => ({ ID: account });

import { invalidArgument, notImplemented } from "../../../objects/object-errors.ts";

/** Members that imply what there is not; refused whenever they are given. */
const REFUSED = [
  "GrantFullControl",
  "GrantRead",
  "GrantReadACP",
  "GrantWrite",
  "GrantWriteACP",
  "WriteOffsetBytes",
  "WebsiteRedirectLocation",
  "SSECustomerAlgorithm",
  "SSECustomerKey",
  "SSECustomerKeyMD5",
  "CopySourceSSECustomerAlgorithm",
  "SSEKMSKeyId",
  "SSEKMSEncryptionContext",
  "BucketKeyEnabled",
  "ObjectLockMode",
  "ObjectLockRetainUntilDate",
  "ObjectLockLegalHoldStatus",
  "ObjectLockEventHold",
  "ObjectLockEventHoldDurationDays",
  "ObjectLockEventHoldDurationYears",
  "ObjectLockEnabledForBucket",
  "BypassGovernanceRetention",
  "MFA",
  "AnnotationDirective",
  "BucketNamespace",
  "ChecksumSHA512",
  "ChecksumMD5",
  "ChecksumXXHASH64",
  "ChecksumXXHASH3",
  "ChecksumXXHASH128",
  "OptionalObjectAttributes",
  "IfMatchLastModifiedTime",
  "IfMatchSize",
] as const;

/** AWS: what every bucket has, or what comes to the same where access lists are off. */
const DEFAULT_ACLS: ReadonlySet<string> = new Set(["private", "bucket-owner-full-control"]);

/** Classes that differ from STANDARD in price and availability alone. */
const STORAGE_CLASSES: ReadonlySet<string> = new Set([
  "STANDARD",
  "REDUCED_REDUNDANCY",
  "STANDARD_IA",
  "ONEZONE_IA",
  "INTELLIGENT_TIERING",
  "GLACIER_IR",
]);
const OTHER_CLASSES: ReadonlySet<string> = new Set([
  "GLACIER",
  "DEEP_ARCHIVE",
  "OUTPOSTS",
  "SNOW",
  "EXPRESS_ONEZONE",
  "FSX_OPENZFS",
  "FSX_ONTAP",
]);

/** Refuses, by name, what a request asks for and does not get. */
export function refuseUnsupported(input: object): void {
  const given = input as Readonly<Record<string, string | boolean | undefined>>;
  for (const name of REFUSED)
    if (given[name] !== undefined && given[name] !== false) throw notImplemented(name);
  const { ACL: acl, ServerSideEncryption: encryption, StorageClass: storageClass } = given;
  if (acl !== undefined && !DEFAULT_ACLS.has(String(acl))) throw notImplemented(`The ACL ${String(acl)}`);
  if (encryption !== undefined && encryption !== "AES256")
    throw notImplemented(`ServerSideEncryption ${String(encryption)}`);
  if (storageClass === undefined || STORAGE_CLASSES.has(String(storageClass))) return;
  if (OTHER_CLASSES.has(String(storageClass))) throw notImplemented(`StorageClass ${String(storageClass)}`);
  throw invalidArgument("The storage class you specified is not valid", "x-amz-storage-class");
}

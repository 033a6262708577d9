/** A permission that a call needs; `context` holds condition keys that belong to it alone. */
interface S3Permission {
  readonly action: string;
  readonly resources: readonly string[];
  readonly context?: Readonly<Record<string, string>>;
}

interface S3Call {
  readonly operation: string;
  readonly input: Readonly<Record<string, unknown>>;
}

/** Operations whose action has another name: "Actions, resources, and condition keys for Amazon S3". */
const ACTIONS: Readonly<Record<string, string>> = {
  ListBuckets: "ListAllMyBuckets",
  HeadBucket: "ListBucket",
  ListObjects: "ListBucket",
  ListObjectsV2: "ListBucket",
  ListObjectVersions: "ListBucketVersions",
  ListMultipartUploads: "ListBucketMultipartUploads",
  ListParts: "ListMultipartUploadParts",
  HeadObject: "GetObject",
  CopyObject: "PutObject",
  CreateMultipartUpload: "PutObject",
  UploadPart: "PutObject",
  UploadPartCopy: "PutObject",
  CompleteMultipartUpload: "PutObject",
  DeleteObjects: "DeleteObject",
  DeleteBucketCors: "PutBucketCORS",
  GetBucketCors: "GetBucketCORS",
  PutBucketCors: "PutBucketCORS",
  DeleteBucketTagging: "PutBucketTagging",
  GetBucketNotificationConfiguration: "GetBucketNotification",
  PutBucketNotificationConfiguration: "PutBucketNotification",
};

/** Actions that have a name of their own where the request names a version. */
const OF_VERSIONS: ReadonlySet<string> = new Set([
  "GetObject",
  "DeleteObject",
  "GetObjectAttributes",
  "GetObjectTagging",
  "PutObjectTagging",
  "DeleteObjectTagging",
]);

const versioned = (action: string): string =>
  action.endsWith("Tagging")
    ? `s3:${action.replace("Object", "ObjectVersion")}`
    : action === "GetObjectAttributes"
      ? "s3:GetObjectVersionAttributes"
      : `s3:${action}Version`;

const actionOf = (action: string, hasVersion: boolean): string =>
  hasVersion && OF_VERSIONS.has(action) ? versioned(action) : `s3:${action}`;

const textOf = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined;

/** The permissions that a call of S3 needs. */
export function s3Permissions({ operation, input }: S3Call): S3Permission[] {
  const bucket = textOf(input.Bucket);
  const action = ACTIONS[operation] ?? operation;
  if (bucket === undefined) return [{ action: `s3:${action}`, resources: ["*"] }];
  const arn = `arn:aws:s3:::${bucket}`;
  if (operation === "DeleteObjects") return deletions(input, arn);
  const key = textOf(input.Key);
  const hasVersion = textOf(input.VersionId) !== undefined;
  const permissions: S3Permission[] = [
    {
      action: actionOf(action, hasVersion),
      resources: [key === undefined ? arn : `${arn}/${key}`],
      ...(action.startsWith("ListBucket") && { context: listingContext(input) }),
    },
  ];
  const source = copySource(input);
  if (source !== undefined) permissions.push(source);
  if (textOf(input.Tagging) !== undefined) {
    const resources = [`${arn}/${key ?? ""}`];
    permissions.push({ action: "s3:PutObjectTagging", resources });
  }
  return permissions;
}

function listingContext(input: Readonly<Record<string, unknown>>): Record<string, string> {
  const context: Record<string, string> = { "s3:prefix": textOf(input.Prefix) ?? "" };
  const delimiter = textOf(input.Delimiter);
  if (delimiter !== undefined) context["s3:delimiter"] = delimiter;
  return context;
}

/** One for each of the objects. */
function deletions(input: Readonly<Record<string, unknown>>, arn: string): S3Permission[] {
  const { Objects: objects } = (input.Delete ?? {}) as { Objects?: { Key?: string; VersionId?: string }[] };
  return (objects ?? []).map(({ Key: key, VersionId: version }) => ({
    action: actionOf("DeleteObject", textOf(version) !== undefined),
    resources: [`${arn}/${key ?? ""}`],
  }));
}

function copySource(input: Readonly<Record<string, unknown>>): S3Permission | undefined {
  const source = textOf(input.CopySource);
  if (source === undefined) return undefined;
  const [path = "", query] = source.replace(/^\//, "").split("?");
  let resource = path;
  try {
    resource = decodeURIComponent(path);
  } catch {
    // The handler refuses it; nobody is allowed what has no name.
  }
  // Of no version's id the handler takes the current one.
  const hasVersion = /^versionId=./.test(query ?? "");
  return { action: actionOf("GetObject", hasVersion), resources: [`arn:aws:s3:::${resource}`] };
}

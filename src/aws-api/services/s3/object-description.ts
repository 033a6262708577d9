import { AwsError } from "../../../core/errors.ts";
import type { Tag } from "../../../objects/bucket.ts";
import { invalidArgument } from "../../../objects/object-errors.ts";
import type { ObjectDescription, StoredObject } from "../../../objects/object-version.ts";
import type { RequestContext } from "../../protocol/handlers.ts";
import { storedEncoding } from "./upload-body.ts";

const DEFAULT_TYPE = "binary/octet-stream";
/** AWS: "user-defined metadata is limited to 2 KB". */
const METADATA_BYTES_MAX = 2048;
const OBJECT_TAGS_MAX = 10;
const TAG_KEY_MAX = 128;
const TAG_VALUE_MAX = 256;

interface DescribingInput {
  readonly CacheControl?: string | undefined;
  readonly ContentDisposition?: string | undefined;
  readonly ContentEncoding?: string | undefined;
  readonly ContentLanguage?: string | undefined;
  readonly ContentType?: string | undefined;
  readonly Metadata?: Readonly<Record<string, string>> | undefined;
  readonly Tagging?: string | undefined;
  readonly StorageClass?: string | undefined;
  readonly ServerSideEncryption?: string | undefined;
}

/** What a request says about the object that it makes. */
export function describedObject(input: DescribingInput, { headers }: RequestContext): ObjectDescription {
  const metadata = input.Metadata ?? {};
  const bytes = Object.entries(metadata).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value),
    0,
  );
  if (bytes > METADATA_BYTES_MAX)
    throw new AwsError(
      "MetadataTooLarge",
      "Your metadata headers exceed the maximum allowed metadata size",
      400,
      {
        Size: bytes,
        MaxSizeAllowed: METADATA_BYTES_MAX,
      },
    );
  const given = {
    "cache-control": input.CacheControl,
    "content-disposition": input.ContentDisposition,
    "content-encoding": storedEncoding(input.ContentEncoding),
    "content-language": input.ContentLanguage,
    "content-type": input.ContentType ?? DEFAULT_TYPE,
    expires: headers.expires,
  };
  return {
    headers: Object.fromEntries(
      Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== undefined),
    ),
    metadata,
    tags: input.Tagging === undefined ? [] : tagsInHeader(input.Tagging),
    storageClass: input.StorageClass ?? "STANDARD",
    ...(input.ServerSideEncryption === "AES256" && { encryption: "AES256" }),
  };
}

function tagsInHeader(header: string): Tag[] {
  try {
    const tags = [...new URLSearchParams(header)].map(([key, value]) => ({ key, value }));
    checkTags(tags, OBJECT_TAGS_MAX);
    return tags;
  } catch (error) {
    if (error instanceof AwsError) throw error;
    throw invalidArgument(
      "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.",
      "x-amz-tagging",
      header,
    );
  }
}

/** The tags of a Tagging document, checked. Throws InvalidTag, BadRequest. */
export function tagsOf(
  tagging:
    | { readonly TagSet?: readonly { Key?: string | undefined; Value?: string | undefined }[] | undefined }
    | undefined,
  max: number = OBJECT_TAGS_MAX,
): Tag[] {
  const tags = (tagging?.TagSet ?? []).map(({ Key, Value }) => ({ key: Key ?? "", value: Value ?? "" }));
  checkTags(tags, max);
  return tags;
}

function checkTags(tags: readonly Tag[], max: number): void {
  if (tags.length > max) throw new AwsError("BadRequest", `Object tags cannot be greater than ${max}`, 400);
  for (const { key, value } of tags) {
    if (key.length === 0 || key.length > TAG_KEY_MAX)
      throw new AwsError("InvalidTag", "The TagKey you have provided is invalid", 400, { TagKey: key });
    if (value.length > TAG_VALUE_MAX)
      throw new AwsError("InvalidTag", "The TagValue you have provided is invalid", 400, { TagKey: key });
    if (key.startsWith("aws:"))
      throw new AwsError("InvalidTag", "System tags cannot be added/updated by requester", 400, {
        TagKey: key,
      });
  }
  if (new Set(tags.map(({ key }) => key)).size !== tags.length)
    throw new AwsError("InvalidTag", "Cannot provide multiple Tags with the same key", 400);
}

/** Output members of an object's headers; Expires goes out as it came. */
export function headerMembers({ headers }: StoredObject, context: RequestContext) {
  if (headers.expires !== undefined) context.responseHeaders.expires = headers.expires;
  return {
    CacheControl: headers["cache-control"],
    ContentDisposition: headers["content-disposition"],
    ContentEncoding: headers["content-encoding"],
    ContentLanguage: headers["content-language"],
    ContentType: headers["content-type"] ?? DEFAULT_TYPE,
  };
}

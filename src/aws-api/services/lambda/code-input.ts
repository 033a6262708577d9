import { invalidParameterValue, notSupported } from "../../../core/errors.ts";
import type { CodeObjects } from "../../../ports/code-objects.ts";

/** Members that say where a package comes from, of FunctionCode, UpdateFunctionCode and LayerVersionContentInput alike. */
export interface CodeInput {
  readonly ZipFile?: Uint8Array | undefined;
  readonly S3Bucket?: string | undefined;
  readonly S3Key?: string | undefined;
  readonly S3ObjectVersion?: string | undefined;
  readonly S3ObjectStorageMode?: string | undefined;
  readonly ImageUri?: string | undefined;
  readonly SourceKMSKeyArn?: string | undefined;
}

/**
 * The zip that a request carries, or names in S3; exactly one source must be given. `what` is what the zip is of, in
 * AWS's words.
 */
export async function zipSource(
  code: CodeInput,
  codeObjects: CodeObjects,
  what: "function" | "layer" = "function",
): Promise<Uint8Array> {
  const { ZipFile, S3Bucket, S3Key, S3ObjectVersion, ImageUri } = code;
  if (ZipFile !== undefined && (S3Bucket || S3Key || S3ObjectVersion || ImageUri)) {
    throw invalidParameterValue(
      "Please do not provide other FunctionCode parameters when providing a ZipFile.",
    );
  }
  refuseOthers(code);
  if (ZipFile !== undefined) return ZipFile;
  if (!S3Bucket && !S3Key) throw invalidParameterValue(`Please provide a source for ${what} code.`);
  if (!S3Bucket || !S3Key) {
    throw invalidParameterValue(`${S3Bucket ? "S3Key" : "S3Bucket"} is required when code is taken from S3.`);
  }
  return codeObjects.fetch({ bucket: S3Bucket, key: S3Key, version: S3ObjectVersion || undefined });
}

function refuseOthers({ ImageUri, SourceKMSKeyArn, S3ObjectStorageMode }: CodeInput): void {
  if (ImageUri) throw notSupported("ImageUri");
  if (SourceKMSKeyArn) throw notSupported("SourceKMSKeyArn");
  if (S3ObjectStorageMode === "REFERENCE") throw notSupported("S3ObjectStorageMode REFERENCE");
}

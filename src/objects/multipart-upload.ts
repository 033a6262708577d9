import type { ChecksumAlgorithm, Checksums, ChecksumType } from "../core/object-checksums.ts";
import type { ObjectDescription } from "./object-version.ts";

export interface UploadedPart {
  readonly number: number;
  /** Of the body. */
  readonly id: string;
  readonly sizeBytes: number;
  readonly etag: string;
  readonly checksums: Checksums;
  readonly modifiedMs: number;
}

/** A multipart upload that is neither completed nor aborted. */
export interface MultipartUpload {
  readonly uploadId: string;
  readonly key: string;
  readonly account: string;
  readonly initiatedMs: number;
  readonly description: ObjectDescription;
  readonly checksumAlgorithm: ChecksumAlgorithm | undefined;
  readonly checksumType: ChecksumType | undefined;
  /** By number; not part of what is kept for the upload itself. */
  readonly parts: Map<number, UploadedPart>;
}

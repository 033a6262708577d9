import type { Readable } from "node:stream";
import type { ChecksumAlgorithm, Checksums } from "../core/object-checksums.ts";

/** A body as it was written. */
export interface WrittenBody {
  /** Names the body within its bucket. */
  readonly id: string;
  readonly sizeBytes: number;
  readonly md5: Uint8Array;
  /** Hexadecimal. Only where it was asked for. */
  readonly sha256: string | undefined;
  readonly checksums: Checksums;
}

export interface BodyWrite {
  /** Opaque name of the bucket: letters and digits. */
  readonly bucketId: string;
  readonly content: AsyncIterable<Uint8Array>;
  readonly algorithms: readonly ChecksumAlgorithm[];
  readonly wantsSha256: boolean;
  /** Sees what came before it is kept; throws to refuse it, and nothing of it stays. */
  readonly check: (body: WrittenBody) => void;
}

/** Where the bytes of objects lie: immutable bodies with names of their own. */
export interface ObjectBodies {
  /** Resolves when the body is durable. Holds a few chunks in memory, however large the body is. */
  write(write: BodyWrite): Promise<WrittenBody>;
  /** Bytes `start` to `end`, both included. Rejects with the store's `NotFound` when the body is gone. */
  read(
    bucketId: string,
    id: string,
    range: { readonly start: number; readonly end: number },
  ): Promise<Readable>;
  /** Absent bodies are fine. */
  remove(bucketId: string, ids: readonly string[]): Promise<void>;
  /** Removes everything of a bucket but these: what a crash left between a body and its entry in the index. */
  keepOnly(bucketId: string, ids: ReadonlySet<string>): Promise<void>;
  removeBucket(bucketId: string): Promise<void>;
}

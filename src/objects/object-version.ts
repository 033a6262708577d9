import type { Checksums, ChecksumType } from "../core/object-checksums.ts";
import type { Tag } from "./bucket.ts";

/** A piece of an object's body: the whole, or what was one part of a multipart upload. */
export interface BodyPart {
  readonly id: string;
  readonly sizeBytes: number;
  /** Of a multipart upload. */
  readonly number?: number | undefined;
  readonly checksum?: string | undefined;
}

/** What a client says about an object when it is made. */
export interface ObjectDescription {
  /** Content-Type and its like, by their names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** x-amz-meta- */
  readonly metadata: Readonly<Record<string, string>>;
  readonly tags: readonly Tag[];
  readonly storageClass: string;
  /** Whether the client asked for AES256 itself. */
  readonly encryption?: "AES256" | undefined;
}

/** The content of an object that is there whole. */
export interface ObjectContent {
  readonly sizeBytes: number;
  /** Without quotation marks. */
  readonly etag: string;
  readonly parts: readonly BodyPart[];
  readonly checksums: Checksums;
  readonly checksumType: ChecksumType | undefined;
  /** Of the multipart upload that it came from. */
  readonly uploadId?: string | undefined;
}

interface VersionName {
  readonly key: string;
  /** "null" where the bucket was not versioned. */
  readonly versionId: string;
  /** Grows with every version; the latest of a key has the greatest. */
  readonly sequence: number;
  readonly modifiedMs: number;
  readonly account: string;
}

export interface DeleteMarker extends VersionName {
  readonly isDeleteMarker: true;
}

export interface StoredObject extends VersionName, ObjectDescription, ObjectContent {
  readonly isDeleteMarker?: undefined;
}

export type ObjectVersion = StoredObject | DeleteMarker;

export const NULL_VERSION = "null";

/** The bodies of a version, to be removed with it. */
export const bodiesOf = (version: ObjectVersion): string[] =>
  version.isDeleteMarker ? [] : version.parts.map(({ id }) => id);

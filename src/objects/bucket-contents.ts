import { createHash } from "node:crypto";
import type { KeyValueStore } from "../ports/store.ts";
import { compareKeys } from "./key-order.ts";
import type { MultipartUpload, UploadedPart } from "./multipart-upload.ts";
import { bodiesOf, type ObjectVersion } from "./object-version.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const encode = (value: object): Uint8Array => encoder.encode(JSON.stringify(value));
const decode = <T>(bytes: Uint8Array): T => JSON.parse(decoder.decode(bytes)) as T;

const versionsPrefix = (bucketId: string): string => `s3/objects/${bucketId}/`;
const uploadsPrefix = (bucketId: string): string => `s3/uploads/${bucketId}/`;
const partsPrefix = (bucketId: string): string => `s3/parts/${bucketId}/`;

/**
 * The index of one bucket: every version of every key, and the multipart uploads. Kept in the store, an entry for each
 * version, and read into memory when the bucket is first used; keys are hashed, because they may be longer than the store's.
 */
export class BucketContents {
  readonly bucketId: string;
  /** Newest first; never empty. */
  readonly versions = new Map<string, ObjectVersion[]>();
  readonly uploads = new Map<string, MultipartUpload>();
  /** Writes under way: a bucket with any is not empty. */
  writing = 0;
  isGone = false;
  readonly #keyValue: KeyValueStore;
  #sorted: string[] = [];
  #isSorted = true;

  constructor(bucketId: string, keyValue: KeyValueStore) {
    this.bucketId = bucketId;
    this.#keyValue = keyValue;
  }

  get isEmpty(): boolean {
    return this.versions.size === 0 && this.writing === 0;
  }

  /** Reads the index. A completed upload whose entries a crash left is forgotten. */
  async load(): Promise<void> {
    const { bucketId } = this;
    const completed = new Set<string>();
    for (const { value } of await this.#keyValue.list(versionsPrefix(bucketId))) {
      const version = decode<ObjectVersion>(value);
      this.#add(version);
      if (!version.isDeleteMarker && version.uploadId !== undefined) completed.add(version.uploadId);
    }
    for (const { value } of await this.#keyValue.list(uploadsPrefix(bucketId))) {
      const upload = decode<Omit<MultipartUpload, "parts">>(value);
      this.uploads.set(upload.uploadId, { ...upload, parts: new Map() });
    }
    for (const { key, value } of await this.#keyValue.list(partsPrefix(bucketId))) {
      const part = decode<UploadedPart>(value);
      const upload = this.uploads.get(key.split("/").at(-2) ?? "");
      if (upload === undefined) await this.#keyValue.delete(key);
      else upload.parts.set(part.number, part);
    }
    for (const uploadId of completed) if (this.uploads.has(uploadId)) await this.forgetUpload(uploadId);
  }

  /** Every body that the index refers to. */
  bodies(): Set<string> {
    const ids = new Set<string>();
    for (const versions of this.versions.values())
      for (const version of versions) for (const id of bodiesOf(version)) ids.add(id);
    for (const { parts } of this.uploads.values()) for (const { id } of parts.values()) ids.add(id);
    return ids;
  }

  greatestSequence(): number {
    let greatest = 0;
    for (const [newest] of this.versions.values()) greatest = Math.max(greatest, newest?.sequence ?? 0);
    return greatest;
  }

  latest(key: string): ObjectVersion | undefined {
    return this.versions.get(key)?.[0];
  }

  version(key: string, versionId: string): ObjectVersion | undefined {
    return this.versions.get(key)?.find((version) => version.versionId === versionId);
  }

  /** Keys in AWS's order. */
  sortedKeys(): readonly string[] {
    if (!this.#isSorted) {
      this.#sorted = this.#sorted.filter((key) => this.versions.has(key)).sort(compareKeys);
      this.#sorted = this.#sorted.filter((key, index) => key !== this.#sorted[index - 1]);
      this.#isSorted = true;
    }
    return this.#sorted;
  }

  /** Resolves when the version is durable; it replaces one of the same id. */
  async put(version: ObjectVersion): Promise<void> {
    await this.#keyValue.put(this.#versionKey(version), encode(version));
    this.#add(version);
  }

  async remove(version: ObjectVersion): Promise<void> {
    await this.#keyValue.delete(this.#versionKey(version));
    const rest = (this.versions.get(version.key) ?? []).filter(
      ({ versionId }) => versionId !== version.versionId,
    );
    if (rest.length > 0) this.versions.set(version.key, rest);
    else {
      this.versions.delete(version.key);
      this.#isSorted = false;
    }
  }

  async putUpload(upload: Omit<MultipartUpload, "parts">): Promise<void> {
    await this.#keyValue.put(uploadsPrefix(this.bucketId) + upload.uploadId, encode(upload));
    this.uploads.set(upload.uploadId, { ...upload, parts: new Map() });
  }

  async putPart(uploadId: string, part: UploadedPart): Promise<void> {
    await this.#keyValue.put(this.#partKey(uploadId, part.number), encode(part));
    this.uploads.get(uploadId)?.parts.set(part.number, part);
  }

  /** Removes the upload's entries, its own last: without it the parts' bodies would have no name any more. */
  async forgetUpload(uploadId: string): Promise<void> {
    const upload = this.uploads.get(uploadId);
    this.uploads.delete(uploadId);
    const numbers = [...(upload?.parts.keys() ?? [])];
    await Promise.all(numbers.map((number) => this.#keyValue.delete(this.#partKey(uploadId, number))));
    await this.#keyValue.delete(uploadsPrefix(this.bucketId) + uploadId);
  }

  #add(version: ObjectVersion): void {
    const { key } = version;
    const existing = this.versions.get(key);
    if (existing === undefined) {
      this.versions.set(key, [version]);
      this.#sorted.push(key);
      this.#isSorted = false;
      return;
    }
    const others = existing.filter(({ versionId }) => versionId !== version.versionId);
    this.versions.set(
      key,
      [version, ...others].sort((a, b) => b.sequence - a.sequence),
    );
  }

  #versionKey({ key, versionId }: ObjectVersion): string {
    const hash = createHash("sha256").update(key).digest("base64url");
    return `${versionsPrefix(this.bucketId)}${hash}/${versionId}`;
  }

  #partKey(uploadId: string, number: number): string {
    return `${partsPrefix(this.bucketId)}${uploadId}/${number}`;
  }
}

import { AwsError } from "../core/errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { Logger } from "../ports/logger.ts";
import type { ObjectBodies } from "../ports/object-bodies.ts";
import type { Bucket, Tag } from "./bucket.ts";
import type { BucketContents } from "./bucket-contents.ts";
import type { BucketRegistry } from "./bucket-registry.ts";
import { type Conditions, checkWriting } from "./conditions.ts";
import type { ObjectEvent, RequestInfo } from "./event-records.ts";
import { KeyLock } from "./key-lock.ts";
import type { BucketNotifications } from "./notifications.ts";
import { noSuchBucket, noSuchKey, noSuchVersion } from "./object-errors.ts";
import {
  bodiesOf,
  NULL_VERSION,
  type ObjectContent,
  type ObjectDescription,
  type ObjectVersion,
  type StoredObject,
} from "./object-version.ts";

export interface WriteParts {
  readonly buckets: BucketRegistry;
  readonly bodies: ObjectBodies;
  readonly notifications: BucketNotifications;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly newId: () => string;
}

/** A new object, whose bodies are durable already. */
export interface NewObject {
  readonly key: string;
  readonly account: string;
  readonly description: ObjectDescription;
  readonly content: ObjectContent;
  readonly conditions: Conditions;
  /** "ObjectCreated:Put" and the like. */
  readonly eventName: string;
  readonly request: RequestInfo;
  /** The bodies stay when the object is refused: they are an upload's, which may be completed once more. */
  readonly keepsBodies?: boolean;
}

export interface Deletion {
  readonly key: string;
  readonly versionId: string | undefined;
  readonly conditions: Conditions;
  readonly request: RequestInfo;
}

export interface DeletionResult {
  readonly isDeleteMarker: boolean;
  /** Undefined where the bucket was never versioned. */
  readonly versionId: string | undefined;
}

/** What changes the index: one key at a time in order, each change together with its notifications. */
export class ObjectWrites {
  readonly #parts: WriteParts;
  readonly #locks = new KeyLock();

  constructor(parts: WriteParts) {
    this.#parts = parts;
  }

  /** Makes an object the latest version of its key. Throws PreconditionFailed and its like; the bodies are gone then. */
  async store(bucketName: Bucket, object: NewObject): Promise<StoredObject> {
    try {
      return await this.#within(bucketName, object.key, (bucket, contents) =>
        this.#store(bucket, contents, object),
      );
    } catch (error) {
      // After any other failure the index may refer to them.
      if (error instanceof AwsError && !object.keepsBodies)
        this.#discard(
          bucketName.id,
          object.content.parts.map(({ id }) => id),
        );
      throw error;
    }
  }

  async delete(bucketName: Bucket, deletion: Deletion): Promise<DeletionResult> {
    return this.#within(bucketName, deletion.key, (bucket, contents) =>
      deletion.versionId === undefined
        ? this.#deleteLatest(bucket, contents, deletion)
        : this.#deleteVersion(bucket, contents, { ...deletion, versionId: deletion.versionId }),
    );
  }

  /** Replaces the tags of an object; none of them deletes them. */
  async tag(
    bucketName: Bucket,
    change: { readonly key: string; readonly versionId: string | undefined; readonly tags: readonly Tag[] },
    request: RequestInfo,
  ): Promise<StoredObject> {
    const { key, versionId, tags } = change;
    return this.#within(bucketName, key, async (bucket, contents) => {
      const object = existingObject(contents, key, versionId);
      const changed = { ...object, tags };
      const event = this.#event(bucket, changed, {
        name: tags.length > 0 ? "ObjectTagging:Put" : "ObjectTagging:Delete",
        request,
      });
      await this.#commit(contents.put(changed), bucket, event);
      return changed;
    });
  }

  async #store(bucket: Bucket, contents: BucketContents, object: NewObject): Promise<StoredObject> {
    const { key, account, description, content, conditions, eventName: name, request } = object;
    checkWriting(key, contents.latest(key), conditions);
    const versionId = this.#newVersionId(bucket);
    const replaced = contents.version(key, versionId);
    const stored: StoredObject = {
      key,
      account,
      versionId,
      ...this.#now(),
      ...description,
      ...content,
    };
    await this.#commit(contents.put(stored), bucket, this.#event(bucket, stored, { name, request }));
    if (replaced) this.#discard(bucket.id, bodiesOf(replaced));
    return stored;
  }

  async #deleteLatest(bucket: Bucket, contents: BucketContents, deletion: Deletion): Promise<DeletionResult> {
    const { key, conditions, request } = deletion;
    const latest = contents.latest(key);
    checkWriting(key, latest, conditions);
    if (bucket.versioning === undefined) {
      if (latest === undefined) return { isDeleteMarker: false, versionId: undefined };
      await this.#remove(bucket, contents, { version: latest, request });
      return { isDeleteMarker: false, versionId: undefined };
    }
    const versionId = this.#newVersionId(bucket);
    const replaced = contents.version(key, versionId);
    const marker: ObjectVersion = {
      key,
      versionId,
      account: bucket.account,
      ...this.#now(),
      isDeleteMarker: true,
    };
    const event = this.#event(bucket, marker, { name: "ObjectRemoved:DeleteMarkerCreated", request });
    await this.#commit(contents.put(marker), bucket, event);
    if (replaced) this.#discard(bucket.id, bodiesOf(replaced));
    return { isDeleteMarker: true, versionId };
  }

  async #deleteVersion(
    bucket: Bucket,
    contents: BucketContents,
    { key, versionId, conditions, request }: Deletion & { readonly versionId: string },
  ): Promise<DeletionResult> {
    const version = contents.version(key, versionId);
    checkWriting(key, version, conditions);
    if (version === undefined) return { isDeleteMarker: false, versionId };
    await this.#remove(bucket, contents, { version, request });
    return { isDeleteMarker: version.isDeleteMarker === true, versionId };
  }

  async #remove(
    bucket: Bucket,
    contents: BucketContents,
    { version, request }: { readonly version: ObjectVersion; readonly request: RequestInfo },
  ): Promise<void> {
    const gone = { ...version, sequence: this.#parts.buckets.nextSequence() };
    const event = this.#event(bucket, gone, { name: "ObjectRemoved:Delete", request });
    await this.#commit(contents.remove(version), bucket, event);
    this.#discard(bucket.id, bodiesOf(version));
  }

  /** Both are asked for at once, and go to disk together. */
  async #commit(change: Promise<void>, bucket: Bucket, event: ObjectEvent): Promise<void> {
    const announced = this.#parts.notifications.announce(bucket, event);
    if (announced) await Promise.all([change, announced]);
    else await change;
  }

  #within<T>(
    { name }: Bucket,
    key: string,
    work: (bucket: Bucket, contents: BucketContents) => Promise<T>,
  ): Promise<T> {
    const { buckets } = this.#parts;
    return this.#locks.run(`${name}/${key}`, async () => {
      const contents = await buckets.contents(buckets.get(name));
      // Settings as they are now: another request may have changed them while this one waited.
      const bucket = buckets.get(name);
      if (contents.isGone || bucket.id !== contents.bucketId) throw noSuchBucket(name);
      contents.writing++;
      try {
        return await work(bucket, contents);
      } finally {
        contents.writing--;
      }
    });
  }

  #newVersionId({ versioning }: Bucket): string {
    return versioning === "Enabled" ? this.#parts.newId() : NULL_VERSION;
  }

  #now(): { modifiedMs: number; sequence: number } {
    const { clock, buckets } = this.#parts;
    return { modifiedMs: clock.nowMs(), sequence: buckets.nextSequence() };
  }

  #event(
    { versioning }: Bucket,
    version: ObjectVersion,
    { name, request }: { readonly name: string; readonly request: RequestInfo },
  ): ObjectEvent {
    const { key, versionId, sequence } = version;
    const isCreated = !name.startsWith("ObjectRemoved");
    return {
      name,
      key,
      sequence,
      request,
      atMs: this.#parts.clock.nowMs(),
      versionId: versioning === undefined ? undefined : versionId,
      ...(isCreated && !version.isDeleteMarker && { sizeBytes: version.sizeBytes, etag: version.etag }),
    };
  }

  /** Readers that have a body open keep it. What cannot be removed now is found when the bucket is next read in. */
  #discard(bucketId: string, ids: readonly string[]): void {
    const { bodies, logger } = this.#parts;
    bodies
      .remove(bucketId, ids)
      .catch((error: unknown) => logger.warn("an object's file was not removed", { error: String(error) }));
  }
}

/** Throws NoSuchKey or NoSuchVersion; delete markers are no objects. */
export function existingObject(
  contents: BucketContents,
  key: string,
  versionId: string | undefined,
): StoredObject {
  const version = versionId === undefined ? contents.latest(key) : contents.version(key, versionId);
  if (version !== undefined && !version.isDeleteMarker) return version;
  throw versionId === undefined ? noSuchKey(key) : noSuchVersion(key, versionId);
}

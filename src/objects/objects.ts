import type { Clock } from "../ports/clock.ts";
import type { EventSender, EventTargets } from "../ports/event-targets.ts";
import type { Logger } from "../ports/logger.ts";
import type { ObjectBodies } from "../ports/object-bodies.ts";
import { type DurableQueue, type KeyValueStore, NotFound } from "../ports/store.ts";
import type { Bucket } from "./bucket.ts";
import type { BucketContents } from "./bucket-contents.ts";
import { BucketRegistry } from "./bucket-registry.ts";
import type { Conditions } from "./conditions.ts";
import type { RequestInfo } from "./event-records.ts";
import { MultipartUploads } from "./multipart-uploads.ts";
import { BucketNotifications } from "./notifications.ts";
import { type ByteRange, readObject } from "./object-reading.ts";
import type { ObjectDescription, StoredObject } from "./object-version.ts";
import { existingObject, ObjectWrites } from "./object-writes.ts";
import { type IncomingBody, receiveBody } from "./received-body.ts";

export interface ObjectsDependencies {
  readonly keyValue: KeyValueStore;
  readonly queue: DurableQueue;
  readonly bodies: ObjectBodies;
  readonly targets: EventTargets;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A new identifier of letters and digits. */
  readonly newId: () => string;
  readonly mayInvoke: (functionArn: string, sender: EventSender) => boolean;
}

/** A read that lost its object to another writer is tried again. */
const READ_ATTEMPTS = 5;

/** Amazon S3's buckets and objects. */
export class Objects {
  readonly buckets: BucketRegistry;
  readonly writes: ObjectWrites;
  readonly multipart: MultipartUploads;
  readonly notifications: BucketNotifications;
  readonly clock: Clock;
  readonly #bodies: ObjectBodies;

  private constructor(dependencies: ObjectsDependencies, buckets: BucketRegistry) {
    this.buckets = buckets;
    this.clock = dependencies.clock;
    this.#bodies = dependencies.bodies;
    this.notifications = new BucketNotifications(dependencies);
    const parts = { ...dependencies, buckets, notifications: this.notifications };
    this.writes = new ObjectWrites(parts);
    this.multipart = new MultipartUploads(parts, this.writes);
  }

  static async open(dependencies: ObjectsDependencies): Promise<Objects> {
    return new Objects(dependencies, await BucketRegistry.open(dependencies));
  }

  contents(bucket: Bucket): Promise<BucketContents> {
    return this.buckets.contents(bucket);
  }

  /** Throws NoSuchKey or NoSuchVersion. */
  async find(bucket: Bucket, key: string, versionId: string | undefined): Promise<StoredObject> {
    return existingObject(await this.contents(bucket), key, versionId);
  }

  /** Takes a body in and makes it an object. */
  async put(
    bucket: Bucket,
    object: {
      readonly key: string;
      readonly account: string;
      readonly description: ObjectDescription;
      readonly conditions: Conditions;
      readonly eventName: string;
      readonly request: RequestInfo;
    },
    incoming: IncomingBody,
  ): Promise<StoredObject> {
    // The index comes first: reading it in removes bodies that it does not know.
    await this.contents(bucket);
    const body = await receiveBody(this.#bodies, bucket.id, incoming);
    return this.writes.store(bucket, {
      ...object,
      content: {
        sizeBytes: body.sizeBytes,
        etag: Buffer.from(body.md5).toString("hex"),
        parts: [{ id: body.id, sizeBytes: body.sizeBytes }],
        checksums: body.checksums,
        checksumType: "FULL_OBJECT",
      },
    });
  }

  /**
   * Finds an object and opens the range of it that `choose` names, which also sees conditions. An object that is replaced in between is
   * looked up again.
   */
  async read(
    bucket: Bucket,
    { key, versionId }: { readonly key: string; readonly versionId: string | undefined },
    choose: (object: StoredObject) => ByteRange,
  ): Promise<{ object: StoredObject; range: ByteRange; content: AsyncIterable<Uint8Array> }> {
    for (let attempt = 1; ; attempt++) {
      const object = await this.find(bucket, key, versionId);
      const range = choose(object);
      try {
        const content = await readObject(this.#bodies, bucket.id, { parts: object.parts, range });
        return { object, range, content };
      } catch (error) {
        if (!(error instanceof NotFound) || attempt >= READ_ATTEMPTS) throw error;
      }
    }
  }

  close(): void {
    this.notifications.close();
  }
}

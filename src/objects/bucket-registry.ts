import { AwsError } from "../core/errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { ObjectBodies } from "../ports/object-bodies.ts";
import { Conflict, type KeyValueStore } from "../ports/store.ts";
import type { Bucket } from "./bucket.ts";
import { BucketContents } from "./bucket-contents.ts";
import { NO_NOTIFICATIONS } from "./notification-configuration.ts";
import { noSuchBucket } from "./object-errors.ts";

const PREFIX = "s3/buckets/";
const BUCKETS_MAX = 10_000;

export interface BucketParts {
  readonly keyValue: KeyValueStore;
  readonly bodies: ObjectBodies;
  readonly clock: Clock;
  readonly newId: () => string;
}

/** All buckets, their settings, and their contents when they are used. */
export class BucketRegistry {
  readonly #parts: BucketParts;
  readonly #buckets = new Map<string, Bucket>();
  readonly #contents = new Map<string, Promise<BucketContents>>();
  #sequence = 0;

  private constructor(parts: BucketParts) {
    this.#parts = parts;
  }

  static async open(parts: BucketParts): Promise<BucketRegistry> {
    const registry = new BucketRegistry(parts);
    for (const { value } of await parts.keyValue.list(PREFIX)) {
      const bucket = JSON.parse(Buffer.from(value).toString()) as Bucket;
      registry.#buckets.set(bucket.name, bucket);
    }
    return registry;
  }

  find(name: string): Bucket | undefined {
    return this.#buckets.get(name);
  }

  /** Throws NoSuchBucket. */
  get(name: string): Bucket {
    const bucket = this.#buckets.get(name);
    if (bucket === undefined) throw noSuchBucket(name);
    return bucket;
  }

  /** In the order of their names. */
  listOf(account: string): Bucket[] {
    return [...this.#buckets.values()]
      .filter((bucket) => bucket.account === account)
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Throws BucketAlreadyExists, BucketAlreadyOwnedByYou, InvalidBucketName, TooManyBuckets. */
  async create(request: {
    readonly name: string;
    readonly account: string;
    readonly region: string;
    readonly tags: Bucket["tags"];
  }): Promise<Bucket> {
    const { name, account } = request;
    checkBucketName(name);
    const existing = this.#buckets.get(name);
    if (existing !== undefined) throw taken(existing, account);
    if (this.#buckets.size >= BUCKETS_MAX)
      throw new AwsError("TooManyBuckets", "You have attempted to create more buckets than allowed", 400);
    const bucket: Bucket = {
      ...request,
      id: this.#parts.newId(),
      createdMs: this.#parts.clock.nowMs(),
      versioning: undefined,
      cors: [],
      policy: undefined,
      notification: NO_NOTIFICATIONS,
    };
    try {
      await this.#parts.keyValue.create(PREFIX + name, Buffer.from(JSON.stringify(bucket)));
    } catch (error) {
      const other = this.#buckets.get(name);
      if (error instanceof Conflict && other) throw taken(other, account);
      throw error;
    }
    this.#buckets.set(name, bucket);
    return bucket;
  }

  /** Changes settings; resolves when durable. */
  async change(name: string, changes: Partial<Bucket>): Promise<void> {
    const bucket = { ...this.get(name), ...changes };
    this.#buckets.set(name, bucket);
    await this.#parts.keyValue.put(PREFIX + name, Buffer.from(JSON.stringify(bucket)));
  }

  /** Throws BucketNotEmpty. */
  async delete(bucket: Bucket): Promise<void> {
    const contents = await this.contents(bucket);
    if (!contents.isEmpty)
      throw new AwsError("BucketNotEmpty", "The bucket you tried to delete is not empty", 409, {
        BucketName: bucket.name,
      });
    // From here on nothing can be written into it: both happen without a pause.
    contents.isGone = true;
    await this.#parts.keyValue.delete(PREFIX + bucket.name);
    this.#buckets.delete(bucket.name);
    this.#contents.delete(bucket.id);
    for (const uploadId of Array.from(contents.uploads.keys())) await contents.forgetUpload(uploadId);
    await this.#parts.bodies.removeBucket(bucket.id);
  }

  /** The bucket's index, read when it is first asked for; what a crash left beside it is removed then. */
  contents({ id }: Bucket): Promise<BucketContents> {
    const known = this.#contents.get(id);
    if (known) return known;
    const loaded = this.#load(id);
    this.#contents.set(id, loaded);
    loaded.catch(() => this.#contents.delete(id));
    return loaded;
  }

  /** Greater than any before, also after a restart. */
  nextSequence(): number {
    const { clock } = this.#parts;
    this.#sequence = Math.max(this.#sequence + 1, Math.floor(clock.nowMs()) * 1000);
    return this.#sequence;
  }

  async #load(id: string): Promise<BucketContents> {
    const contents = new BucketContents(id, this.#parts.keyValue);
    await contents.load();
    this.#sequence = Math.max(this.#sequence, contents.greatestSequence());
    await this.#parts.bodies.keepOnly(id, contents.bodies());
    return contents;
  }
}

function taken(existing: Bucket, account: string): AwsError {
  if (existing.account === account)
    return new AwsError(
      "BucketAlreadyOwnedByYou",
      "Your previous request to create the named bucket succeeded and you already own it.",
      409,
      { BucketName: existing.name },
    );
  return new AwsError(
    "BucketAlreadyExists",
    "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.",
    409,
    { BucketName: existing.name },
  );
}

const BUCKET_NAME =
  /^(?!xn--|sthree-|amzn-s3-demo-)(?!.*(-s3alias|--ol-s3|--x-s3|\.mrap)$)[a-z0-9](?:[a-z0-9-]|\.(?!\.)){1,61}[a-z0-9]$/;
const ADDRESS = /^\d+\.\d+\.\d+\.\d+$/;

/** AWS: "General purpose bucket naming rules". */
function checkBucketName(name: string): void {
  if (!BUCKET_NAME.test(name) || ADDRESS.test(name))
    throw new AwsError("InvalidBucketName", "The specified bucket is not valid.", 400, { BucketName: name });
}

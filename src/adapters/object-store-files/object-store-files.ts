import { createHash, randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, rename, rm, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { createCrc } from "../../core/crc.ts";
import type { ChecksumAlgorithm } from "../../core/object-checksums.ts";
import type { BodyWrite, ObjectBodies, WrittenBody } from "../../ports/object-bodies.ts";
import { NotFound } from "../../ports/store.ts";
import { DirectorySync } from "./directory-sync.ts";

const PARTIAL = ".partial";
/** Beyond this a write goes out; below, pieces are put together: many clients send very small ones. */
const WRITE_BYTES = 256 * 1024;

/**
 * Objects as plain files: `DIRECTORY/BUCKET/ID`. A body is written beside its name, synchronised, renamed, and its
 * directory synchronised: it is there whole or not at all.
 */
export class ObjectStoreFiles implements ObjectBodies {
  readonly #directory: string;
  readonly #directories = new Map<string, Promise<string>>();
  readonly #sync = new DirectorySync();

  constructor(directory: string) {
    this.#directory = directory;
  }

  async write(write: BodyWrite): Promise<WrittenBody> {
    const directory = await this.#bucket(write.bucketId);
    const id = randomBytes(12).toString("hex");
    const partial = join(directory, id + PARTIAL);
    let file: FileHandle | undefined;
    try {
      file = await open(partial, "wx", 0o600);
      const body = { id, ...(await writeContent(file, write)) };
      write.check(body);
      await file.sync();
      await file.close();
      file = undefined;
      await rename(partial, join(directory, id));
      await this.#sync.sync(directory);
      return body;
    } catch (error) {
      await file?.close();
      await unlink(partial).catch(() => undefined);
      throw error;
    }
  }

  async read(
    bucketId: string,
    id: string,
    range: { readonly start: number; readonly end: number },
  ): Promise<Readable> {
    try {
      const file = await open(join(this.#directory, bucketId, id), "r");
      return file.createReadStream({ ...range, highWaterMark: WRITE_BYTES });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") throw new NotFound(`the body ${id} is gone`);
      throw error;
    }
  }

  async remove(bucketId: string, ids: readonly string[]): Promise<void> {
    for (const id of ids) await rm(join(this.#directory, bucketId, id), { force: true });
  }

  async keepOnly(bucketId: string, ids: ReadonlySet<string>): Promise<void> {
    const directory = await this.#bucket(bucketId);
    for (const name of await readdir(directory))
      if (!ids.has(name)) await rm(join(directory, name), { force: true, recursive: true });
  }

  async removeBucket(bucketId: string): Promise<void> {
    this.#directories.delete(bucketId);
    await rm(join(this.#directory, bucketId), { recursive: true, force: true });
  }

  /** The bucket's directory, durable itself before anything is in it. */
  #bucket(bucketId: string): Promise<string> {
    const known = this.#directories.get(bucketId);
    if (known) return known;
    const made = this.#make(bucketId);
    this.#directories.set(bucketId, made);
    made.catch(() => this.#directories.delete(bucketId));
    return made;
  }

  async #make(bucketId: string): Promise<string> {
    const directory = join(this.#directory, bucketId);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await this.#sync.sync(this.#directory);
    return directory;
  }
}

async function writeContent(
  file: FileHandle,
  { content, algorithms, wantsSha256 }: BodyWrite,
): Promise<Omit<WrittenBody, "id">> {
  const md5 = createHash("md5");
  const sha256 = wantsSha256 ? createHash("sha256") : undefined;
  const digests = algorithms.map((algorithm) => ({ algorithm, digest: digestOf(algorithm) }));
  let sizeBytes = 0;
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  const flush = async (): Promise<void> => {
    if (waitingBytes === 0) return;
    const piece = waiting.length === 1 ? waiting[0] : Buffer.concat(waiting, waitingBytes);
    waiting = [];
    waitingBytes = 0;
    await file.writeFile(piece as Uint8Array);
  };
  for await (const chunk of content) {
    sizeBytes += chunk.byteLength;
    md5.update(chunk);
    sha256?.update(chunk);
    for (const { digest } of digests) digest.update(chunk);
    waiting.push(chunk);
    waitingBytes += chunk.byteLength;
    if (waitingBytes >= WRITE_BYTES) await flush();
  }
  await flush();
  return {
    sizeBytes,
    md5: md5.digest(),
    sha256: sha256?.digest("hex"),
    checksums: Object.fromEntries(
      digests.map(({ algorithm, digest }) => [algorithm, Buffer.from(digest.digest()).toString("base64")]),
    ),
  };
}

interface Digest {
  update(bytes: Uint8Array): unknown;
  digest(): Uint8Array;
}

function digestOf(algorithm: ChecksumAlgorithm): Digest {
  if (algorithm === "SHA1") return createHash("sha1");
  return algorithm === "SHA256" ? createHash("sha256") : createCrc(algorithm);
}

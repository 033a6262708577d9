import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { access, mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type BlobStore, NotFound, Unavailable } from "../../ports/store.ts";
import { syncDirectory, writeDurably } from "./durable-file.ts";
import { errorCode, unavailable } from "./failures.ts";

/** Blobs as files, in 256 directories by the beginning of their names. */
export class Blobs implements BlobStore {
  readonly #directory: string;
  readonly #incoming: string;
  readonly #onFailure: () => void;
  /** Those whose data has arrived: closing waits for them. */
  readonly #finishing = new Set<Promise<unknown>>();
  #closed = false;

  private constructor(directory: string, onFailure: () => void) {
    this.#directory = directory;
    this.#incoming = join(directory, "incoming");
    this.#onFailure = onFailure;
  }

  /** Creates the directory when absent, and removes what an earlier process did not finish. */
  static async open(directory: string, onFailure: () => void): Promise<Blobs> {
    const blobs = new Blobs(directory, onFailure);
    await rm(blobs.#incoming, { recursive: true, force: true });
    await mkdir(blobs.#incoming, { recursive: true, mode: 0o700 });
    await syncDirectory(directory);
    return blobs;
  }

  /** Rejects with the source's own error when `data` fails; nothing is stored then. */
  async put(key: string, data: AsyncIterable<Uint8Array>): Promise<{ sizeBytes: number }> {
    this.#checkOpen();
    const file = this.#file(key);
    let sourceError: { readonly error: unknown } | undefined;
    try {
      await this.#makeShard(dirname(file));
      const written = writeDurably(
        file,
        async (handle) => {
          let sizeBytes = 0;
          for await (const chunk of noticeError(data, (error) => {
            sourceError = { error };
          })) {
            this.#checkOpen();
            await handle.writeFile(chunk);
            sizeBytes += chunk.byteLength;
          }
          this.#checkOpen();
          this.#finishing.add(written);
          return { sizeBytes };
        },
        this.#incoming,
      ).finally(() => this.#finishing.delete(written));
      return await written;
    } catch (error) {
      throw sourceError === undefined ? this.#failed("the blob cannot be written", error) : sourceError.error;
    }
  }

  async get(key: string): Promise<AsyncIterable<Uint8Array>> {
    if (!(await this.has(key))) {
      throw new NotFound(`there is no blob ${key}`);
    }
    return readBlob(this.#file(key), key);
  }

  async has(key: string): Promise<boolean> {
    this.#checkOpen();
    try {
      await access(this.#file(key));
      return true;
    } catch (error) {
      if (errorCode(error) === "ENOENT") {
        return false;
      }
      throw this.#failed("the blob cannot be looked up", error);
    }
  }

  async delete(key: string): Promise<void> {
    this.#checkOpen();
    const file = this.#file(key);
    try {
      await rm(file);
      await syncDirectory(dirname(file));
    } catch (error) {
      if (errorCode(error) !== "ENOENT") {
        throw this.#failed("the blob cannot be deleted", error);
      }
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#finishing);
  }

  async #makeShard(shard: string): Promise<void> {
    if ((await mkdir(shard, { recursive: true, mode: 0o700 })) !== undefined) {
      await syncDirectory(this.#directory);
    }
  }

  #file(key: string): string {
    const name = blobFileName(key);
    return join(this.#directory, name.slice(-2), name);
  }

  #checkOpen(): void {
    if (this.#closed) {
      throw new Unavailable("the store is closed");
    }
  }

  #failed(what: string, error: unknown): Error {
    if (error instanceof Unavailable) {
      return error;
    }
    this.#onFailure();
    return unavailable(what, error);
  }
}

/** A SHA-256 names its file itself; every other key is hashed, so that it may have any characters and any length. */
function blobFileName(key: string): string {
  return /^[0-9a-f]{64}$/.test(key) ? key : `key-${createHash("sha256").update(key).digest("hex")}`;
}

/** Opens the file when it is iterated over, so that a blob nobody reads leaves no file open. */
async function* readBlob(file: string, key: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(file, { highWaterMark: 256 * 1024 });
  } catch (error) {
    throw errorCode(error) === "ENOENT"
      ? new NotFound(`there is no blob ${key}`)
      : unavailable(`blob ${key} cannot be read`, error);
  }
}

/** Tells the source's errors from the disk's. */
async function* noticeError(
  data: AsyncIterable<Uint8Array>,
  onError: (error: unknown) => void,
): AsyncGenerator<Uint8Array> {
  try {
    yield* data;
  } catch (error) {
    onError(error);
    throw error;
  }
}

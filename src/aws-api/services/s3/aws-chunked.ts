import { AwsError } from "../../../core/errors.ts";
import type { ChunkSignatures } from "../../protocol/handlers.ts";

/** A body without the wrapping that today's SDKs put around it. */
export interface ChunkedBody {
  readonly content: AsyncIterable<Uint8Array>;
  /** Complete when the content has come to its end; names in lower case. */
  readonly trailers: ReadonlyMap<string, string>;
}

export interface ChunkedOptions {
  /** x-amz-decoded-content-length */
  readonly declaredBytes: number | undefined;
  /** Checks each chunk, where chunks are signed and signatures matter. */
  readonly chunkSignatures: ChunkSignatures | undefined;
}

const LINE_BYTES_MAX = 4096;
/** The longest chunk that is held for its signature; unsigned ones are passed on as they come. */
const SIGNED_CHUNK_BYTES_MAX = 16 * 1024 * 1024;
const empty = new Uint8Array(0);

const malformed = (): AwsError =>
  new AwsError("InvalidRequest", "The body is not correctly encoded in aws-chunked.", 400);
const incomplete = (): AwsError =>
  new AwsError(
    "IncompleteBody",
    "You did not provide the number of bytes specified by the Content-Length HTTP header",
    400,
  );

/**
 * Decodes `aws-chunked`: chunks with their length in hexadecimal, perhaps signed, a last one of no length, and
 * trailers. Content throws IncompleteBody, InvalidRequest or SignatureDoesNotMatch.
 */
export function decodeChunks(raw: AsyncIterable<Uint8Array>, options: ChunkedOptions): ChunkedBody {
  const trailers = new Map<string, string>();
  return { trailers, content: contentOf(new ByteReader(raw), trailers, options) };
}

async function* contentOf(
  reader: ByteReader,
  trailers: Map<string, string>,
  { declaredBytes, chunkSignatures }: ChunkedOptions,
): AsyncGenerator<Uint8Array> {
  let total = 0;
  for (;;) {
    const line = (await reader.line()) ?? fail(incomplete());
    const [, length = "", signature] =
      /^([0-9a-fA-F]{1,12})(?:;chunk-signature=([0-9a-f]{64}))?$/.exec(line) ?? fail(malformed());
    const bytes = Number.parseInt(length, 16);
    total += bytes;
    if (chunkSignatures === undefined) yield* reader.bytes(bytes);
    else {
      const chunk = await reader.whole(bytes);
      chunkSignatures.check(chunk, signature);
      if (bytes > 0) yield chunk;
    }
    if (bytes === 0) break;
    if ((await reader.line()) !== "") throw malformed();
  }
  await readTrailers(reader, trailers, chunkSignatures);
  if (declaredBytes !== undefined && total !== declaredBytes) throw incomplete();
}

async function readTrailers(
  reader: ByteReader,
  trailers: Map<string, string>,
  signatures: ChunkSignatures | undefined,
): Promise<void> {
  const signed: string[] = [];
  for (let line = await reader.line(); line !== undefined && line !== ""; line = await reader.line()) {
    const colon = line.indexOf(":");
    if (colon < 1) throw malformed();
    const [name, value] = [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()];
    if (name === "x-amz-trailer-signature") signatures?.checkTrailers(signed.join(""), value);
    else {
      signed.push(`${name}:${value}\n`);
      trailers.set(name, value);
    }
  }
  if (signatures?.signsTrailers === true && !signatures.hasCheckedTrailers) throw malformed();
  // Whatever else comes belongs to no body.
  await reader.drain();
}

function fail(error: AwsError): never {
  throw error;
}

/** Lines and counted bytes of a stream of chunks. */
class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #held: Uint8Array = empty;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Up to the next CRLF, without it; undefined at the end of the stream. */
  async line(): Promise<string | undefined> {
    for (;;) {
      const end = this.#held.indexOf(10);
      if (end >= 0) {
        const text = Buffer.from(this.#held.subarray(0, end)).toString("latin1").replace(/\r$/, "");
        this.#held = this.#held.subarray(end + 1);
        return text;
      }
      if (this.#held.byteLength > LINE_BYTES_MAX) throw malformed();
      const more = await this.#next();
      if (more === undefined) return this.#held.byteLength === 0 ? undefined : fail(incomplete());
      this.#held = this.#held.byteLength === 0 ? more : Buffer.concat([this.#held, more]);
    }
  }

  async *bytes(count: number): AsyncGenerator<Uint8Array> {
    let missing = count;
    while (missing > 0) {
      if (this.#held.byteLength === 0) this.#held = (await this.#next()) ?? fail(incomplete());
      const piece = this.#held.subarray(0, missing);
      this.#held = this.#held.subarray(piece.byteLength);
      missing -= piece.byteLength;
      if (piece.byteLength > 0) yield piece;
    }
  }

  async whole(count: number): Promise<Uint8Array> {
    if (count > SIGNED_CHUNK_BYTES_MAX) throw malformed();
    const pieces: Uint8Array[] = [];
    for await (const piece of this.bytes(count)) pieces.push(piece);
    return Buffer.concat(pieces, count);
  }

  async drain(): Promise<void> {
    this.#held = empty;
    while ((await this.#next()) !== undefined);
  }

  async #next(): Promise<Uint8Array | undefined> {
    const { done, value } = await this.#source.next();
    return done ? undefined : value;
  }
}

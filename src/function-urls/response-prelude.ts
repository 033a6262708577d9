/** What HttpResponseStream.from sets for a stream that begins with the head of an answer. */
export const HTTP_RESPONSE_TYPE = "application/vnd.awslambda.http-integration-response";

/** AWS documents no limit; the head of an answer is a few headers. */
const PRELUDE_BYTES_MAX = 131_072;
const DELIMITER = Buffer.alloc(8);

export interface Prelude {
  readonly metadata: Readonly<Record<string, unknown>>;
  /** What came behind the delimiter, perhaps nothing. */
  readonly rest: Uint8Array;
}

/** Gathers the head of a streamed answer: JSON, then eight zero bytes, then the body. */
export class PreludeReader {
  /** Grows by doubling: however small the pieces are, gathering them stays cheap. */
  #bytes = Buffer.allocUnsafe(4096);
  #length = 0;

  /** Undefined: more is needed. "invalid": this is no prelude and will be none. */
  take(piece: Uint8Array): Prelude | "invalid" | undefined {
    const searchFrom = Math.max(0, this.#length - DELIMITER.length + 1);
    this.#append(piece);
    const bytes = this.#bytes.subarray(0, this.#length);
    const end = bytes.indexOf(DELIMITER, searchFrom);
    if (end < 0) return this.#length > PRELUDE_BYTES_MAX ? "invalid" : undefined;
    const metadata = objectIn(bytes.subarray(0, end));
    return metadata === undefined ? "invalid" : { metadata, rest: bytes.subarray(end + DELIMITER.length) };
  }

  #append(piece: Uint8Array): void {
    const length = this.#length + piece.byteLength;
    if (length > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(length, 2 * this.#bytes.length));
      this.#bytes.copy(grown, 0, 0, this.#length);
      this.#bytes = grown;
    }
    this.#bytes.set(piece, this.#length);
    this.#length = length;
  }
}

function objectIn(bytes: Buffer): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

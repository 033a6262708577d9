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
  #bytes: Buffer = Buffer.alloc(0);

  /** Undefined: more is needed. "invalid": this is no prelude and will be none. */
  take(piece: Uint8Array): Prelude | "invalid" | undefined {
    const searchFrom = Math.max(0, this.#bytes.length - DELIMITER.length + 1);
    this.#bytes = Buffer.concat([this.#bytes, piece]);
    const end = this.#bytes.indexOf(DELIMITER, searchFrom);
    if (end < 0) return this.#bytes.length > PRELUDE_BYTES_MAX ? "invalid" : undefined;
    const metadata = objectIn(this.#bytes.subarray(0, end));
    return metadata === undefined
      ? "invalid"
      : { metadata, rest: this.#bytes.subarray(end + DELIMITER.length) };
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

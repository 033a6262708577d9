/** Of a part: the record's id, and how many bytes of its text are still to come. */
const HEAD_BYTES = 8;
/** Of all records that are not whole: what is more is handed on as it is. */
const OPEN_BYTES_MAX = 1_048_576;

interface OpenRecord {
  readonly timestampMs: number | undefined;
  readonly texts: Buffer[];
}

/**
 * Puts records together that came in parts, each of them a write that the kernel does not cut: others write between
 * them. A part names its record, for several may be on their way.
 */
export class RecordParts {
  readonly #onRecord: (timestampMs: number | undefined, text: string) => void;
  readonly #open = new Map<number, OpenRecord>();
  #openBytes = 0;

  constructor(onRecord: (timestampMs: number | undefined, text: string) => void) {
    this.#onRecord = onRecord;
  }

  add(timestampMs: number | undefined, part: Buffer): void {
    if (part.length < HEAD_BYTES) return;
    const id = part.readUInt32BE(0);
    const record = this.#open.get(id) ?? { timestampMs, texts: [] };
    this.#open.set(id, record);
    // Not a view: that would keep all that was read with it.
    record.texts.push(Buffer.from(part.subarray(HEAD_BYTES)));
    this.#openBytes += part.length;
    if (part.readUInt32BE(4) === 0) this.#handOn(id, record);
    if (this.#openBytes > OPEN_BYTES_MAX) this.end();
  }

  /** Hands on what has come of each. */
  end(): void {
    for (const [id, record] of this.#open) this.#handOn(id, record);
  }

  #handOn(id: number, { timestampMs, texts }: OpenRecord): void {
    this.#open.delete(id);
    for (const text of texts) this.#openBytes -= text.length + HEAD_BYTES;
    this.#onRecord(timestampMs, Buffer.concat(texts).toString("utf8"));
  }
}

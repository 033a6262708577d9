import { CborCodec } from "@smithy/core/cbor";
import type { NormalizedSchema } from "@smithy/core/schema";
import { serializationError } from "./serialization-error.ts";
import { maxDepth } from "./value-reader.ts";
import { serdeContext } from "./xml-body.ts";

const documentSchema = 15;
const codec = new CborCodec();
codec.setSerdeContext(serdeContext);

/** Parses a CBOR body; an empty one is an empty object. Throws SerializationException. */
export function parseCbor(bytes: Uint8Array): unknown {
  if (bytes.byteLength === 0) return {};
  if (new CborScanner(bytes).scan() !== bytes.byteLength) throw malformed();
  try {
    return codec.createDeserializer().read(documentSchema, bytes);
  } catch {
    throw malformed();
  }
}

/** Writes a value as CBOR by the SDK's schema. */
export function writeCbor(schema: NormalizedSchema, value: unknown): Uint8Array {
  const serializer = codec.createSerializer();
  serializer.write(schema, value);
  return serializer.flush();
}

/** Writes plain data (error bodies) as CBOR. */
export function writeCborDocument(value: Readonly<Record<string, unknown>>): Uint8Array {
  const serializer = codec.createSerializer();
  serializer.write(documentSchema, value);
  return serializer.flush();
}

const malformed = (): Error => serializationError("The request body is not well-formed CBOR");

const indefinite = -1;
const breakByte = 0xff;
const protoKey = "__proto__";
const majorBytes = 2;
const majorText = 3;
const majorArray = 4;
const majorMap = 5;
const majorTag = 6;
/** Epoch seconds: the only tag that an AWS client sends for our shapes. */
const timestampTag = 1;

/**
 * Walks a CBOR item once before the SDK's decoder sees it, since that trusts its input: counts that the body cannot
 * hold, deep nesting, big-number tags (whose decoding costs far more than their bytes) and "__proto__" keys are
 * refused here.
 */
class CborScanner {
  readonly #bytes: Buffer;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The length of the first item. */
  scan(): number {
    this.#item(0);
    return this.#position;
  }

  #item(depth: number): void {
    if (depth > maxDepth) throw serializationError("The request body is nested too deeply");
    const head = this.#byte();
    const major = head >> 5;
    const argument = this.#argument(head);
    if (major === majorBytes || major === majorText) this.#string(major, argument, false);
    else if (major === majorArray) this.#items(argument, () => this.#item(depth + 1));
    else if (major === majorMap)
      this.#items(argument, () => {
        this.#key();
        this.#item(depth + 1);
      });
    else if (argument === indefinite) throw malformed();
    else if (major === majorTag) {
      if (argument !== timestampTag) throw serializationError(`CBOR tag ${argument} is not supported`);
      const inner = this.#bytes[this.#position];
      // A number: unsigned, negative or float.
      if (inner === undefined || (inner >> 5 > 1 && !(inner >= 0xf9 && inner <= 0xfb))) throw malformed();
      this.#item(depth + 1);
    }
  }

  #items(count: number, one: () => void): void {
    if (count === indefinite) {
      while (this.#bytes[this.#position] !== breakByte) one();
      this.#position += 1;
      return;
    }
    // Every item takes at least one byte.
    if (count > this.#bytes.length - this.#position) throw malformed();
    for (let index = 0; index < count; index += 1) one();
  }

  #key(): void {
    const start = this.#position;
    const head = this.#byte();
    if (head >> 5 !== majorText) throw malformed();
    this.#string(majorText, this.#argument(head), true);
    const length = this.#position - start;
    if (
      length <= protoKey.length + 9 &&
      this.#bytes.toString("latin1", start, this.#position).endsWith(protoKey)
    )
      throw serializationError(`A map key must not be ${protoKey}`);
  }

  #string(major: number, length: number, isKey: boolean): void {
    if (length !== indefinite) {
      this.#skip(length);
      return;
    }
    if (isKey) throw malformed();
    while (this.#bytes[this.#position] !== breakByte) {
      const head = this.#byte();
      const chunkLength = this.#argument(head);
      if (head >> 5 !== major || chunkLength === indefinite) throw malformed();
      this.#skip(chunkLength);
    }
    this.#position += 1;
  }

  #argument(head: number): number {
    const minor = head & 0x1f;
    if (minor < 24) return minor;
    if (minor === 31) return indefinite;
    if (minor > 27) throw malformed();
    const size = 1 << (minor - 24);
    const start = this.#position;
    this.#skip(size);
    if (size === 8) return Number(this.#bytes.readBigUInt64BE(start));
    return this.#bytes.readUIntBE(start, size);
  }

  #byte(): number {
    const byte = this.#bytes[this.#position];
    if (byte === undefined) throw malformed();
    this.#position += 1;
    return byte;
  }

  #skip(length: number): void {
    if (length > this.#bytes.length - this.#position) throw malformed();
    this.#position += length;
  }
}

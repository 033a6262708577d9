import { serializationError } from "./serialization-error.ts";

/** Parses a JSON body; an empty one is an empty object, as AWS reads it. Throws SerializationException. */
export function parseJson(bytes: Uint8Array): unknown {
  if (bytes.byteLength === 0) return {};
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"));
  } catch (error) {
    const reason = error instanceof SyntaxError ? error.message : "it is too large";
    throw serializationError(`Could not parse request body into json: ${reason}`);
  }
}

import { dateToUtcString } from "@smithy/core/serde";
import { serializationError } from "./serialization-error.ts";
import type { Member, Shape, TimestampFormat } from "./shape.ts";
import { encodeBase64, writeDateTime } from "./text-values.ts";
import { setOwn } from "./value-reader.ts";

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

export type JsonNames = "member" | "json-name";

/** The JSON form of a value: epoch-second timestamps, base64 blobs, absent members left out. */
export function toJson(shape: Shape, value: unknown, names: JsonNames): unknown {
  if (value === undefined || value === null) return null;
  switch (shape.kind) {
    case "structure":
      return membersToJson(shape.members, value as Record<string, unknown>, names);
    case "list":
      return (value as unknown[]).map((element) => toJson(shape.element, element, names));
    case "map":
      return mapToJson(shape.value, value as Record<string, unknown>, names);
    case "blob":
      return value instanceof Uint8Array ? encodeBase64(value) : value;
    case "timestamp":
      return value instanceof Date ? timestampToJson(shape.format, value) : value;
    default:
      // JSON has no such numbers; AWS writes them as text.
      return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
  }
}

function timestampToJson(format: TimestampFormat, value: Date): string | number {
  if (format === "date-time") return writeDateTime(value);
  return format === "http-date" ? dateToUtcString(value) : value.getTime() / 1000;
}

/** The JSON object of some members of a structure; what the value has besides them is not written. */
export function membersToJson(
  members: readonly Member[],
  value: Record<string, unknown>,
  names: JsonNames,
): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const member of members) {
    const given = value[member.name];
    if (given === undefined || given === null) continue;
    result[names === "member" ? member.name : member.jsonName] = toJson(member.shape, given, names);
  }
  return result;
}

function mapToJson(
  valueShape: Shape,
  value: Record<string, unknown>,
  names: JsonNames,
): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    const given = value[key];
    if (given !== undefined && given !== null) setOwn(result, key, toJson(valueShape, given, names));
  }
  return result;
}

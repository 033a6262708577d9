import {
  _parseEpochTimestamp,
  _parseRfc3339DateTimeWithOffset,
  _parseRfc7231DateTime,
  dateToUtcString,
} from "@smithy/core/serde";
import { serializationError } from "./serialization-error.ts";
import type { Shape, TimestampFormat } from "./shape.ts";

/** A number as AWS's clients write it; no hexadecimal, no blanks. */
const numberPattern = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?$/;
const base64Pattern = /^[A-Za-z0-9+/]*={0,2}$/;

/** Reads a scalar from a header, label, query parameter, form value or XML text. Throws SerializationException. */
export function readText(shape: Shape, text: string, defaultFormat: TimestampFormat): unknown {
  switch (shape.kind) {
    case "string":
    case "document":
      return text;
    case "boolean":
      return readBoolean(text);
    case "number":
      return readNumber(text);
    case "blob":
      return decodeBase64(text);
    case "timestamp":
      return readTimestamp(text, shape.format === "protocol" ? defaultFormat : shape.format);
    case "list":
    case "map":
    case "structure":
    case "unit":
      throw serializationError("A structured value stands where a simple one is expected");
  }
}

/** Writes a scalar as text, the reverse of `readText`. */
export function writeText(shape: Shape, value: unknown, defaultFormat: TimestampFormat): string {
  if (value instanceof Date && shape.kind === "timestamp") {
    const format = shape.format === "protocol" ? defaultFormat : shape.format;
    if (format === "http-date") return dateToUtcString(value);
    return format === "date-time" ? writeDateTime(value) : String(value.getTime() / 1000);
  }
  if (value instanceof Uint8Array) return encodeBase64(value);
  return String(value);
}

/** RFC 3339 without a fraction when there is none, as AWS writes it. */
export function writeDateTime(value: Date): string {
  return value.toISOString().replace(".000Z", "Z");
}

/** Throws SerializationException for anything but canonical base64. */
export function decodeBase64(text: string): Uint8Array {
  if (text.length % 4 !== 0 || !base64Pattern.test(text))
    throw serializationError("A binary value is not valid base64");
  return Buffer.from(text, "base64");
}

export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

/** Parses a timestamp given as text, or as a number of seconds. Throws SerializationException. */
export function readTimestamp(value: unknown, format: TimestampFormat): Date {
  let date: Date | undefined;
  try {
    if (format === "epoch-seconds") date = _parseEpochTimestamp(value);
    else if (format === "http-date") date = _parseRfc7231DateTime(value);
    else date = _parseRfc3339DateTimeWithOffset(value);
  } catch {
    date = undefined;
  }
  if (date === undefined || Number.isNaN(date.getTime()))
    throw serializationError("A value is not a valid timestamp");
  return date;
}

function readBoolean(text: string): boolean {
  if (text === "true" || text === "True") return true;
  if (text === "false" || text === "False") return false;
  throw serializationError(`'${abbreviate(text)}' is not a boolean`);
}

function readNumber(text: string): number {
  if (numberPattern.test(text)) return Number(text);
  if (text === "NaN" || text === "Infinity" || text === "-Infinity") return Number(text);
  throw serializationError(`'${abbreviate(text)}' is not a number`);
}

function abbreviate(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

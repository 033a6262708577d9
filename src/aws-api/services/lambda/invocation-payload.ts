import { isUtf8 } from "node:buffer";
import { randomFillSync } from "node:crypto";
import { AwsError, requestEntityTooLarge } from "../../../core/errors.ts";
import { FUNCTION_LIMITS } from "../../../core/function-limits.ts";
import { findJsonError } from "../../../core/json-text.ts";

/** AWS: functions see `{}` when they are invoked without a payload. */
const EMPTY_PAYLOAD: Uint8Array = Buffer.from("{}");

/** The payload, or AWS's empty one. Throws AWS's 413 above the limit. */
export function checkedPayload(
  payload: Uint8Array | undefined,
  type: "RequestResponse" | "Event",
  limit: number,
): Uint8Array {
  if (payload === undefined || payload.byteLength === 0) return EMPTY_PAYLOAD;
  if (payload.byteLength > limit) {
    throw requestEntityTooLarge(
      `${payload.byteLength} byte payload is too large for the ${type} invocation type (limit ${limit} bytes)`,
    );
  }
  return payload;
}

/** Throws AWS's error with the parser's words. */
export function checkJson(payload: Uint8Array): void {
  if (payload === EMPTY_PAYLOAD) return;
  const problem = isUtf8(payload) ? findJsonError(payload) : "Invalid UTF-8 in the text";
  if (problem === undefined) return;
  throw invalidRequestContent(
    `Could not parse request body into json: Could not parse payload into json: ${problem}`,
  );
}

/** JSON text of the X-Amz-Client-Context header. */
export function checkedClientContext(encoded: string | undefined): string | undefined {
  if (encoded === undefined || encoded === "") return undefined;
  if (encoded.length > FUNCTION_LIMITS.clientContextBytesMax) {
    throw invalidRequestContent(
      `Client context must not be larger than ${FUNCTION_LIMITS.clientContextBytesMax} bytes.`,
    );
  }
  const decoded = Buffer.from(encoded, "base64");
  const text = decoded.toString();
  if (!isUtf8(decoded) || !text.trimStart().startsWith("{") || findJsonError(decoded) !== undefined) {
    throw invalidRequestContent("Client context must be a valid Base64-encoded JSON object.");
  }
  return text;
}

const invalidRequestContent = (message: string): AwsError =>
  new AwsError("InvalidRequestContentException", message, 400);

const RANDOM_BYTES = 24;
const randomPool = Buffer.alloc(256 * RANDOM_BYTES);
let randomUsed = randomPool.byteLength;

/** 48 digits, from a pool: that is much cheaper than asking the system each time. No digit is given out twice. */
export function randomHex(): string {
  if (randomUsed === randomPool.byteLength) {
    randomFillSync(randomPool);
    randomUsed = 0;
  }
  randomUsed += RANDOM_BYTES;
  return randomPool.toString("hex", randomUsed - RANDOM_BYTES, randomUsed);
}

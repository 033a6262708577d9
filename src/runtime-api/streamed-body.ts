import type { IncomingMessage } from "node:http";
import type { RuntimeApiRefusal, StreamingResponse } from "../environments/runtime-api-session.ts";

/** Trailers with which a runtime reports an error after it has begun to respond. */
const ERROR_TYPE = "lambda-runtime-function-error-type";
const ERROR_BODY = "lambda-runtime-function-error-body";

/**
 * Hands a body on piece by piece, no faster than it is taken, and ends it with what its trailers say. "aborted" when
 * the connection broke in the middle. Never rejects.
 */
export async function forwardStream(
  request: IncomingMessage,
  stream: StreamingResponse,
): Promise<{ readonly refusal: RuntimeApiRefusal | undefined } | "aborted"> {
  try {
    for await (const piece of request as AsyncIterable<Uint8Array>) {
      const room = stream.write(piece);
      if (room !== undefined) await room;
    }
  } catch {
    stream.breakOff();
    return "aborted";
  }
  const type = request.trailers[ERROR_TYPE];
  const body = request.trailers[ERROR_BODY];
  if (type === undefined && body === undefined) return { refusal: stream.end() };
  return { refusal: stream.fail(errorBody(type, body), type) };
}

function errorBody(type: string | undefined, encoded: string | undefined): Uint8Array {
  const decoded = Buffer.from(encoded ?? "", "base64");
  // An error without a body still has to say what it was.
  return decoded.length > 0 ? decoded : Buffer.from(JSON.stringify({ errorType: type ?? "Runtime.Unknown" }));
}

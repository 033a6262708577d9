import type { IncomingMessage } from "node:http";

const NOTHING = new Uint8Array(0);
/** A client that sends too much is listened to this far, so that it reads the refusal; then it is cut off. */
const DISCARDED_BYTES_MAX = 64 * 1024 * 1024;

/** Reads a request's body. "too large": the rest is thrown away as it comes; "gone": nobody waits for an answer. */
export function readUrlBody(
  message: IncomingMessage,
  maxBytes: number,
): Promise<Uint8Array | "too large" | "gone"> | Uint8Array {
  const { "content-length": declared, "transfer-encoding": encoding } = message.headers;
  if (declared === "0" || (declared === undefined && encoding === undefined)) return NOTHING;
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const refuse = (): void => {
      chunks.length = 0;
      resolve("too large");
    };
    if (Number(declared ?? 0) > maxBytes) refuse();
    message.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > DISCARDED_BYTES_MAX) message.destroy();
      else if (bytes > maxBytes || Number(declared ?? 0) > maxBytes) refuse();
      else chunks.push(chunk);
    });
    message.on("end", () => resolve(chunks.length === 1 ? (chunks[0] ?? NOTHING) : Buffer.concat(chunks)));
    message.on("error", () => resolve("gone"));
    message.on("close", () => resolve("gone"));
  });
}

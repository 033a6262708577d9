import type { IncomingMessage } from "node:http";

/**
 * The whole body, at most `maxBytes`; a larger one is read to its end and thrown away, so that the runtime gets to
 * read the refusal. "aborted" when the connection broke off. Never rejects.
 */
export function readBody(
  request: IncomingMessage,
  maxBytes: number,
): Promise<Buffer | "too large" | "aborted"> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= maxBytes) chunks.push(chunk);
      else chunks.length = 0;
    });
    request.on("end", () => {
      if (size > maxBytes) resolve("too large");
      else resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
    });
    request.on("close", () => resolve("aborted"));
    request.on("error", () => resolve("aborted"));
  });
}

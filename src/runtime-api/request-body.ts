import type { IncomingMessage } from "node:http";
import type { UnfinishedBodies } from "./unfinished-bodies.ts";

/**
 * The whole body, at most `maxBytes`; a larger one is read to its end and thrown away, so that the runtime gets to
 * read the refusal. "aborted" when the connection broke off, or `bodies` are too many. Never rejects.
 */
export function readBody(
  request: IncomingMessage,
  maxBytes: number,
  bodies: UnfinishedBodies,
): Promise<Buffer | "too large" | "aborted"> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    let held = 0;
    const hold = (bytes: number): boolean => {
      bodies.remove(held);
      held = bytes;
      return bodies.add(held);
    };
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= maxBytes) chunks.push(chunk);
      else chunks.length = 0;
      if (!hold(size <= maxBytes ? size : 0)) request.destroy();
    });
    request.on("end", () => {
      hold(0);
      if (size > maxBytes) resolve("too large");
      else resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
    });
    request.on("close", () => {
      hold(0);
      resolve("aborted");
    });
    request.on("error", () => resolve("aborted"));
  });
}

import type { IncomingMessage } from "node:http";
import { ByteRoom } from "../core/byte-room.ts";

const NOTHING = new Uint8Array(0);
/** A client that sends too much is listened to this far, so that it reads the refusal; then it is cut off. */
const DISCARDED_BYTES_MAX = 64 * 1024 * 1024;

/** Anybody may send them: all that arrive together take no more than this of this process's memory. */
const ROOM_BYTES = 256 * 1024 * 1024;
/** These come in at once, mostly, and wait for nobody. */
const SMALL_BYTES = 64 * 1024;
const room = new ByteRoom(ROOM_BYTES);

/** Reads a request's body as `arrivingBody` does, when there is room for it. */
export function readUrlBody(
  message: IncomingMessage,
  maxBytes: number,
): Promise<Uint8Array | "too large" | "gone"> | Uint8Array {
  const declared = Number(message.headers["content-length"] ?? 0);
  const isBounded = message.headers["transfer-encoding"] === undefined;
  if ((isBounded && declared <= SMALL_BYTES) || declared > maxBytes) return arrivingBody(message, maxBytes);
  return withRoom(message, isBounded ? declared : maxBytes, () => arrivingBody(message, maxBytes));
}

async function withRoom<T>(
  message: IncomingMessage,
  bytes: number,
  read: () => T | Promise<T>,
): Promise<T | "gone"> {
  const entered = await room.enter(bytes);
  try {
    return message.destroyed ? "gone" : await read();
  } finally {
    room.leave(entered);
  }
}

/** "too large": the rest is thrown away as it comes; "gone": nobody waits for an answer. */
function arrivingBody(
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

import type { IncomingMessage } from "node:http";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { type BodyRoom, enterRoom } from "./body-room.ts";
import { serializationError } from "./serialization-error.ts";
import type { BodyLimit } from "./service-dialect.ts";

/** The client went away before its request was whole; there is nobody to answer. */
export class ClientGone extends Error {
  override name = "ClientGone";
}

const empty = new Uint8Array(0);
const packetParsed = Promise.resolve();
const decompress = promisify(gunzip);
/** A client that sends far too much is listened to this far, so that it reads our refusal; then it is cut off. */
const maxDiscardedBytes = 256 * 1024 * 1024;

export interface BodyRequest {
  readonly message: IncomingMessage;
  readonly limit: BodyLimit;
  /** For the text of a refusal. */
  readonly operation: string;
  /** Sees the body as it was sent, before any decoding; throws to refuse it. */
  readonly check?: ((body: Uint8Array) => void) | undefined;
  /** For a client that has no room of its own. */
  readonly room?: BodyRoom | undefined;
}

/**
 * Reads a whole request body, holding at most the limit in memory. Rejects with the limit's refusal when there is
 * more, with `ClientGone` when the connection ends first, with SerializationException for a bad Content-Encoding.
 * To be called while the request is new: nothing else may read it.
 */
export function readBody(request: BodyRequest): Uint8Array | Promise<Uint8Array> {
  const { headers } = request.message;
  const declared = headers["content-length"];
  if (declared === "0" || (declared === undefined && headers["transfer-encoding"] === undefined)) {
    request.check?.(empty);
    return empty;
  }
  const encoding = headers["content-encoding"];
  if (encoding === undefined || encoding === "identity") return arrived(request);
  if (encoding !== "gzip") throw serializationError(`Content-Encoding ${encoding} is not supported`);
  return arrived(request).then((bytes) => inflate(bytes, request));
}

/**
 * A small body comes in one packet with its headers, and lies in the message's buffer once Node has parsed that packet.
 * Taken from there it costs none of a stream's events.
 */
async function arrived(request: BodyRequest): Promise<Uint8Array> {
  const { message, limit, check } = request;
  await packetParsed;
  if (message.destroyed) throw new ClientGone("The client closed the connection");
  const bytes = message.readableLength;
  if (bytes > limit.maxBytes || String(bytes) !== message.headers["content-length"]) return collect(request);
  const body = (message.read() as Buffer | null) ?? empty;
  message.resume();
  check?.(body);
  return body;
}

async function collect(request: BodyRequest): Promise<Uint8Array> {
  const { message, limit, operation, room } = request;
  const declared = Number(message.headers["content-length"] ?? 0);
  if (declared > limit.maxBytes) {
    discard(message);
    throw limit.refuse(operation, declared, message.headers);
  }
  const mostBytes = message.headers["content-length"] === undefined ? limit.maxBytes : declared;
  await enterRoom(message, mostBytes, room);
  if (message.destroyed) throw new ClientGone("The client closed the connection");
  return gather(request);
}

function gather({ message, limit, operation, check }: BodyRequest): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const refuse = (): void => reject(limit.refuse(operation, bytes, message.headers));
    message.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= limit.maxBytes) chunks.push(chunk);
      else {
        chunks.length = 0;
        if (bytes <= maxDiscardedBytes) return;
        refuse();
        message.destroy();
      }
    });
    message.on("end", () => {
      if (bytes > limit.maxBytes) return refuse();
      const body = chunks.length === 1 ? (chunks[0] ?? empty) : Buffer.concat(chunks, bytes);
      try {
        check?.(body);
        resolve(body);
      } catch (error) {
        reject(error);
      }
    });
    // "close" follows "end" as well: no error is made then, its stack trace would cost more than the reading.
    const gone = (): void => {
      if (!message.readableEnded) reject(new ClientGone("The client closed the connection"));
    };
    message.on("error", gone);
    message.on("close", gone);
  });
}

function discard(message: IncomingMessage): void {
  let bytes = 0;
  message.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > maxDiscardedBytes) message.destroy();
  });
  message.on("error", () => {});
}

async function inflate(bytes: Uint8Array, { message, limit, operation }: BodyRequest): Promise<Uint8Array> {
  try {
    return await decompress(bytes, { maxOutputLength: limit.maxBytes });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE")
      throw limit.refuse(operation, limit.maxBytes + 1, message.headers);
    throw serializationError("The request body is not valid gzip");
  }
}

import type { InvocationEvent, RuntimeApiRefusal } from "../environments/runtime-api-session.ts";

/**
 * What goes over a channel in either direction: four bytes with the length of the body (big-endian), one with the kind,
 * the body. `runtimes/README.md` describes every kind for those who write a runtime client.
 */
export const FROM_RUNTIME = {
  next: 1,
  response: 2,
  error: 3,
  responseAndNext: 4,
  errorAndNext: 5,
  streamBegin: 6,
  streamPiece: 7,
  streamEnd: 8,
  streamFail: 9,
} as const;

export const TO_RUNTIME = { event: 1, accepted: 2, refusal: 3 } as const;

export const HEADER_BYTES = 5;
/** Request id and content type, or request id and error type, before what an invocation answers. */
const PREFIX_BYTES_MAX = 4_096;
/** As much as the trailers that carry the same over HTTP. */
const STREAM_FAILURE_BYTES_MAX = 1_048_576;
/** Up to here the payload is copied behind the frame's head; above, that costs more than a second buffer in the write. */
const COPIED_BYTES_MAX = 16_384;
/** The fixed part of an event: header, deadline, and the lengths of id, ARN, trace header and client context. */
const EVENT_FIXED_BYTES = HEADER_BYTES + 8 + 1 + 2 + 2 + 4;

const GATHERED_BYTES_MIN = 4_096;
const NOTHING = Buffer.alloc(0);
/** What no HTTP header may have; texts become headers and log lines. */
const CONTROL_CHARACTER = /[^\t\x20-\x7e\x80-\xff]/;

/** What a channel does with the frames that a runtime sends. */
export interface FrameHandler {
  /** A whole frame. The body is the handler's to keep. */
  frame(kind: number, body: Buffer): void;
  /** A frame with more than may be kept has been read to its end; `start` are its first bytes. */
  oversized(kind: number, start: Buffer): void;
  /** Part of a `streamPiece`; the promise asks to wait with the next part. */
  piece(part: Buffer): Promise<void> | undefined;
  /** Asked after each frame: the promise asks to wait with the next one. */
  room(): Promise<void> | undefined;
}

/** What was received is no sequence of frames: the connection is of no use any more. */
export class MalformedFrame extends Error {}

/**
 * Takes the bytes of a connection in whatever portions they arrive. Who sends them is not trusted: nothing is reserved
 * for a length that is only announced, and no more is kept than a frame of its kind may have.
 */
export class FrameReader {
  readonly #handler: FrameHandler;
  readonly #keptBytesMax: number;
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerBytes = 0;
  #kind = 0;
  #missing = 0;
  #gathered = NOTHING;
  #gatheredBytes = 0;
  #isOversized = false;

  /** `payloadBytesMax`: of a response or an error. */
  constructor(handler: FrameHandler, payloadBytesMax: number) {
    this.#handler = handler;
    this.#keptBytesMax = payloadBytesMax + PREFIX_BYTES_MAX;
  }

  /** Of a frame that is not whole yet. */
  get heldBytes(): number {
    return this.#gathered.length;
  }

  /**
   * Throws `MalformedFrame`. A promise asks to hand in nothing more until it resolves; it rejects with `MalformedFrame`
   * as well.
   */
  push(chunk: Buffer): Promise<void> | undefined {
    let at = 0;
    while (at < chunk.length) {
      if (this.#headerBytes < HEADER_BYTES) {
        at = this.#readHeader(chunk, at);
        if (this.#headerBytes < HEADER_BYTES) return undefined;
        if (this.#missing > 0) continue;
        this.#finish(chunk.subarray(at, at));
        const room = this.#handler.room();
        if (room !== undefined) return this.#after(room, chunk.subarray(at));
        continue;
      }
      const end = Math.min(chunk.length, at + this.#missing);
      const part = at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end);
      at = end;
      this.#missing -= part.length;
      const room = this.#take(part) ?? (this.#headerBytes === 0 ? this.#handler.room() : undefined);
      if (room !== undefined) return this.#after(room, chunk.subarray(at));
    }
    return undefined;
  }

  async #after(room: Promise<void>, rest: Buffer): Promise<void> {
    await room;
    await this.push(rest);
  }

  #readHeader(chunk: Buffer, from: number): number {
    if (this.#headerBytes === 0 && chunk.length - from >= HEADER_BYTES) {
      this.#begin(chunk.readUInt32BE(from), chunk[from + 4] ?? 0);
      return from + HEADER_BYTES;
    }
    const end = Math.min(chunk.length, from + HEADER_BYTES - this.#headerBytes);
    chunk.copy(this.#header, this.#headerBytes, from, end);
    const have = this.#headerBytes + end - from;
    if (have < HEADER_BYTES) this.#headerBytes = have;
    else this.#begin(this.#header.readUInt32BE(0), this.#header[4] ?? 0);
    return end;
  }

  #begin(length: number, kind: number): void {
    this.#headerBytes = HEADER_BYTES;
    this.#kind = kind;
    this.#missing = length;
    this.#gatheredBytes = 0;
    this.#isOversized = false;
    switch (kind) {
      case FROM_RUNTIME.response:
      case FROM_RUNTIME.error:
      case FROM_RUNTIME.responseAndNext:
      case FROM_RUNTIME.errorAndNext:
        this.#isOversized = length > this.#keptBytesMax;
        return;
      case FROM_RUNTIME.streamPiece:
        return;
      case FROM_RUNTIME.next:
      case FROM_RUNTIME.streamEnd:
        if (length > 0) throw new MalformedFrame("a frame without a body has one");
        return;
      case FROM_RUNTIME.streamBegin:
        if (length > PREFIX_BYTES_MAX) throw new MalformedFrame("the beginning of a stream is too long");
        return;
      case FROM_RUNTIME.streamFail:
        if (length > STREAM_FAILURE_BYTES_MAX) throw new MalformedFrame("the error of a stream is too long");
        return;
      default:
        throw new MalformedFrame("there is no such frame");
    }
  }

  #take(part: Buffer): Promise<void> | undefined {
    if (this.#kind === FROM_RUNTIME.streamPiece) {
      if (this.#missing === 0) this.#headerBytes = 0;
      return this.#handler.piece(part);
    }
    if (this.#missing === 0 && this.#gatheredBytes === 0) {
      this.#finish(part);
      return undefined;
    }
    this.#gather(part);
    if (this.#missing === 0) {
      const body = this.#gathered.subarray(0, this.#gatheredBytes);
      this.#gathered = NOTHING;
      this.#finish(body);
    }
    return undefined;
  }

  /** Whatever the portions are, at most twice what has come is held. */
  #gather(part: Buffer): void {
    const have = this.#gatheredBytes;
    const wanted = this.#isOversized ? Math.min(part.length, PREFIX_BYTES_MAX - have) : part.length;
    if (wanted <= 0) return;
    this.#gatheredBytes = have + wanted;
    if (this.#gatheredBytes > this.#gathered.length) {
      const most = have + part.length + this.#missing;
      const size = Math.max(2 * this.#gathered.length, this.#gatheredBytes, GATHERED_BYTES_MIN);
      const grown = Buffer.allocUnsafe(Math.min(size, most));
      this.#gathered.copy(grown, 0, 0, have);
      this.#gathered = grown;
    }
    part.copy(this.#gathered, have, 0, wanted);
  }

  #finish(body: Buffer): void {
    this.#headerBytes = 0;
    if (this.#kind === FROM_RUNTIME.streamPiece) return;
    if (this.#isOversized) this.#handler.oversized(this.#kind, body);
    else this.#handler.frame(this.#kind, body);
  }
}

/** Reads the texts at the beginning of a body, one after the other. */
export class BodyReader {
  readonly #body: Buffer;
  #at = 0;

  constructor(body: Buffer) {
    this.#body = body;
  }

  /** A text whose length stands before it in one byte, as a request id has it. Throws `MalformedFrame`. */
  shortText(): string {
    return this.#text(this.#body[this.#at] ?? 0, 1);
  }

  /** A text whose length stands before it in two bytes. Throws `MalformedFrame`. */
  text(): string {
    if (this.#at + 2 > this.#body.length) throw new MalformedFrame("a text has no length");
    return this.#text(this.#body.readUInt16BE(this.#at), 2);
  }

  /** What is left. */
  rest(): Buffer {
    return this.#body.subarray(this.#at);
  }

  #text(length: number, lengthBytes: number): string {
    const from = this.#at + lengthBytes;
    const to = from + length;
    if (to > this.#body.length) throw new MalformedFrame("a text is longer than its frame");
    this.#at = to;
    const text = this.#body.toString("latin1", from, to);
    if (CONTROL_CHARACTER.test(text)) throw new MalformedFrame("a text has control characters");
    return text;
  }
}

/** An event's frame, in the pieces to be written one after the other. */
export function eventFrame(event: InvocationEvent): [frame: Buffer, payload?: Uint8Array] {
  const { requestId, deadlineMs, invokedFunctionArn, payload } = event;
  const traceHeader = event.traceHeader ?? "";
  const clientContext = event.clientContext ?? "";
  const contextBytes = clientContext === "" ? 0 : Buffer.byteLength(clientContext);
  const headBytes =
    EVENT_FIXED_BYTES + requestId.length + invokedFunctionArn.length + traceHeader.length + contextBytes;
  const isCopied = payload.byteLength <= COPIED_BYTES_MAX;
  const frame = Buffer.allocUnsafe(headBytes + (isCopied ? payload.byteLength : 0));
  frame.writeUInt32BE(headBytes + payload.byteLength - HEADER_BYTES, 0);
  frame[4] = TO_RUNTIME.event;
  frame.writeDoubleBE(deadlineMs, 5);
  frame[13] = requestId.length;
  frame.writeUInt16BE(invokedFunctionArn.length, 14);
  frame.writeUInt16BE(traceHeader.length, 16);
  frame.writeUInt32BE(contextBytes, 18);
  let at = EVENT_FIXED_BYTES;
  at += frame.write(requestId, at, "latin1");
  at += frame.write(invokedFunctionArn, at, "latin1");
  at += frame.write(traceHeader, at, "latin1");
  if (contextBytes > 0) at += frame.write(clientContext, at);
  if (!isCopied) return [frame, payload];
  frame.set(payload, at);
  return [frame];
}

/** The frame that says no, with HTTP's status and the error that its body would have. */
export function refusalFrame({ status, errorType, errorMessage }: RuntimeApiRefusal): Buffer {
  const text = JSON.stringify({ errorType, errorMessage });
  const length = 2 + Buffer.byteLength(text);
  const frame = Buffer.allocUnsafe(HEADER_BYTES + length);
  frame.writeUInt32BE(length, 0);
  frame[4] = TO_RUNTIME.refusal;
  frame.writeUInt16BE(status, HEADER_BYTES);
  frame.write(text, HEADER_BYTES + 2);
  return frame;
}

/** The frame that says yes where a runtime waits for it. */
export const acceptedFrame = Buffer.from([0, 0, 0, 0, TO_RUNTIME.accepted]);

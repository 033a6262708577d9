"use strict";

const HEADER_BYTES = 5;
/** Kinds of frames, as `src/runtime-api/channel-frames.ts` has them. */
const NEXT = 1;
const RESPONSE = 2;
const ERROR = 3;
/** Added to the kind of an answer that asks for the next event as well. */
const AND_NEXT = 2;
const STREAM_BEGIN = 6;
const STREAM_PIECE = 7;
const STREAM_END = 8;
const STREAM_FAIL = 9;
const EVENT = 1;
const ACCEPTED = 2;
const REFUSAL = 3;
const EVENT_FIXED_BYTES = 17;
const NEXT_FRAME = Buffer.from([0, 0, 0, 0, NEXT]);
const STREAM_END_FRAME = Buffer.from([0, 0, 0, 0, STREAM_END]);

/**
 * The Runtime API in frames, over a connection that has been upgraded: one write for an answer and the request for the
 * next event together, and no acknowledgement of it. The connection keeps the process alive only while something is
 * awaited.
 */
class RuntimeChannel {
  #socket;
  #isAsked;
  #pending;
  #event;
  #failure;
  #refusal;
  #parts = [];
  #bytes = 0;
  #wanted = HEADER_BYTES;

  /** `head`: what came behind the answer to the upgrade; `isAsked`: an event was asked for with it. */
  constructor(socket, head, isAsked) {
    this.#socket = socket;
    this.#isAsked = isAsked;
    socket.removeAllListeners("data");
    socket.removeAllListeners("close");
    socket.on("data", (chunk) => this.#receive(chunk));
    socket.on("error", (error) => {
      this.#failure ??= error;
    });
    socket.on("close", () => this.#closed());
    if (head.length > 0) this.#receive(head);
  }

  get isGone() {
    return this.#socket.destroyed;
  }

  close() {
    this.#socket.destroy();
  }

  /**
   * Waits for the next event: { headers, body }, as over HTTP; undefined when the connection is gone and another one
   * may be tried.
   */
  next() {
    if (this.#refusal !== undefined) return Promise.reject(unexpected("next", this.#refusal));
    const event = this.#event;
    if (event !== undefined) {
      this.#event = undefined;
      return event;
    }
    if (!this.#isAsked && !this.#socket.destroyed) {
      this.#isAsked = true;
      this.#socket.write(NEXT_FRAME);
    }
    return this.#answer("next", true);
  }

  postResponse(requestId, json, andNext) {
    const length = Buffer.byteLength(json);
    const head = requestId.length + 1;
    const frame = Buffer.allocUnsafe(HEADER_BYTES + head + length);
    writeHeader(frame, head + length, andNext ? RESPONSE + AND_NEXT : RESPONSE);
    frame[HEADER_BYTES] = requestId.length;
    frame.latin1Write(requestId, HEADER_BYTES + 1);
    frame.utf8Write(json, HEADER_BYTES + head);
    return this.#post(frame, andNext, "response");
  }

  postError(requestId, type, json, andNext) {
    const errorType = type.slice(0, TEXT_LENGTH_MAX);
    const length = 1 + requestId.length + 2 + errorType.length + Buffer.byteLength(json);
    const frame = Buffer.allocUnsafe(HEADER_BYTES + length);
    writeHeader(frame, length, andNext ? ERROR + AND_NEXT : ERROR);
    let at = HEADER_BYTES;
    frame[at++] = requestId.length;
    at += frame.latin1Write(requestId, at);
    at = writeText(frame, errorType, at);
    frame.utf8Write(json, at);
    return this.#post(frame, andNext, "error");
  }

  /** See `RuntimeApiClient.streamResponse`. */
  streamResponse(requestId, contentType) {
    const socket = this.#socket;
    const type = contentType.slice(0, TEXT_LENGTH_MAX);
    const length = 1 + requestId.length + 2 + type.length;
    const frame = Buffer.allocUnsafe(HEADER_BYTES + length);
    writeHeader(frame, length, STREAM_BEGIN);
    frame[HEADER_BYTES] = requestId.length;
    writeText(frame, type, HEADER_BYTES + 1 + frame.latin1Write(requestId, HEADER_BYTES + 1));
    socket.write(frame);
    const accepted = this.#answer("response", false);
    accepted.catch(() => {});
    return {
      write: (pieces, done) => {
        const header = Buffer.allocUnsafe(HEADER_BYTES);
        const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
        writeHeader(header, bytes, STREAM_PIECE);
        socket.write(Buffer.concat([header, ...pieces]), done);
      },
      end: (failure) => {
        socket.write(failure === undefined ? STREAM_END_FRAME : streamFailure(failure));
        return accepted;
      },
    };
  }

  #post(frame, andNext, what) {
    this.#isAsked = andNext;
    this.#socket.write(frame);
    return andNext ? undefined : this.#answer(what, false);
  }

  #answer(what, isEvent) {
    if (this.#socket.destroyed) return isEvent ? Promise.resolve(undefined) : Promise.reject(this.#gone());
    this.#socket.ref();
    return new Promise((resolve, reject) => {
      this.#pending = { what, isEvent, resolve, reject };
    });
  }

  #settle() {
    const pending = this.#pending;
    this.#pending = undefined;
    this.#socket.unref();
    return pending;
  }

  #receive(chunk) {
    let data = chunk;
    if (this.#parts.length > 0) {
      this.#parts.push(chunk);
      this.#bytes += chunk.length;
      if (this.#bytes < this.#wanted) return;
      data = Buffer.concat(this.#parts);
      this.#parts = [];
    }
    let at = 0;
    for (;;) {
      this.#wanted = HEADER_BYTES;
      if (data.length - at < HEADER_BYTES) break;
      this.#wanted += data.readUInt32BE(at);
      if (data.length - at < this.#wanted) break;
      this.#take(data[at + 4], data.subarray(at + HEADER_BYTES, at + this.#wanted));
      at += this.#wanted;
    }
    if (at === data.length) return;
    this.#parts = [data.subarray(at)];
    this.#bytes = data.length - at;
  }

  #take(kind, body) {
    if (kind === EVENT) {
      this.#isAsked = false;
      const event = readEvent(body);
      if (this.#pending?.isEvent) this.#settle().resolve(event);
      else this.#event = event;
    } else if (kind === ACCEPTED) {
      this.#settle()?.resolve();
    } else if (kind === REFUSAL) {
      const pending = this.#settle();
      const refusal = { status: body.readUInt16BE(0), body: body.subarray(2) };
      // 413: the platform has told the caller about the oversized response itself; this environment goes on.
      if (refusal.status === 413 && pending?.what === "response") pending.resolve();
      else if (pending !== undefined) pending.reject(unexpected(pending.what, refusal));
      else this.#refusal = refusal;
    }
  }

  #closed() {
    const pending = this.#pending;
    this.#pending = undefined;
    if (pending === undefined) return;
    if (pending.isEvent && this.#parts.length === 0) pending.resolve(undefined);
    else pending.reject(this.#gone());
  }

  #gone() {
    const message = "The Runtime API closed the connection.";
    return this.#failure ?? Object.assign(new Error(message), { code: "ECONNRESET" });
  }
}

const TEXT_LENGTH_MAX = 1_024;

function writeHeader(frame, length, kind) {
  frame.writeUInt32BE(length, 0);
  frame[4] = kind;
}

function writeText(frame, text, at) {
  frame.writeUInt16BE(text.length, at);
  return at + 2 + frame.latin1Write(text, at + 2);
}

function streamFailure(error) {
  const type = String(error.errorType)
    .replace(/[^\x20-\x7e]/g, "")
    .slice(0, TEXT_LENGTH_MAX);
  const json = JSON.stringify(error);
  const length = 2 + type.length + Buffer.byteLength(json);
  const frame = Buffer.allocUnsafe(HEADER_BYTES + length);
  writeHeader(frame, length, STREAM_FAIL);
  frame.utf8Write(json, writeText(frame, type, HEADER_BYTES));
  return frame;
}

function readEvent(frame) {
  const deadlineMs = frame.readDoubleBE(0);
  let at = EVENT_FIXED_BYTES;
  const take = (length) => {
    at += length;
    return frame.latin1Slice(at - length, at);
  };
  const requestId = take(frame[8]);
  const functionArn = take(frame.readUInt16BE(9));
  const traceId = take(frame.readUInt16BE(11));
  const clientContext = take(frame.readUInt32BE(13));
  const headers = {
    "lambda-runtime-aws-request-id": requestId,
    "lambda-runtime-deadline-ms": deadlineMs,
    "lambda-runtime-invoked-function-arn": functionArn,
    "lambda-runtime-trace-id": traceId === "" ? undefined : traceId,
    "lambda-runtime-client-context": clientContext === "" ? undefined : clientContext,
  };
  return { headers, body: frame.subarray(at) };
}

/** Why the runtime cannot go on. */
function unexpected(what, { status, body }) {
  return new Error(`The Runtime API answered ${status} to "${what}": ${body.toString("utf8")}`);
}

module.exports = { RuntimeChannel, unexpected };

"use strict";

const { errorPayload, runtimeError } = require("./errors.cjs");

const { Writable } = process.getBuiltinModule("node:stream");

const DEFAULT_CONTENT_TYPE = "application/octet-stream";

/**
 * What a streaming handler writes its response to. The first piece opens the response; up to then an error can be
 * reported as that of any other invocation. `open(contentType)` gives the way out: { write(pieces, done), end(failure) }.
 */
class ResponseStream extends Writable {
  /** Resolves when the stream has ended or cannot go on; whether all is written tells `writableFinished`. */
  completed;
  /** AWS: how HttpResponseStream.from puts its prelude before the first piece. */
  _onBeforeFirstWrite;
  #open;
  #response;
  #failure;
  #terminated;
  #contentType = DEFAULT_CONTENT_TYPE;

  constructor(open, highWaterMark) {
    super({ decodeStrings: true, ...(highWaterMark !== undefined && { highWaterMark }) });
    this.#open = open;
    this.completed = new Promise((resolve) => this.once("close", resolve));
    // A handler that does not listen gets to know by its own write's callback, or by what its pipeline throws.
    this.on("error", () => {});
  }

  get hasBegun() {
    return this.#response !== undefined;
  }

  setContentType(contentType) {
    if (this.hasBegun) {
      throw runtimeError("InvalidStreamingOperation", "Cannot set content-type, too late.");
    }
    this.#contentType = contentType;
  }

  /** AWS: what is neither text nor bytes is written as JSON. */
  write(chunk, ...rest) {
    return super.write(asPiece(chunk), ...rest);
  }

  end(chunk, ...rest) {
    const isPiece = chunk !== undefined && chunk !== null && typeof chunk !== "function";
    return super.end(isPiece ? asPiece(chunk) : chunk, ...rest);
  }

  /**
   * Ends a response that has begun with the error, after everything that was written before it.
   * Resolves when the platform has taken it.
   */
  async fail(error) {
    this.#failure = errorPayload(error);
    if (!this.destroyed && !this.writableEnded) super.end();
    await this.completed;
    // A pipeline that failed has destroyed the stream, with what it had not sent.
    await this.#terminate();
  }

  _write(chunk, _encoding, done) {
    this.#send([chunk], done);
  }

  _writev(chunks, done) {
    this.#send(
      chunks.map(({ chunk }) => chunk),
      done,
    );
  }

  _final(done) {
    if (!this.hasBegun) this.#send([], () => {});
    this.#terminate().then(() => done(), done);
  }

  #terminate() {
    this.#terminated ??= this.#response.end(this.#failure);
    return this.#terminated;
  }

  #send(pieces, done) {
    if (this.hasBegun) {
      this.#response.write(pieces, done);
      return;
    }
    this.#response = this.#open(this.#contentType);
    const prelude = [];
    this._onBeforeFirstWrite?.((piece) => prelude.push(Buffer.from(piece)));
    this.#response.write([...prelude, ...pieces], done);
  }
}

const asPiece = (chunk) =>
  typeof chunk === "string" || chunk instanceof Uint8Array ? chunk : JSON.stringify(chunk);

module.exports = { ResponseStream };

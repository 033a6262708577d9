"use strict";

const { HttpResponseReader } = require("./http-response-reader.cjs");
const { RuntimeChannel, unexpected } = require("./runtime-channel.cjs");

const { connect } = process.getBuiltinModule("node:net");

const NOTHING = Buffer.alloc(0);
const BASE = "/2018-06-01/runtime";

/**
 * Speaks the Runtime API over one kept-alive connection: in frames from the first request for an event on, where the
 * platform takes the offer (`RuntimeChannel`), otherwise over HTTP, one exchange at a time, each request in a single write.
 * Requests are not pipelined: "next" may only be asked for when the previous response has been accepted.
 * The connection keeps the process alive only while an answer is awaited, so that a handler which waits for nothing
 * lets the event loop run empty as it does on AWS.
 */
class RuntimeApiClient {
  #host;
  #port;
  #socket;
  #reader;
  #pending;
  #channel;
  #offersChannel = true;

  constructor(address) {
    const colon = address.lastIndexOf(":");
    this.#host = address.slice(0, colon);
    this.#port = Number(address.slice(colon + 1));
  }

  /** Waits for the next event: { headers, body }. */
  async next() {
    if (this.#channel !== undefined) {
      const event = await this.#channel.next();
      if (event !== undefined) return event;
      // The connection broke while nothing was under way.
      this.#channel = undefined;
    }
    if (this.#offersChannel && (await this.#openChannel())) return this.#channel.next();
    const response = await this.#exchange(
      `GET ${BASE}/invocation/next HTTP/1.1\r\nHost: ${this.#host}\r\n\r\n`,
    );
    if (response.status !== 200) throw unexpected("next", response);
    return response;
  }

  /** An answer whose channel broke meanwhile goes over HTTP. */
  #hasChannel() {
    if (this.#channel?.isGone) this.#channel = undefined;
    return this.#channel !== undefined;
  }

  /** The offer is a request for the first event at the same time: it is answered when there is one. */
  async #openChannel() {
    const { status, body } = await this.#exchange(
      `GET /lambent/channel HTTP/1.1\r\nHost: ${this.#host}\r\nConnection: Upgrade\r\nUpgrade: lambent-channel\r\n\r\n`,
    );
    this.#offersChannel = status === 101;
    if (!this.#offersChannel) return false;
    this.#goOnInFrames(body, true);
    return true;
  }

  #goOnInFrames(received, isAsked) {
    this.#channel = new RuntimeChannel(this.#socket, received, isAsked);
    this.#socket = undefined;
  }

  /**
   * Waits, in an environment kept in reserve, until it gets its function. `become` is called with
   * { environmentVariables } as soon as these are known; the last byte of the answer says that the code is there too.
   */
  async assignment(become) {
    let hasBecome = false;
    const take = (body) => {
      if (hasBecome) return;
      hasBecome = true;
      become(JSON.parse(body.toString("utf8")));
    };
    const response = await this.#exchange(
      `GET /lambent/assignment HTTP/1.1\r\nHost: ${this.#host}\r\nUpgrade: lambent-channel\r\n\r\n`,
      take,
    );
    if (response.status !== 200) throw unexpected("assignment", response);
    take(response.body);
    if (response.headers.upgrade === "lambent-channel") this.#goOnInFrames(NOTHING, false);
  }

  /** Ends the connection. */
  close() {
    this.#socket?.destroy();
    this.#socket = undefined;
    this.#channel?.close();
  }

  /** Posts the result, JSON text. `andNext`: nothing else is asked for before `next`, which may so be asked for now. */
  async postResponse(requestId, json, andNext = false) {
    if (this.#hasChannel()) return this.#channel.postResponse(requestId, json, andNext);
    const response = await this.#post(`/invocation/${requestId}/response`, json, "");
    // 413: the platform has told the caller about the oversized response itself; this environment goes on.
    if (response.status !== 202 && response.status !== 413) throw unexpected("response", response);
  }

  /**
   * Begins a response in pieces: `write(pieces, done)` calls back when there is room for more, `end(failure)` resolves
   * when the platform has taken it. `failure` is the payload of an error that came in the middle.
   */
  streamResponse(requestId, contentType) {
    if (this.#hasChannel()) return this.#channel.streamResponse(requestId, headerText(contentType));
    const accepted = this.#exchange(
      `POST ${BASE}/invocation/${requestId}/response HTTP/1.1\r\nHost: ${this.#host}\r\nContent-Type: ${headerText(contentType)}\r\nLambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\nTrailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n`,
    );
    // What cannot be repeated on another connection.
    this.#pending.mayRetry = false;
    accepted.catch(() => {});
    const socket = this.#socket;
    return {
      write: (pieces, done) => socket.write(Buffer.concat(pieces.flatMap(chunk)), done),
      end: async (failure) => {
        socket.write(`0\r\n${failure === undefined ? "" : trailers(failure)}\r\n`);
        const response = await accepted;
        if (response.status !== 202 && response.status !== 413) throw unexpected("response", response);
      },
    };
  }

  /** Posts the error of an invocation: { errorType, errorMessage, trace }. */
  async postError(requestId, error, andNext = false) {
    if (this.#hasChannel()) {
      return this.#channel.postError(requestId, headerText(error.errorType), JSON.stringify(error), andNext);
    }
    const response = await this.#post(
      `/invocation/${requestId}/error`,
      JSON.stringify(error),
      typeHeader(error),
    );
    if (response.status !== 202) throw unexpected("error", response);
  }

  /** Posts the error that ended the initialisation. */
  async postInitError(error) {
    const response = await this.#post("/init/error", JSON.stringify(error), typeHeader(error));
    if (response.status !== 202) throw unexpected("init/error", response);
  }

  #post(path, body, extraHeader) {
    return this.#exchange(
      `POST ${BASE}${path} HTTP/1.1\r\nHost: ${this.#host}\r\nContent-Type: application/json\r\n${extraHeader}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  }

  /** `early` is called with a body of which only the last byte is missing. */
  #exchange(request, early) {
    if (this.#pending !== undefined) return Promise.reject(new Error("An exchange is already under way."));
    return new Promise((resolve, reject) => {
      this.#pending = { request, early, resolve, reject, mayRetry: this.#socket !== undefined };
      this.#send();
    });
  }

  #send() {
    this.#socket ??= this.#open();
    this.#socket.ref();
    this.#socket.write(this.#pending.request);
  }

  #open() {
    const socket = connect({ host: this.#host, port: this.#port, noDelay: true });
    this.#reader = new HttpResponseReader();
    let lastError;
    socket.on("data", (chunk) => this.#receive(chunk));
    socket.on("error", (error) => {
      lastError = error;
    });
    socket.on("close", () => this.#closed(socket, lastError));
    return socket;
  }

  #receive(chunk) {
    const response = this.#reader.push(chunk);
    if (response === undefined) {
      const body = this.#pending.early && this.#reader.allButLastByte;
      if (body !== undefined) this.#pending.early(body);
      return;
    }
    const { resolve } = this.#pending;
    this.#pending = undefined;
    this.#socket.unref();
    resolve(response);
  }

  /** A kept-alive connection that was closed before it answered is opened again once, as HTTP clients do. */
  #closed(socket, error) {
    if (socket !== this.#socket) return;
    this.#socket = undefined;
    const pending = this.#pending;
    if (pending === undefined) return;
    if (pending.mayRetry && !this.#reader.isMidResponse) {
      pending.mayRetry = false;
      this.#send();
      return;
    }
    this.#pending = undefined;
    pending.reject(
      error ?? Object.assign(new Error("The Runtime API closed the connection."), { code: "ECONNRESET" }),
    );
  }
}

const LINE_END = Buffer.from("\r\n");

/** An empty piece would end the body. */
const chunk = (piece) =>
  piece.length === 0 ? [] : [Buffer.from(`${piece.length.toString(16)}\r\n`), piece, LINE_END];

const trailers = (error) =>
  `${typeHeader(error)}Lambda-Runtime-Function-Error-Body: ${Buffer.from(JSON.stringify(error)).toString("base64")}\r\n`;

const headerText = (text) => String(text).replace(/[^\x20-\x7e]/g, "");

function typeHeader(error) {
  const type = headerText(error.errorType);
  return type === "" ? "" : `Lambda-Runtime-Function-Error-Type: ${type}\r\n`;
}

module.exports = { RuntimeApiClient };

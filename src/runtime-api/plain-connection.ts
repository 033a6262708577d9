import type { Socket } from "node:net";
import { writePieces } from "../core/answer-bytes.ts";
import type { InvocationEvent, RuntimeApiSession } from "../environments/runtime-api-session.ts";
import type { PlainAnswers } from "./plain-answer.ts";
import { plainRequest } from "./plain-request.ts";
import type { UnfinishedBodies } from "./unfinished-bodies.ts";

interface Response {
  readonly requestId: string;
  readonly pieces: Buffer[];
  readonly bodyBytes: number;
  missingBytes: number;
}

interface PlainConnectionParts {
  readonly answers: PlainAnswers;
  readonly bodies: UnfinishedBodies;
  readonly goOnInHttp: () => void;
}

/**
 * A connection to the Runtime API while there are only plain requests on it that the session takes. With the first other
 * one it goes on in an HTTP server, which gets that request from its first byte.
 */
export class PlainConnection {
  readonly #socket: Socket;
  readonly #session: RuntimeApiSession;
  readonly #answers: PlainAnswers;
  readonly #bodies: UnfinishedBodies;
  readonly #goOnInHttp: () => void;
  readonly #receive = (chunk: Buffer): void => this.#serve(chunk);
  readonly #deliver = (event: InvocationEvent): void => this.#sendEvent(event);
  #isWaiting = false;
  #response: Response | undefined;

  constructor(
    socket: Socket,
    session: RuntimeApiSession,
    { answers, bodies, goOnInHttp }: PlainConnectionParts,
  ) {
    this.#socket = socket;
    this.#session = session;
    this.#answers = answers;
    this.#bodies = bodies;
    this.#goOnInHttp = goOnInHttp;
    socket.on("data", this.#receive);
    socket.on("error", ignore);
    socket.on("close", () => this.#giveUp());
  }

  #serve(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#isWaiting) {
        this.#putBack(chunk.subarray(at));
        return;
      }
      const served = this.#response === undefined ? this.#request(chunk, at) : this.#body(chunk, at);
      if (served === undefined) {
        this.#handOver(chunk.subarray(at));
        return;
      }
      at = served;
    }
  }

  /** Returns how far the chunk is done with; undefined leaves all from `from` on to the HTTP server. */
  #request(chunk: Buffer, from: number): number | undefined {
    const request = plainRequest(chunk, from);
    if (request === undefined) return undefined;
    const { headEnd } = request;
    if (request.kind === "next") {
      // The event may be there at once.
      this.#isWaiting = true;
      if (this.#session.next(this.#deliver) === undefined) return headEnd;
      this.#isWaiting = false;
      return undefined;
    }
    const { requestId, bodyBytes } = request;
    if (
      bodyBytes > this.#session.maxResponseBytes ||
      this.#session.expects(requestId, "response") !== undefined
    )
      return undefined;
    this.#response = { requestId, pieces: [], bodyBytes, missingBytes: bodyBytes };
    return this.#body(chunk, headEnd);
  }

  #body(chunk: Buffer, from: number): number {
    const response = this.#response;
    if (response === undefined) return from;
    const to = Math.min(chunk.length, from + response.missingBytes);
    if (to > from) response.pieces.push(chunk.subarray(from, to));
    response.missingBytes -= to - from;
    if (response.missingBytes > 0) {
      if (!this.#bodies.add(to - from)) this.#socket.destroy();
      return to;
    }
    this.#bodies.remove(response.bodyBytes - (to - from));
    this.#response = undefined;
    const { pieces, requestId } = response;
    const [first] = pieces;
    const payload = first !== undefined && pieces.length === 1 ? first : Buffer.concat(pieces);
    const refusal = this.#session.response(requestId, payload);
    this.#write(refusal === undefined ? this.#answers.accepted() : this.#answers.refusal(refusal));
    return to;
  }

  /** Of a response that will not be whole any more. */
  #giveUp(): void {
    const response = this.#response;
    this.#response = undefined;
    if (response !== undefined) this.#bodies.remove(response.bodyBytes - response.missingBytes);
  }

  #sendEvent(event: InvocationEvent): void {
    this.#isWaiting = false;
    this.#write(...this.#answers.event(event));
    if (this.#socket.isPaused()) this.#socket.resume();
  }

  #write(head: Buffer, payload?: Uint8Array): void {
    const socket = this.#socket;
    // Whoever has gone away gets nothing, and nobody else does.
    if (socket.writable) writePieces(socket, head, payload);
  }

  /** What comes behind a request is looked at when that is answered. */
  #putBack(rest: Buffer): void {
    this.#socket.pause();
    this.#socket.unshift(rest);
  }

  #handOver(rest: Buffer): void {
    const socket = this.#socket;
    socket.off("data", this.#receive);
    socket.off("error", ignore);
    this.#putBack(rest);
    this.#goOnInHttp();
    socket.resume();
  }
}

const ignore = (): void => undefined;

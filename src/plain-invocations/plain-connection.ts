import type { Socket } from "node:net";
import { writePieces } from "../core/answer-bytes.ts";
import type { ByteRoom } from "../core/byte-room.ts";
import type { Answer, PlainAnswers } from "./plain-answer.ts";
import { type PlainInvocation, plainInvocation } from "./plain-invocation.ts";

/** A request that is here to its last byte, and waits for its one answer. */
export interface ArrivedInvocation {
  readonly head: PlainInvocation;
  readonly body: Uint8Array;
  readonly socket: Socket;
  /** The client may still get an answer. */
  readonly isOpen: boolean;
  /** Sends the answer, unless the client has gone. Throws, before anything is sent, for a header that cannot be one. */
  answer(answer: Answer): void;
  /** The request, and all behind it, goes to the HTTP server, as if nobody had read it; unless the client has gone. */
  handBack(): void;
}

export interface PlainConnectionParts {
  readonly answers: PlainAnswers;
  readonly take: (arrived: ArrivedInvocation) => void;
  /** For bodies that are not whole: nobody knows yet who sends them. */
  readonly room: ByteRoom;
  /** What is on the socket now is read by the HTTP server. */
  readonly goOnInHttp: (socket: Socket) => void;
}

interface Arriving {
  readonly head: PlainInvocation;
  readonly headBytes: Buffer;
  readonly pieces: Buffer[];
  missingBytes: number;
  /** What it takes of the room. */
  roomBytes: number;
  /** When it was last asked for. */
  missingBefore: number;
}

const empty = new Uint8Array(0);

/**
 * A client's connection while there are only plain invocations on it, one after the other. With the first other request it
 * goes on in an HTTP server, which gets that request from its first byte.
 */
export class PlainConnection implements ArrivedInvocation {
  readonly socket: Socket;
  readonly #parts: PlainConnectionParts;
  readonly #receive = (chunk: Buffer): void => this.#serve(chunk);
  readonly #end = (): void => void this.socket.end();
  #arriving: Arriving | undefined;
  #isAnswering = false;
  #quietRounds = 0;

  constructor(socket: Socket, parts: PlainConnectionParts) {
    this.socket = socket;
    this.#parts = parts;
    socket.on("data", this.#receive);
    socket.on("end", this.#end);
    socket.on("error", ignore);
    socket.once("close", () => this.#leaveRoom());
  }

  /** How many times in a row this was asked while nothing was under way, or nothing more of a request had come. */
  quietRounds(): number {
    if (this.#isAnswering || this.#hasGrown()) this.#quietRounds = 0;
    else this.#quietRounds++;
    return this.#quietRounds;
  }

  #hasGrown(): boolean {
    const arriving = this.#arriving;
    if (arriving === undefined || arriving.missingBytes === arriving.missingBefore) return false;
    arriving.missingBefore = arriving.missingBytes;
    return true;
  }

  get head(): PlainInvocation {
    return this.#whole().head;
  }

  get body(): Uint8Array {
    const { pieces } = this.#whole();
    if (pieces.length > 1) pieces.splice(0, pieces.length, Buffer.concat(pieces));
    return pieces[0] ?? empty;
  }

  get isOpen(): boolean {
    return this.#isAnswering && this.socket.writable;
  }

  answer(answer: Answer): void {
    if (!this.isOpen) return;
    const [head, payload] = this.#parts.answers.bytes(answer);
    this.#isAnswering = false;
    this.#arriving = undefined;
    this.#quietRounds = 0;
    if (writePieces(this.socket, head, payload)) {
      if (this.socket.isPaused()) this.socket.resume();
      return;
    }
    // Who does not read answers is not asked for requests.
    this.socket.pause();
    this.socket.once("drain", () => this.socket.resume());
  }

  handBack(): void {
    if (!this.isOpen) return;
    const { headBytes, pieces } = this.#whole();
    this.#isAnswering = false;
    this.#handOver(Buffer.concat([headBytes, ...pieces]));
  }

  #whole(): Arriving {
    if (this.#arriving === undefined) throw new Error("The request has been answered.");
    return this.#arriving;
  }

  #serve(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#isAnswering) {
        this.#putBack(chunk.subarray(at));
        return;
      }
      if (this.#arriving === undefined) {
        const head = plainInvocation(chunk, at);
        if (head === undefined) {
          this.#handOver(chunk.subarray(at));
          return;
        }
        const { headEnd, bodyBytes } = head;
        const roomBytes = headEnd + bodyBytes <= chunk.length ? 0 : bodyBytes;
        // The HTTP server asks who sends it, and then reads it.
        if (!this.#parts.room.tryEnter(roomBytes)) {
          this.#handOver(chunk.subarray(at));
          return;
        }
        const headBytes = chunk.subarray(at, headEnd);
        this.#arriving = {
          head,
          headBytes,
          pieces: [],
          missingBytes: bodyBytes,
          roomBytes,
          missingBefore: bodyBytes,
        };
        at = headEnd;
      }
      at = this.#takeBody(this.#arriving, chunk, at);
    }
  }

  #takeBody(arriving: Arriving, chunk: Buffer, from: number): number {
    const to = Math.min(chunk.length, from + arriving.missingBytes);
    if (to > from) arriving.pieces.push(chunk.subarray(from, to));
    arriving.missingBytes -= to - from;
    if (arriving.missingBytes > 0) return to;
    this.#leaveRoom();
    this.#isAnswering = true;
    if (to < chunk.length) this.#putBack(chunk.subarray(to));
    this.#parts.take(this);
    return chunk.length;
  }

  #leaveRoom(): void {
    if (this.#arriving === undefined || this.#arriving.roomBytes === 0) return;
    this.#parts.room.leave(this.#arriving.roomBytes);
    this.#arriving.roomBytes = 0;
  }

  /** What comes behind a request is looked at when that is answered. */
  #putBack(rest: Buffer): void {
    this.socket.pause();
    this.socket.unshift(rest);
  }

  #handOver(rest: Buffer): void {
    const { socket } = this;
    this.#arriving = undefined;
    socket.off("data", this.#receive);
    socket.off("end", this.#end);
    socket.off("error", ignore);
    this.#putBack(rest);
    this.#parts.goOnInHttp(socket);
    socket.resume();
  }
}

const ignore = (): void => undefined;

import type { Socket } from "node:net";
import {
  type InvocationEvent,
  payloadTooLarge,
  type RuntimeApiRefusal,
  type RuntimeApiSession,
  type StreamingResponse,
} from "../environments/runtime-api-session.ts";
import {
  acceptedFrame,
  BodyReader,
  eventFrame,
  FROM_RUNTIME,
  type FrameHandler,
  FrameReader,
  MalformedFrame,
  refusalFrame,
} from "./channel-frames.ts";
import type { UnfinishedBodies } from "./unfinished-bodies.ts";

/** What a runtime asks for to get a channel: `GET /lambent/channel` with `Upgrade: lambent-channel`. */
export const CHANNEL_PATH = "/lambent/channel";
export const CHANNEL_PROTOCOL = "lambent-channel";

const SWITCHING = Buffer.from(
  `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${CHANNEL_PROTOCOL}\r\n\r\n`,
);
const DEFAULT_CONTENT_TYPE = "application/octet-stream";

/**
 * The Runtime API of one environment in frames, for Lambent's own runtime clients: one write in each direction for an
 * invocation. To ask for a channel is to ask for the first event, and a response asks for the next one. Rules and
 * refusals are the session's, as over HTTP; a connection with anything else on it than frames is ended.
 */
export class Channel implements FrameHandler {
  readonly #socket: Socket;
  readonly #session: RuntimeApiSession;
  readonly #bodies: UnfinishedBodies;
  readonly #reader: FrameReader;
  readonly #deliver = (event: InvocationEvent): void => this.#write(...eventFrame(event));
  /** Goes out with the first frame: a cold start is one write shorter. */
  #greeting: Buffer | undefined = SWITCHING;
  #stream: StreamingResponse | "refused" | undefined;
  /** Of a frame that is not whole yet. */
  #heldBytes = 0;

  constructor(socket: Socket, session: RuntimeApiSession, bodies: UnfinishedBodies) {
    this.#socket = socket;
    this.#session = session;
    this.#bodies = bodies;
    this.#reader = new FrameReader(this, session.maxResponseBytes);
  }

  /** Takes the connection over; `head` is what came behind the request. */
  open(head: Buffer): void {
    this.#listen();
    this.#next();
    if (head.length > 0) this.#receive(head);
    this.#socket.resume();
  }

  /** Takes over a connection that speaks frames already, and has asked for no event yet. */
  goOn(): void {
    this.#greeting = undefined;
    this.#listen();
  }

  #listen(): void {
    const socket = this.#socket;
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#hold(0);
      if (typeof this.#stream === "object") this.#stream.breakOff();
    });
  }

  frame(kind: number, body: Buffer): void {
    switch (kind) {
      case FROM_RUNTIME.next:
        this.#next();
        return;
      case FROM_RUNTIME.responseAndNext:
      case FROM_RUNTIME.response:
        this.#response(body, kind);
        return;
      case FROM_RUNTIME.errorAndNext:
      case FROM_RUNTIME.error:
        this.#error(body, kind);
        return;
      case FROM_RUNTIME.streamBegin:
        this.#streamBegin(new BodyReader(body));
        return;
      default:
        this.#streamEnd(kind, body);
    }
  }

  oversized(kind: number, start: Buffer): void {
    this.#tooLarge(new BodyReader(start).shortText(), kind);
  }

  piece(part: Buffer): Promise<void> | undefined {
    if (this.#stream === undefined) throw new MalformedFrame("a piece belongs to no stream");
    return this.#stream === "refused" ? undefined : this.#stream.write(part);
  }

  /** Who does not read what is refused gets no further. */
  room(): Promise<void> | undefined {
    const socket = this.#socket;
    if (!socket.writableNeedDrain || socket.destroyed) return undefined;
    return new Promise((resolve) => {
      const done = (): void => {
        socket.off("drain", done);
        socket.off("close", done);
        resolve();
      };
      socket.on("drain", done);
      socket.on("close", done);
    });
  }

  #hold(bytes: number): boolean {
    this.#bodies.remove(this.#heldBytes);
    this.#heldBytes = bytes;
    return this.#bodies.add(bytes);
  }

  #receive(chunk: Buffer): void {
    try {
      const room = this.#reader.push(chunk);
      if (this.#reader.heldBytes !== this.#heldBytes && !this.#hold(this.#reader.heldBytes))
        this.#socket.destroy();
      if (room === undefined) return;
      this.#socket.pause();
      room.then(
        () => this.#socket.resume(),
        (error: unknown) => this.#broke(error),
      );
    } catch (error) {
      this.#broke(error);
    }
  }

  #broke(error: unknown): void {
    this.#socket.destroy();
    if (!(error instanceof MalformedFrame)) throw error;
  }

  #next(): void {
    this.#refuse(this.#session.next(this.#deliver));
  }

  #response(body: Buffer, kind: number): void {
    const reader = new BodyReader(body);
    const requestId = reader.shortText();
    const payload = reader.rest();
    if (payload.length > this.#session.maxResponseBytes) this.#tooLarge(requestId, kind);
    else if (!this.#refuse(this.#session.response(requestId, payload))) this.#answered(kind);
  }

  #error(body: Buffer, kind: number): void {
    const reader = new BodyReader(body);
    const requestId = reader.shortText();
    const errorType = reader.text();
    const payload = reader.rest();
    if (payload.length > this.#session.maxResponseBytes) this.#tooLarge(requestId, kind);
    else if (!this.#refuse(this.#session.error(requestId, payload, errorType || undefined)))
      this.#answered(kind);
  }

  /** The caller is told. As over HTTP a runtime goes on after a response that was too large. */
  #tooLarge(requestId: string, kind: number): void {
    if (this.#refuse(this.#session.expects(requestId, "response"))) return;
    this.#session.responseTooLarge(requestId);
    if (kind === FROM_RUNTIME.responseAndNext) this.#next();
    else this.#refuse(payloadTooLarge(this.#session.maxResponseBytes));
  }

  #answered(kind: number): void {
    if (kind === FROM_RUNTIME.responseAndNext || kind === FROM_RUNTIME.errorAndNext) this.#next();
    else this.#write(acceptedFrame);
  }

  #streamBegin(reader: BodyReader): void {
    if (this.#stream !== undefined) throw new MalformedFrame("a stream begins inside another");
    const requestId = reader.shortText();
    const stream = this.#session.streamResponse(requestId, reader.text() || DEFAULT_CONTENT_TYPE);
    const isRefused = "status" in stream;
    this.#stream = isRefused ? "refused" : stream;
    if (isRefused) this.#refuse(stream);
  }

  #streamEnd(kind: number, body: Buffer): void {
    const stream = this.#stream;
    if (stream === undefined) throw new MalformedFrame("no stream is to be ended");
    this.#stream = undefined;
    // It has been answered when it began.
    if (stream === "refused") return;
    let refusal: RuntimeApiRefusal | undefined;
    if (kind === FROM_RUNTIME.streamEnd) refusal = stream.end();
    else {
      const reader = new BodyReader(body);
      const errorType = reader.text();
      refusal = stream.fail(reader.rest(), errorType || undefined);
    }
    if (!this.#refuse(refusal)) this.#write(acceptedFrame);
  }

  #refuse(refusal: RuntimeApiRefusal | undefined): boolean {
    if (refusal === undefined) return false;
    this.#write(refusalFrame(refusal));
    return true;
  }

  #write(head: Buffer, payload?: Uint8Array): void {
    const socket = this.#socket;
    const greeting = this.#greeting;
    if (greeting === undefined && payload === undefined) {
      socket.write(head);
      return;
    }
    this.#greeting = undefined;
    socket.cork();
    if (greeting !== undefined) socket.write(greeting);
    socket.write(head);
    if (payload !== undefined) socket.write(payload);
    socket.uncork();
  }
}

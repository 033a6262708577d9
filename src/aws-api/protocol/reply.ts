import type { ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

/** Up to here bytes go out as text of the same bytes, which Node sends together with the headers in one buffer. */
const ONE_WRITE_BYTES_MAX = 8_192;

const asLatin1 = ({ buffer, byteOffset, byteLength }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString("latin1");

/** The response being made: headers gathered on the way, then sent once. */
export class Reply {
  readonly requestId: string;
  /** Names in lower case but for the request id's. */
  readonly headers: Record<string, string>;
  readonly #response: ServerResponse;
  readonly #isHead: boolean;
  #controller: AbortController | undefined;

  constructor(response: ServerResponse, requestId: string, isHead: boolean) {
    this.#response = response;
    this.requestId = requestId;
    this.#isHead = isHead;
    this.headers = { "x-amzn-RequestId": requestId };
  }

  /** What was answered; 499, as proxies log it, when the client left before. */
  get status(): number {
    return this.#response.headersSent ? this.#response.statusCode : 499;
  }

  /** Headers are out, or the connection is gone: no other answer is possible. */
  get isStarted(): boolean {
    return this.#response.headersSent || this.#response.destroyed;
  }

  /** Aborted when the client goes away before the response is complete. Made when first asked for. */
  get signal(): AbortSignal {
    if (this.#controller) return this.#controller.signal;
    const controller = new AbortController();
    this.#controller = controller;
    const abortUnlessFinished = (): void => {
      if (!this.#response.writableFinished) controller.abort();
    };
    if (this.#response.destroyed) abortUnlessFinished();
    else this.#response.once("close", abortUnlessFinished);
    return controller.signal;
  }

  /** Sends everything. A content type that a handler set is kept. */
  send(status: number, contentType: string | undefined, body?: string | Uint8Array): void {
    const { headers } = this;
    if (contentType !== undefined) headers["content-type"] ??= contentType;
    const bytes = body === undefined ? 0 : Buffer.byteLength(body);
    // RFC 9110: 204 has no content and no Content-Length.
    if (status !== 204) headers["content-length"] ??= String(bytes);
    this.#response.writeHead(status, headers);
    if (body === undefined || this.#isHead || status === 204) this.#response.end();
    // As many bytes as characters: ASCII, which needs no transcoding.
    else if (typeof body === "string") this.#response.end(body, bytes === body.length ? "latin1" : "utf8");
    else if (bytes > ONE_WRITE_BYTES_MAX) this.#response.end(body);
    else this.#response.end(asLatin1(body), "latin1");
  }

  /** Sends a stream as the body; resolves when it is through, rejects when it fails on the way. */
  async sendStream(status: number, contentType: string, body: Readable): Promise<void> {
    this.headers["content-type"] ??= contentType;
    this.#response.writeHead(status, this.headers);
    await pipeline(body, this.#response);
  }

  /** Starts a response that is written piece by piece. */
  start(status: number, contentType: string): void {
    this.headers["content-type"] ??= contentType;
    this.#response.writeHead(status, this.headers);
    this.#response.flushHeaders();
  }

  /** Writes a piece; resolves when there is room for the next or the client is gone. */
  async write(piece: Uint8Array): Promise<void> {
    if (this.#response.destroyed || this.#response.write(piece)) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#response.off("drain", done);
        this.#response.off("close", done);
        resolve();
      };
      this.#response.on("drain", done);
      this.#response.on("close", done);
    });
  }

  finish(): void {
    this.#response.end();
  }

  /** Cuts the connection unless all was said: the client must see that the response is not whole. */
  abandon(): void {
    if (!this.#response.writableEnded) this.#response.destroy();
  }
}

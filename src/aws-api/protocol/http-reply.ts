import type { ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Reply } from "./reply.ts";

/** Up to here bytes go out as text of the same bytes, which Node sends together with the headers in one buffer. */
const ONE_WRITE_BYTES_MAX = 8_192;

const asLatin1 = ({ buffer, byteOffset, byteLength }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString("latin1");

/** A response of Node's HTTP server. */
export class HttpReply extends Reply {
  readonly #response: ServerResponse;
  readonly #isHead: boolean;

  constructor(response: ServerResponse, requestId: string, isHead: boolean) {
    super(requestId);
    this.#response = response;
    this.#isHead = isHead;
  }

  get status(): number {
    return this.#response.headersSent ? this.#response.statusCode : 499;
  }

  get isStarted(): boolean {
    return this.#response.headersSent || this.#response.destroyed;
  }

  protected onceAbandonedByClient(callback: () => void): void {
    const unlessFinished = (): void => {
      if (!this.#response.writableFinished) callback();
    };
    if (this.#response.destroyed) unlessFinished();
    else this.#response.once("close", unlessFinished);
  }

  protected sendWhole(status: number, body: string | Uint8Array | undefined, bytes: number): void {
    this.#response.writeHead(status, this.headers);
    if (body === undefined || this.#isHead) this.#response.end();
    // As many bytes as characters: ASCII, which needs no transcoding.
    else if (typeof body === "string") this.#response.end(body, bytes === body.length ? "latin1" : "utf8");
    else if (bytes > ONE_WRITE_BYTES_MAX) this.#response.end(body);
    else this.#response.end(asLatin1(body), "latin1");
  }

  async sendStream(status: number, contentType: string, body: Readable): Promise<void> {
    this.headers["content-type"] ??= contentType;
    this.#response.writeHead(status, this.headers);
    await pipeline(body, this.#response);
  }

  start(status: number, contentType: string): void {
    this.headers["content-type"] ??= contentType;
    this.#response.writeHead(status, this.headers);
    this.#response.flushHeaders();
  }

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

  abandon(): void {
    if (!this.#response.writableEnded) this.#response.destroy();
  }
}

import type { ServerResponse } from "node:http";
import type { UrlAnswer, UrlAnswerHead } from "./url-answer.ts";

type Headers = readonly (readonly [name: string, value: string])[];

const hasNoBody = (status: number): boolean => status === 204 || status === 304;

/** The answer on its way to the client: the platform's own headers go with every one. */
export class UrlReply {
  readonly #response: ServerResponse;
  readonly #isHead: boolean;
  /** Added to whatever is answered. */
  readonly headers: [name: string, value: string][];
  #status = 499;
  /** Resolves when the client has read what waits for it, or is gone. */
  #room: Promise<void> | undefined;

  constructor(response: ServerResponse, requestId: string, isHead: boolean) {
    this.#response = response;
    this.#isHead = isHead;
    this.headers = [["x-amzn-RequestId", requestId]];
  }

  /** What was answered; 499, as proxies log it, when the client left before. */
  get status(): number {
    return this.#status;
  }

  /** The head is out, or the connection is gone: no other answer is possible. */
  get isStarted(): boolean {
    return this.#response.headersSent || this.#response.destroyed;
  }

  send({ status, headers, body }: UrlAnswer): void {
    if (this.isStarted) return;
    const length: Headers = status === 204 ? [] : [["content-length", String(body.byteLength)]];
    this.#writeHead(status, [...headers, ...length]);
    if (this.#isHead || hasNoBody(status)) this.#response.end();
    else this.#response.end(body);
  }

  /** Starts an answer that comes in pieces. */
  start({ status, headers }: UrlAnswerHead): void {
    if (this.isStarted) return;
    this.#writeHead(status, headers);
    this.#response.flushHeaders();
  }

  /** Takes a piece; a promise asks to wait until it resolves, which it does when the client is gone, too. */
  write(piece: Uint8Array): Promise<void> | undefined {
    const response = this.#response;
    if (piece.byteLength === 0 || this.#isHead || response.destroyed || response.writableEnded)
      return undefined;
    if (hasNoBody(response.statusCode) || response.write(piece)) return undefined;
    this.#room ??= new Promise((resolve) => {
      const done = (): void => {
        response.off("drain", done);
        response.off("close", done);
        this.#room = undefined;
        resolve();
      };
      response.on("drain", done);
      response.on("close", done);
    });
    return this.#room;
  }

  finish(): void {
    this.#response.end();
  }

  /** Cuts the connection unless all was said: the client must see that the answer is not whole. */
  abandon(): void {
    if (!this.#response.writableEnded) this.#response.destroy();
  }

  #writeHead(status: number, headers: Headers): void {
    this.#status = status;
    // As a flat list: a name may come twice.
    this.#response.writeHead(status, [...headers, ...this.headers].flat());
  }
}

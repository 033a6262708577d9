import type { Readable } from "node:stream";

/** The response being made: headers gathered on the way, then sent once. */
export abstract class Reply {
  readonly requestId: string;
  /** Names in lower case but for the request id's. */
  readonly headers: Record<string, string>;
  #controller: AbortController | undefined;

  constructor(requestId: string) {
    this.requestId = requestId;
    this.headers = { "x-amzn-RequestId": requestId };
  }

  /** What was answered; 499, as proxies log it, when the client left before. */
  abstract get status(): number;

  /** Headers are out, or the connection is gone: no other answer is possible. */
  abstract get isStarted(): boolean;

  /** Aborted when the client goes away before the response is complete. Made when first asked for. */
  get signal(): AbortSignal {
    if (this.#controller) return this.#controller.signal;
    const controller = new AbortController();
    this.#controller = controller;
    this.onceAbandonedByClient(() => controller.abort());
    return controller.signal;
  }

  /** Calls back when the connection closes before the response is complete; at once where it has closed. */
  protected abstract onceAbandonedByClient(callback: () => void): void;

  /** Sends everything. A content type that a handler set is kept. */
  send(status: number, contentType: string | undefined, body?: string | Uint8Array): void {
    const { headers } = this;
    if (contentType !== undefined) headers["content-type"] ??= contentType;
    const bytes = body === undefined ? 0 : Buffer.byteLength(body);
    // RFC 9110: 204 has no content and no Content-Length.
    if (status !== 204) headers["content-length"] ??= String(bytes);
    this.sendWhole(status, status === 204 ? undefined : body, bytes);
  }

  /** `bytes`: of the body. */
  protected abstract sendWhole(status: number, body: string | Uint8Array | undefined, bytes: number): void;

  /** Sends a stream as the body; resolves when it is through, rejects when it fails on the way. */
  abstract sendStream(status: number, contentType: string, body: Readable): Promise<void>;

  /** Starts a response that is written piece by piece. */
  abstract start(status: number, contentType: string): void;

  /** Writes a piece; resolves when there is room for the next or the client is gone. */
  abstract write(piece: Uint8Array): Promise<void>;

  abstract finish(): void;

  /** Cuts the connection unless all was said: the client must see that the response is not whole. */
  abstract abandon(): void;
}

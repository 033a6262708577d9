import { STATUS_CODES } from "node:http";
import type { Clock } from "../ports/clock.ts";

/** Up to here one write with a copy is cheaper than two without. */
const COPIED_BYTES_MAX = 16_384;
/** As Node's HTTP server: anything else could end the header, or be read as something else. */
const UNFIT_FOR_HEADERS = /[^\t\x20-\x7e\x80-\xff]/;

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | undefined;
}

/** Answers as the bytes that Node's HTTP server sends for them. The lines that do not change are made once a second. */
export class PlainAnswers {
  readonly #clock: Clock;
  readonly #keepAlive: string;
  #second = -1;
  #lastLines = "";

  constructor(clock: Clock, keepAliveMs: number) {
    this.#clock = clock;
    this.#keepAlive = `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(keepAliveMs / 1000)}\r\n\r\n`;
  }

  /** In the pieces to be written one after the other. Throws for a header that cannot be one. */
  bytes({ status, headers, body }: Answer): [head: Buffer, payload?: Uint8Array] {
    const head = this.#head(status, headers);
    if (body === undefined) return [Buffer.from(head, "latin1")];
    const bodyBytes = Buffer.byteLength(body);
    if (typeof body !== "string" && bodyBytes > COPIED_BYTES_MAX) return [Buffer.from(head, "latin1"), body];
    const answer = Buffer.allocUnsafe(head.length + bodyBytes);
    answer.write(head, "latin1");
    if (typeof body === "string") answer.write(body, head.length, "utf8");
    else answer.set(body, head.length);
    return [answer];
  }

  #head(status: number, headers: Readonly<Record<string, string>>): string {
    let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "unknown"}\r\n`;
    for (const name in headers) {
      const value = headers[name] ?? "";
      if (UNFIT_FOR_HEADERS.test(value)) throw new TypeError(`The header ${name} cannot be sent.`);
      head += `${name}: ${value}\r\n`;
    }
    return head + this.#unchanging();
  }

  #unchanging(): string {
    const second = Math.floor(this.#clock.nowMs() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#lastLines = `Date: ${new Date(second * 1000).toUTCString()}\r\n${this.#keepAlive}`;
    }
    return this.#lastLines;
  }
}

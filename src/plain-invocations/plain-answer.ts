import { STATUS_CODES } from "node:http";
import { answerPieces, DateHeader } from "../core/answer-bytes.ts";
import type { Clock } from "../ports/clock.ts";

const empty = new Uint8Array(0);
/** As Node's HTTP server: anything else could end the header, or be read as something else. */
const UNFIT_FOR_HEADERS = /[^\t\x20-\x7e\x80-\xff]/;

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | undefined;
}

/** Answers as the bytes that Node's HTTP server sends for them. */
export class PlainAnswers {
  readonly #clock: Clock;
  readonly #date = new DateHeader();
  readonly #keepAlive: string;

  constructor(clock: Clock, keepAliveMs: number) {
    this.#clock = clock;
    this.#keepAlive = `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(keepAliveMs / 1000)}\r\n\r\n`;
  }

  /** In the pieces to be written one after the other. Throws for a header that cannot be one. */
  bytes({ status, headers, body }: Answer): [head: Buffer, payload?: Uint8Array] {
    const head = this.#head(status, headers);
    return answerPieces(head, typeof body === "string" ? Buffer.from(body) : (body ?? empty));
  }

  #head(status: number, headers: Readonly<Record<string, string>>): string {
    let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "unknown"}\r\n`;
    for (const name in headers) {
      const value = headers[name] ?? "";
      if (UNFIT_FOR_HEADERS.test(value)) throw new TypeError(`The header ${name} cannot be sent.`);
      head += `${name}: ${value}\r\n`;
    }
    return head + this.#date.at(this.#clock.nowMs()) + this.#keepAlive;
  }
}

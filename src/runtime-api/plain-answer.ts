import { STATUS_CODES } from "node:http";
import { answerPieces, DateHeader } from "../core/answer-bytes.ts";
import type { InvocationEvent, RuntimeApiRefusal } from "../environments/runtime-api-session.ts";
import type { Clock } from "../ports/clock.ts";
import { eachEventHeader } from "./event-headers.ts";

/** What a runtime is told that its response was taken. */
export const ACCEPTED_BODY = '{"status":"OK"}\n';
/** What it is told that it was not. */
export const refusalBody = ({ errorType, errorMessage }: RuntimeApiRefusal): string =>
  `${JSON.stringify({ errorMessage, errorType })}\n`;

/** Answers of the Runtime API as bytes. What does not change is made once a second, for the date in it. */
export class PlainAnswers {
  readonly #clock: Clock;
  readonly #dateHeader = new DateHeader();
  #accepted: Buffer = Buffer.alloc(0);
  #date = "";

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** In the pieces to be written one after the other. */
  event(event: InvocationEvent): [head: Buffer, payload?: Uint8Array] {
    this.#keepDate();
    let head = "HTTP/1.1 200 OK\r\n";
    eachEventHeader(event, (name, value) => {
      head += `${name}: ${value}\r\n`;
    });
    return answerPieces(`${head}${this.#date}\r\n`, event.payload);
  }

  accepted(): Buffer {
    this.#keepDate();
    return this.#accepted;
  }

  refusal(refusal: RuntimeApiRefusal): Buffer {
    this.#keepDate();
    const { status } = refusal;
    return this.#answer(`${status} ${STATUS_CODES[status]}`, refusalBody(refusal));
  }

  #keepDate(): void {
    const date = this.#dateHeader.at(this.#clock.nowMs());
    if (date === this.#date) return;
    this.#date = date;
    this.#accepted = this.#answer("202 Accepted", ACCEPTED_BODY);
  }

  #answer(status: string, body: string): Buffer {
    return Buffer.from(
      `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${this.#date}\r\n${body}`,
    );
  }
}

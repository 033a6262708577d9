import { STATUS_CODES } from "node:http";
import type { InvocationEvent, RuntimeApiRefusal } from "../environments/runtime-api-session.ts";
import type { Clock } from "../ports/clock.ts";
import { eachEventHeader } from "./event-headers.ts";

/** What a runtime is told that its response was taken. */
export const ACCEPTED_BODY = '{"status":"OK"}\n';
/** What it is told that it was not. */
export const refusalBody = ({ errorType, errorMessage }: RuntimeApiRefusal): string =>
  `${JSON.stringify({ errorMessage, errorType })}\n`;
/** Up to here one write with a copy is cheaper than two without. */
const COPIED_BYTES_MAX = 16_384;

/** Answers of the Runtime API as bytes. What does not change is made once a second, for the date in it. */
export class PlainAnswers {
  readonly #clock: Clock;
  #second = -1;
  #accepted: Buffer = Buffer.alloc(0);
  #date = "";

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** In the pieces to be written one after the other. */
  event(event: InvocationEvent): [head: Buffer, payload?: Uint8Array] {
    this.#keepDate();
    const { payload } = event;
    let head = "HTTP/1.1 200 OK\r\n";
    eachEventHeader(event, (name, value) => {
      head += `${name}: ${value}\r\n`;
    });
    head += this.#date;
    if (payload.byteLength > COPIED_BYTES_MAX) return [Buffer.from(head, "latin1"), payload];
    const answer = Buffer.allocUnsafe(head.length + payload.byteLength);
    answer.write(head, "latin1");
    answer.set(payload, head.length);
    return [answer];
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
    const second = Math.floor(this.#clock.nowMs() / 1000);
    if (second === this.#second) return;
    this.#second = second;
    this.#date = `Date: ${new Date(second * 1000).toUTCString()}\r\n\r\n`;
    this.#accepted = this.#answer("202 Accepted", ACCEPTED_BODY);
  }

  #answer(status: string, body: string): Buffer {
    return Buffer.from(
      `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${this.#date}${body}`,
    );
  }
}

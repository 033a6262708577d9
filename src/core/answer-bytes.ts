/** The Date header of answers that are written as bytes, made once a second. */
export class DateHeader {
  #second = -1;
  #line = "";

  /** With its line end; the same text for the same second. */
  at(nowMs: number): string {
    const second = Math.floor(nowMs / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#line = `Date: ${new Date(second * 1000).toUTCString()}\r\n`;
    }
    return this.#line;
  }
}

/** Up to here one write with a copy is cheaper than two without. */
const COPIED_BYTES_MAX = 16_384;

/** An answer in the pieces to be written one after the other. */
export function answerPieces(head: string, body: Uint8Array): [head: Buffer, body?: Uint8Array] {
  if (body.byteLength > COPIED_BYTES_MAX) return [Buffer.from(head, "latin1"), body];
  const answer = Buffer.allocUnsafe(head.length + body.byteLength);
  answer.write(head, "latin1");
  answer.set(body, head.length);
  return [answer];
}

/** What an answer is written to: a socket. */
export interface AnswerSink {
  cork(): void;
  uncork(): void;
  write(bytes: Uint8Array): boolean;
}

/** Writes an answer's pieces at once. False: the sink has more than it can send. */
export function writePieces(sink: AnswerSink, head: Uint8Array, body: Uint8Array | undefined): boolean {
  if (body === undefined) return sink.write(head);
  sink.cork();
  sink.write(head);
  const isThrough = sink.write(body);
  sink.uncork();
  return isThrough;
}

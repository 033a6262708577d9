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

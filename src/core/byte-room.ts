/** How much may be under way at a time. Who finds no room waits behind those who came before. */
export class ByteRoom {
  #freeBytes: number;
  readonly #bytes: number;
  readonly #waiting: { readonly bytes: number; readonly enter: () => void }[] = [];

  constructor(bytes: number) {
    this.#bytes = bytes;
    this.#freeBytes = bytes;
  }

  /** Answers what is to be left again: never more than the room has. */
  async enter(wantedBytes: number): Promise<number> {
    const bytes = Math.min(wantedBytes, this.#bytes);
    if (!this.tryEnter(bytes)) await new Promise<void>((enter) => this.#waiting.push({ bytes, enter }));
    return bytes;
  }

  /** False where there is none now. */
  tryEnter(bytes: number): boolean {
    if (this.#waiting.length > 0 || bytes > this.#freeBytes) return false;
    this.#freeBytes -= bytes;
    return true;
  }

  leave(bytes: number): void {
    this.#freeBytes += bytes;
    for (
      let [next] = this.#waiting;
      next !== undefined && next.bytes <= this.#freeBytes;
      [next] = this.#waiting
    ) {
      this.#waiting.shift();
      this.#freeBytes -= next.bytes;
      next.enter();
    }
  }
}

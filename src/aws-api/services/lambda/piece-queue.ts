/** So much may wait for the reader before the writer has to. */
const HIGH_WATER_BYTES = 65_536;

/** Pieces on their way from one writer to one reader, with back-pressure. */
export class PieceQueue implements AsyncIterable<Uint8Array> {
  #pieces: Uint8Array[] = [];
  #waitingBytes = 0;
  #state: "open" | "ended" | "discarding" = "open";
  #arrived = Promise.withResolvers<void>();
  #room: PromiseWithResolvers<void> | undefined;

  /** Takes a piece; a promise asks to wait with the next one until it resolves. */
  write(piece: Uint8Array): Promise<void> | undefined {
    if (this.#state !== "open" || piece.byteLength === 0) return undefined;
    this.#pieces.push(piece);
    this.#waitingBytes += piece.byteLength;
    this.#arrived.resolve();
    if (this.#waitingBytes < HIGH_WATER_BYTES) return undefined;
    this.#room ??= Promise.withResolvers();
    return this.#room.promise;
  }

  /** No more pieces come; those that wait are still read. */
  end(): void {
    if (this.#state === "open") this.#state = "ended";
    this.#arrived.resolve();
  }

  /** Nobody reads any more: the writer never has to wait again. */
  discard(): void {
    this.#state = "discarding";
    this.#pieces = [];
    this.#arrived.resolve();
    this.#makeRoom();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      const piece = this.#pieces.shift();
      if (piece !== undefined) {
        // Control comes back when the reader has sent it on.
        yield piece;
        this.#waitingBytes -= piece.byteLength;
        if (this.#waitingBytes < HIGH_WATER_BYTES) this.#makeRoom();
      } else if (this.#state === "open") {
        this.#arrived = Promise.withResolvers();
        await this.#arrived.promise;
      } else return;
    }
  }

  #makeRoom(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }
}

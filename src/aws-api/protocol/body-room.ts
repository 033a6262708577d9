import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";

/** More than the largest bodies of any operation that is not read as a stream. */
const ROOM_BYTES = 128 * 1024 * 1024;

/**
 * What the bodies of one client may take of this process's memory, over all its connections: each enters before it is read
 * and leaves when its request is answered. Who finds no room waits, unread, behind those of the same client.
 */
export class BodyRoom {
  #freeBytes = ROOM_BYTES;
  readonly #waiting: { readonly bytes: number; readonly enter: () => void }[] = [];

  /** The connection's bodies share this room from now on. */
  share(connection: Socket): void {
    rooms.set(connection, this);
  }

  async enter(bytes: number): Promise<void> {
    if (this.#waiting.length === 0 && bytes <= this.#freeBytes) this.#freeBytes -= bytes;
    else await new Promise<void>((enter) => this.#waiting.push({ bytes, enter }));
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

const rooms = new WeakMap<Socket, BodyRoom>();
const inside = new WeakMap<IncomingMessage, () => void>();

/** Waits for room for a request's body, where its client has to share one. */
export async function enterRoom(message: IncomingMessage, wantedBytes: number): Promise<void> {
  const room = rooms.get(message.socket);
  if (room === undefined) return;
  const bytes = Math.min(wantedBytes, ROOM_BYTES);
  await room.enter(bytes);
  inside.set(message, () => room.leave(bytes));
}

/** The request is answered. */
export function leaveRoom(message: IncomingMessage): void {
  inside.get(message)?.();
  inside.delete(message);
}

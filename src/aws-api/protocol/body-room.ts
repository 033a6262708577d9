import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { ByteRoom } from "../../core/byte-room.ts";

/** More than the largest bodies of any operation that is not read as a stream. */
const ROOM_BYTES = 128 * 1024 * 1024;

/**
 * What the bodies of one client may take of this process's memory, over all its connections: each enters before it is read
 * and leaves when its request is answered. Who finds no room waits, unread, behind those of the same client.
 */
export class BodyRoom {
  readonly bytes = new ByteRoom(ROOM_BYTES);

  /** The connection's bodies share this room from now on. */
  share(connection: Socket): void {
    rooms.set(connection, this);
  }
}

const rooms = new WeakMap<Socket, BodyRoom>();
const inside = new WeakMap<IncomingMessage, () => void>();

/** Waits for room for a request's body: in that of its client, where it has to share one, otherwise in `common`. */
export async function enterRoom(
  message: IncomingMessage,
  wantedBytes: number,
  common?: BodyRoom,
): Promise<void> {
  const room = rooms.get(message.socket) ?? common;
  if (room === undefined) return;
  const bytes = await room.bytes.enter(wantedBytes);
  inside.set(message, () => room.bytes.leave(bytes));
}

/** The request is answered. */
export function leaveRoom(message: IncomingMessage): void {
  inside.get(message)?.();
  inside.delete(message);
}

import type { IncomingMessage, Server } from "node:http";
import type { Socket } from "node:net";

/** A request of which nothing came in so many rounds is given up. */
const STILL_ROUNDS_MAX = 4;
const ROUND_MS = 15_000;

interface Watched {
  message: IncomingMessage | undefined;
  bytesRead: number;
  stillRounds: number;
}

/**
 * Ends connections whose clients do not go on sending the request they have begun. Large ones may take as long as they
 * like: Node's own limit is for the whole request. Nor does it count while nobody here reads on.
 */
export function endStalledRequests(server: Server, roundMs = ROUND_MS): void {
  const connections = new Map<Socket, Watched>();
  server.on("connection", (socket: Socket) => {
    connections.set(socket, { message: undefined, bytesRead: 0, stillRounds: 0 });
    socket.once("close", () => connections.delete(socket));
  });
  server.on("request", (message: IncomingMessage) => {
    const watched = connections.get(message.socket);
    if (watched !== undefined) watched.message = message;
  });
  const rounds = setInterval(() => {
    for (const [socket, watched] of connections)
      if (stillRounds(socket, watched) >= STILL_ROUNDS_MAX) socket.destroy();
  }, roundMs).unref();
  server.once("close", () => clearInterval(rounds));
}

function stillRounds(socket: Socket, watched: Watched): number {
  const { message, bytesRead } = watched;
  watched.bytesRead = socket.bytesRead;
  if (message === undefined || message.complete) watched.message = undefined;
  const isStill =
    watched.message !== undefined && wantsMore(watched.message) && socket.bytesRead === bytesRead;
  watched.stillRounds = isStill ? watched.stillRounds + 1 : 0;
  return watched.stillRounds;
}

/** Node stops reading a connection when so much of a body waits for its reader. */
const wantsMore = ({ readableLength, readableHighWaterMark }: IncomingMessage): boolean =>
  readableLength < readableHighWaterMark;

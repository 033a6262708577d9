import type { Socket } from "node:net";
import { ByteRoom } from "../core/byte-room.ts";
import type { Clock } from "../ports/clock.ts";
import { PlainAnswers } from "./plain-answer.ts";
import { type ArrivedInvocation, PlainConnection, type PlainConnectionParts } from "./plain-connection.ts";

/** A connection on which nothing was asked, or nothing more came, is ended in the last of these rounds of a keep-alive time. */
const ROUNDS = 4;
/** For all bodies together of which a part has come; what does not fit is left to the HTTP server. */
const UNFINISHED_BYTES_MAX = 64 * 1024 * 1024;

export interface PlainConnectionsParts {
  readonly clock: Clock;
  /** How long, at least, a connection may be quiet. */
  readonly keepAliveMs: number;
  /** Called when a request is whole; it is answered, or handed back, once. */
  readonly take: (arrived: ArrivedInvocation) => void;
  readonly goOnInHttp: (socket: Socket) => void;
}

/** The connections to the public port that no HTTP server has yet. */
export class PlainConnections {
  readonly #parts: PlainConnectionsParts;
  readonly #connections = new Set<PlainConnection>();
  readonly #each: PlainConnectionParts;
  #stopRounds: (() => void) | undefined;

  constructor(parts: PlainConnectionsParts) {
    this.#parts = parts;
    const { clock, keepAliveMs, take, goOnInHttp } = parts;
    const room = new ByteRoom(UNFINISHED_BYTES_MAX);
    this.#each = { answers: new PlainAnswers(clock, keepAliveMs), take, room, goOnInHttp };
  }

  accept(socket: Socket): void {
    socket.setNoDelay(true);
    const connection = new PlainConnection(socket, {
      ...this.#each,
      goOnInHttp: (handed) => {
        this.#connections.delete(connection);
        this.#parts.goOnInHttp(handed);
      },
    });
    this.#connections.add(connection);
    socket.once("close", () => this.#connections.delete(connection));
    this.#stopRounds ??= this.#nextRound();
  }

  /** Ends every one. */
  close(): void {
    this.#stopRounds?.();
    for (const { socket } of this.#connections) socket.destroy();
  }

  #nextRound(): () => void {
    const { clock, keepAliveMs } = this.#parts;
    return clock.after(keepAliveMs / ROUNDS, () => {
      for (const connection of this.#connections)
        if (connection.quietRounds() > ROUNDS) connection.socket.destroy();
      this.#stopRounds = this.#connections.size > 0 ? this.#nextRound() : undefined;
    });
  }
}

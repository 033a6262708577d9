import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Clock } from "../ports/clock.ts";

/** Runtime clients send two requests at once at most, and AWS's SDKs one. */
const UNANSWERED_MAX = 32;
/** For so long nobody is listened to who sends more. */
const DEAF_MS = 1_000;

interface Connection {
  readonly requests: EnvironmentRequests;
  unanswered: number;
}

const connections = new WeakMap<Socket, Connection>();

/**
 * The HTTP connections of one environment. A program that sends thousands of requests in one piece keeps this process from
 * everything else for as long as it takes to read them all: it loses its connections, and makes no new ones for a while.
 */
export class EnvironmentRequests {
  readonly #clock: Clock;
  readonly #sockets = new Set<Socket>();
  #deafUntilMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A connection is there; it is ended at once while the environment is not listened to. */
  connected(socket: Socket): void {
    if (this.#clock.monotonicMs() < this.#deafUntilMs) {
      socket.destroy();
      return;
    }
    connections.set(socket, { requests: this, unanswered: 0 });
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
  }

  /** It carries something else than HTTP from now on. */
  left(socket: Socket): void {
    this.#sockets.delete(socket);
  }

  tooMany(): void {
    this.#deafUntilMs = this.#clock.monotonicMs() + DEAF_MS;
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** Whether a request is to be answered; where it is not, its connection is gone. Call once, when it has come. */
export function isListenedTo({ socket }: IncomingMessage, response: ServerResponse): boolean {
  if (socket.destroyed) return false;
  const connection = connections.get(socket);
  if (connection === undefined) return true;
  connection.unanswered++;
  response.once("close", () => connection.unanswered--);
  if (connection.unanswered <= UNANSWERED_MAX) return true;
  connection.requests.tooMany();
  return false;
}

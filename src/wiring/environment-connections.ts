import type { Socket } from "node:net";
import { BodyRoom } from "../aws-api/protocol/body-room.ts";
import type { Clock } from "../ports/clock.ts";
import { EnvironmentRequests } from "../runtime-api/environment-requests.ts";

/** What the connections of an environment to its AWS endpoint share. */
export class EnvironmentConnections {
  readonly #room = new BodyRoom();
  readonly #requests: EnvironmentRequests;

  constructor(clock: Clock) {
    this.#requests = new EnvironmentRequests(clock);
  }

  /** Call before anything of the connection is read. */
  connected(socket: Socket): void {
    this.#room.share(socket);
    this.#requests.connected(socket);
  }
}

/** Those of environments in other processes, as long as they have any. */
export class DistantConnections {
  readonly #clock: Clock;
  readonly #environments = new Map<string, { readonly shared: EnvironmentConnections; count: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  connected(socket: Socket, environment: string): void {
    const known = this.#environments.get(environment) ?? {
      shared: new EnvironmentConnections(this.#clock),
      count: 0,
    };
    this.#environments.set(environment, known);
    known.count++;
    known.shared.connected(socket);
    socket.once("close", () => {
      if (--known.count === 0) this.#environments.delete(environment);
    });
  }
}

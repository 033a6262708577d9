import type { Server } from "node:http";
import { createServer, type Server as NetServer, type Socket } from "node:net";
import { listenTogether } from "../http-listener.ts";

/** Serves the public port while no data-plane process does. */
export class PortCover {
  readonly #server: Server;
  readonly #connections = new Set<Socket>();
  #cover: NetServer | undefined;

  /** `server`: gets the connections; it does not listen by itself. */
  constructor(server: Server) {
    this.#server = server;
  }

  async cover(address: { readonly host: string; readonly port: number }): Promise<void> {
    if (this.#cover !== undefined) return;
    this.#cover = createServer((socket) => {
      this.#connections.add(socket);
      socket.once("close", () => this.#connections.delete(socket));
      this.#server.emit("connection", socket);
    });
    await listenTogether(this.#cover, address);
  }

  /** Connections that it has taken go on. */
  uncover(): void {
    this.#cover?.close();
    this.#cover = undefined;
  }

  /** Ends them. */
  close(): void {
    this.uncover();
    for (const connection of this.#connections) connection.destroy();
  }
}

import type { Server } from "node:http";
import type { AddressInfo, Server as NetServer, Socket } from "node:net";
import { OperatorError } from "./core/operator-error.ts";
import { endStalledRequests } from "./stalled-requests.ts";

/** For long invocations and many kept-alive connections. */
export function configureServer(server: Server): void {
  // An invocation may take fifteen minutes; AWS's own front ends keep idle connections for about a minute.
  server.requestTimeout = 0;
  server.keepAliveTimeout = 60_000;
  server.on("connection", (socket) => socket.setNoDelay(true));
  endStalledRequests(server);
}

/** Gives every new connection to `take`. Answers with what has a connection served by the HTTP server after all. */
export function takeConnections(server: Server, take: (socket: Socket) => void): (socket: Socket) => void {
  const serving = server.listeners("connection") as ((socket: Socket) => void)[];
  server.removeAllListeners("connection");
  server.on("connection", take);
  return (socket) => {
    for (const listener of serving) listener.call(server, socket);
  };
}

/** Resolves with the origin listened on; rejects with `OperatorError` where the operator can mend it. */
export function listen(
  server: Server,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EADDRINUSE" && error.code !== "EACCES") return reject(error);
      const why = error.code === "EADDRINUSE" ? "is in use" : "may not be used by this user";
      reject(
        new OperatorError(
          `Port ${port} on ${host} ${why}.`,
          "Choose another with --port; 0 picks a free one.",
        ),
      );
    });
    server.listen({ host, port, backlog: 4096 }, () => {
      const { port: actual } = server.address() as AddressInfo;
      resolve(`http://${host.includes(":") ? `[${host}]` : host}:${actual}`);
    });
  });
}

/** Shares the port with other processes that do the same. Linux alone. */
export function listenTogether(
  server: NetServer,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, backlog: 4096, reusePort: true }, () => resolve());
  });
}

/** Ends every connection; `taken`: those that are not the server's. */
export function closeServer(server: Server, taken?: { close(): void }): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
    taken?.close();
  });
}

/**
 * The URL of a function URL's id. Names below localhost lead to this machine without any set-up: RFC 6761, and every browser and curl.
 */
export function functionUrlAt(endpoint: string, urlId: string, region: string): string {
  const { hostname, port } = new URL(endpoint);
  // Every address of the machine has the loopback's among them.
  const isLocal = ["[::1]", "[::]", "0.0.0.0"].includes(hostname) || hostname.startsWith("127.");
  return `http://${urlId}.lambda-url.${region}.${isLocal ? "localhost" : hostname}:${port}/`;
}

import type { Server } from "node:http";
import type { Socket } from "node:net";
import { openFilesMax } from "../adapters/sandbox-bubblewrap/open-files-max.ts";
import type { WholeRequest } from "../aws-api/server.ts";
import { takeConnections } from "../http-listener.ts";
import type { ArrivedInvocation } from "../plain-invocations/plain-connection.ts";
import { PlainConnections } from "../plain-invocations/plain-connections.ts";
import type { Clock } from "../ports/clock.ts";

/**
 * Of this process's descriptors, for connections from outside: anybody can make them, and sandboxes, files and what functions
 * connect to need the rest. A connection beyond that is closed as soon as it is made.
 */
const DESCRIPTORS_SHARE = 0.3;

/** Reads plain invocations from the server's connections by itself; all else is left to the server. */
export function openPlainInvocations(
  server: Server,
  clock: Clock,
  take: (arrived: ArrivedInvocation) => void,
): PlainConnections {
  server.maxConnections = Math.floor(openFilesMax() * DESCRIPTORS_SHARE);
  const connections: PlainConnections = new PlainConnections({
    clock,
    keepAliveMs: server.keepAliveTimeout,
    take,
    goOnInHttp: (socket) => goOnInHttp(socket),
  });
  const goOnInHttp = takeConnections(server, (socket: Socket) => connections.accept(socket));
  return connections;
}

/** As the AWS API takes it. */
export const wholeRequest = (arrived: ArrivedInvocation): WholeRequest => ({
  head: { ...arrived.head, socket: arrived.socket },
  body: arrived.body,
  answer: arrived,
});

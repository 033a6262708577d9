import { Agent, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { type AnnouncedEnvironment, connectAnnounced } from "./announced-connection.ts";

/** Of one connection, not of the request. */
const HOP_BY_HOP = new Set(["connection", "keep-alive", "proxy-connection", "expect", "upgrade"]);
/** Set anew for a body that has been read. */
const FRAMING = new Set(["content-length", "transfer-encoding"]);

/**
 * Hands requests on to the main process as they are. Each client connection has one connection of its own there, which
 * announces where the client is, so that the main process sees the address, the order and the end of it as if the client had
 * connected to it.
 */
export class Forwarding {
  readonly #socketPath: string;
  readonly #agents = new WeakMap<Socket, Agent>();

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /** `body`: what has been read of the request, all of it. Otherwise it is handed on as it comes. */
  forward(message: IncomingMessage, response: ServerResponse, body?: Uint8Array): void {
    const upstream = request({
      agent: this.#agentOf(message.socket),
      method: message.method,
      path: message.url,
      headers: onward(message.rawHeaders, body),
      setHost: false,
    });
    const abandon = (): void => {
      upstream.destroy();
      // The client sees what it would see of a process that has ended: its connection does.
      if (!response.writableEnded) response.destroy();
    };
    upstream.on("response", (answer) => {
      response.sendDate = false;
      response.writeHead(
        answer.statusCode ?? 500,
        answer.statusMessage,
        back(answer.rawHeaders, answer.headers["transfer-encoding"] !== undefined),
      );
      answer.on("error", abandon);
      answer.on("aborted", abandon);
      // Headers of a stream go out before its first piece.
      response.flushHeaders();
      answer.pipe(response);
    });
    upstream.on("error", () => {
      if (!response.headersSent) abandon();
      // Answered before it was read: the rest is of no interest, but the next request comes after it.
      else message.unpipe(upstream).resume();
    });
    response.on("close", () => {
      if (!response.writableFinished) upstream.destroy();
    });
    if (body !== undefined) upstream.end(body);
    else message.on("error", abandon).pipe(upstream);
  }

  /** Everything that a function sends to its AWS endpoint, byte by byte. */
  forwardFunction(connection: Socket, identity: AnnouncedEnvironment): void {
    const { account, region, roleArn, functionName, environment } = identity;
    const upstream = connectAnnounced(this.#socketPath, {
      kind: "function",
      identity: { account, region, roleArn, functionName, environment },
    });
    upstream.setNoDelay(true);
    for (const [from, to] of [
      [connection, upstream],
      [upstream, connection],
    ] as const) {
      from.on("error", () => to.destroy());
      from.on("close", () => to.destroy());
      from.pipe(to);
    }
  }

  #agentOf(client: Socket): Agent {
    const known = this.#agents.get(client);
    if (known !== undefined) return known;
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const { remoteAddress, remotePort } = client;
    agent.createConnection = () =>
      connectAnnounced(this.#socketPath, { kind: "client", remoteAddress, remotePort });
    this.#agents.set(client, agent);
    client.once("close", () => agent.destroy());
    return agent;
  }
}

function onward(raw: readonly string[], body: Uint8Array | undefined): string[] {
  const headers = kept(raw, (name) => !HOP_BY_HOP.has(name) && (body === undefined || !FRAMING.has(name)));
  if (body !== undefined) headers.push("content-length", String(body.byteLength));
  return headers;
}

/** Node frames the answer itself where its length is not known. */
const back = (raw: readonly string[], isChunked: boolean): string[] =>
  kept(raw, (name) => !HOP_BY_HOP.has(name) && !(isChunked && name === "transfer-encoding"));

function kept(raw: readonly string[], keeps: (name: string) => boolean): string[] {
  const headers: string[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const [name = "", value = ""] = [raw[at], raw[at + 1]];
    if (keeps(name.toLowerCase())) headers.push(name, value);
  }
  return headers;
}

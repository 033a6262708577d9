import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Server, Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { EnvironmentMetadata } from "../environments/environment-metadata.ts";
import type { ExtensionSet } from "../environments/extension-set.ts";
import {
  type InvocationEvent,
  payloadTooLarge,
  type RuntimeApiRefusal,
  type RuntimeApiSession,
} from "../environments/runtime-api-session.ts";
import type { TelemetrySubscriptions } from "../environments/telemetry-subscriptions.ts";
import type { Clock } from "../ports/clock.ts";
import { FRAMES_CONNECTION } from "../ports/sandbox.ts";
import { CHANNEL_PATH, CHANNEL_PROTOCOL, Channel } from "./channel.ts";
import { serveCodeCache } from "./code-cache-route.ts";
import { EnvironmentRequests, isListenedTo } from "./environment-requests.ts";
import { eachEventHeader } from "./event-headers.ts";
import { isExtensionsPath, serveExtensions } from "./extensions-api.ts";
import { sendJson } from "./json-answer.ts";
import { answerMetadata, isMetadataPath } from "./metadata-endpoint.ts";
import { ACCEPTED_BODY, PlainAnswers, refusalBody } from "./plain-answer.ts";
import { PlainConnection } from "./plain-connection.ts";
import { refuseRoute } from "./refused-route.ts";
import { readBody } from "./request-body.ts";
import { forwardStream } from "./streamed-body.ts";
import { serveTelemetry, telemetryApiOf } from "./telemetry-api.ts";
import { UnfinishedBodies } from "./unfinished-bodies.ts";

const PREFIX = "/2018-06-01/runtime/";
const NEXT = `${PREFIX}invocation/next`;
const INVOCATION = `${PREFIX}invocation/`;
const INIT_ERROR = `${PREFIX}init/error`;
const PING = "/2018-06-01/ping";
/** Trailers count as headers, and those of a failed stream carry the error with its whole trace. */
const MAX_HEADER_BYTES = 1_048_576;
const PONG = Buffer.from("pong");

/**
 * The Runtime API 2018-06-01, as "Using the Lambda runtime API for custom runtimes" documents it, for every
 * execution environment: which one a request belongs to is told by the listener it came in on, which stands inside
 * that environment's network namespace.
 */
export class RuntimeApi {
  readonly #connections = new WeakMap<Socket, Connection>();
  readonly #http = createServer(
    { maxHeaderSize: MAX_HEADER_BYTES, shouldUpgradeCallback: asksForChannel },
    (request, response) => this.#handle(request, response),
  );

  readonly #clock: Clock;
  readonly #answers: PlainAnswers;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#answers = new PlainAnswers(clock);
    // `next` may wait for hours, and an environment's connection lives as long as the environment.
    this.#http.timeout = 0;
    this.#http.requestTimeout = 0;
    this.#http.headersTimeout = 0;
    this.#http.keepAliveTimeout = 0;
    this.#http.on("upgrade", (request, socket, head) => this.#openChannel(request, socket, head));
  }

  /** Serves the session to whoever connects to the listener. */
  attach(listener: Server, session: RuntimeApiSession, beside: ServedBeside): void {
    const bodies = new UnfinishedBodies();
    const requests = new EnvironmentRequests(this.#clock);
    listener.on("connection", (socket: Socket) => {
      socket.setNoDelay(true);
      const goOnInHttp = (): void => {
        requests.connected(socket);
        if (socket.destroyed) return;
        this.#connections.set(socket, {
          session,
          beside: { ...beside, bodies },
          requests,
          isReading: false,
          afterReading: undefined,
        });
        this.#http.emit("connection", socket);
      };
      new PlainConnection(socket, session, { answers: this.#answers, bodies, goOnInHttp });
    });
    listener.on(FRAMES_CONNECTION, (socket: Socket) => new Channel(socket, session, bodies).goOn());
  }

  #openChannel(request: IncomingMessage, duplex: Duplex, head: Buffer): void {
    const connection = this.#connections.get(request.socket);
    // Older releases of Node 24 hand every upgrade over without asking.
    if (connection === undefined || !asksForChannel(request) || connection.isReading) duplex.destroy();
    else {
      connection.requests.left(request.socket);
      new Channel(request.socket, connection.session, connection.beside.bodies).open(head);
    }
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    if (!isListenedTo(request, response)) return;
    const connection = this.#connections.get(request.socket);
    if (connection === undefined) {
      response.destroy();
      return;
    }
    if (isMetadataPath(request.url)) {
      answerMetadata(connection.beside, request, response);
      return;
    }
    if (isExtensionsPath(request.url)) {
      serveExtensions(connection.beside, request, response);
      return;
    }
    const telemetryApi = telemetryApiOf(request.url);
    if (telemetryApi !== undefined) {
      void serveTelemetry(telemetryApi, connection.beside, request, response);
      return;
    }
    if (serveCodeCache(connection.beside.bodies, request, response)) return;
    const path = request.url ?? "";
    const allowed = methodOf(path);
    if (request.method !== allowed) refuseRoute(request, response, allowed);
    else if (allowed === "POST") post(connection, { path, request }, response);
    else if (connection.isReading) connection.afterReading = () => get(connection.session, path, response);
    else get(connection.session, path, response);
  }
}

/** Other protocols are offered by clients that go on with HTTP when nobody takes the offer. */
const asksForChannel = ({ method, url, headers }: IncomingMessage): boolean =>
  method === "GET" && url === CHANNEL_PATH && headers.upgrade === CHANNEL_PROTOCOL;

/** What shares the Runtime API's address. */
export type ServedBeside = EnvironmentMetadata & {
  readonly extensions: ExtensionSet;
  readonly telemetry: TelemetrySubscriptions;
};

/**
 * A runtime may send its response and the next request in one write; the request is then here before the response's
 * body has been read, and has to wait for it.
 */
interface Connection {
  readonly session: RuntimeApiSession;
  readonly beside: ServedBeside & { readonly bodies: UnfinishedBodies };
  readonly requests: EnvironmentRequests;
  isReading: boolean;
  afterReading: (() => void) | undefined;
}

async function readInOrder<T>(
  connection: Connection,
  read: Promise<T | "aborted">,
  use: (body: T) => void,
): Promise<void> {
  connection.isReading = true;
  const body = await read;
  connection.isReading = false;
  if (body === "aborted") return;
  use(body);
  const next = connection.afterReading;
  connection.afterReading = undefined;
  next?.();
}

const invalidMode: RuntimeApiRefusal = {
  status: 400,
  errorType: "InvalidFunctionResponseMode",
  errorMessage: "Invalid function response mode",
};

/** Of a path of the Runtime API. */
function methodOf(path: string): "GET" | "POST" | undefined {
  if (path === NEXT || path === PING) return "GET";
  if (path === INIT_ERROR) return "POST";
  if (!path.startsWith(INVOCATION)) return undefined;
  const [, action, ...rest] = path.slice(INVOCATION.length).split("/");
  return rest.length === 0 && (action === "response" || action === "error") ? "POST" : undefined;
}

function get(session: RuntimeApiSession, path: string, response: ServerResponse): void {
  if (path === PING) {
    response.writeHead(200, { "Content-Type": "text/plain; charset=utf-8", "Content-Length": PONG.length });
    response.end(PONG);
    return;
  }
  const refusal = session.next((event) => sendEvent(response, event));
  if (refusal !== undefined) refuse(response, refusal);
}

function post(
  connection: Connection,
  call: { readonly path: string; readonly request: IncomingMessage },
  response: ServerResponse,
): void {
  const { session } = connection;
  const { bodies } = connection.beside;
  const { path, request } = call;
  if (path === INIT_ERROR) {
    void readInOrder(connection, readBody(request, session.maxResponseBytes, bodies), (body) =>
      answer(response, session.initError(errorType(request), bytes(body))),
    );
    return;
  }
  const [requestId = "", action] = path.slice(INVOCATION.length).split("/");
  const mode = action === "response" ? request.headers["lambda-runtime-function-response-mode"] : undefined;
  const hasInvalidMode = mode !== undefined && mode !== "streaming";
  const refusal =
    session.expects(requestId, action === "error" ? "error" : "response") ??
    (hasInvalidMode ? invalidMode : undefined);
  if (refusal !== undefined) {
    request.resume();
    refuse(response, refusal);
    return;
  }
  if (mode !== undefined) {
    postStream(connection, { requestId, request }, response);
    return;
  }
  void readInOrder(connection, readBody(request, session.maxResponseBytes, bodies), (body) => {
    if (body === "too large") {
      session.responseTooLarge(requestId);
      refuse(response, payloadTooLarge(session.maxResponseBytes));
      return;
    }
    answer(
      response,
      action === "response"
        ? session.response(requestId, body)
        : session.error(requestId, body, errorType(request)),
    );
  });
}

function postStream(
  connection: Connection,
  call: { readonly requestId: string; readonly request: IncomingMessage },
  response: ServerResponse,
): void {
  const { requestId, request } = call;
  const contentType = request.headers["content-type"] ?? "application/octet-stream";
  const stream = connection.session.streamResponse(requestId, contentType);
  if ("status" in stream) {
    request.resume();
    refuse(response, stream);
    return;
  }
  void readInOrder(connection, forwardStream(request, stream), ({ refusal }) => answer(response, refusal));
}

/** A body that is too large for an error report carries nothing worth keeping. */
const bytes = (body: Uint8Array | "too large"): Uint8Array =>
  typeof body === "string" ? Buffer.from("{}") : body;

function errorType(request: IncomingMessage): string | undefined {
  const header = request.headers["lambda-runtime-function-error-type"];
  return typeof header === "string" ? header : undefined;
}

function sendEvent(response: ServerResponse, event: InvocationEvent): void {
  const headers: Record<string, string | number> = {};
  eachEventHeader(event, (name, value) => {
    headers[name] = value;
  });
  response.writeHead(200, headers);
  response.end(event.payload);
}

function answer(response: ServerResponse, refusal: RuntimeApiRefusal | undefined): void {
  if (refusal === undefined) sendJson(response, 202, ACCEPTED_BODY);
  else refuse(response, refusal);
}

function refuse(response: ServerResponse, refusal: RuntimeApiRefusal): void {
  sendJson(response, refusal.status, refusalBody(refusal));
}

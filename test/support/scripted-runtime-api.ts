import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { buffer } from "node:stream/consumers";
import {
  type InvocationEvent,
  invalidRequestId,
  invalidStateTransition,
  type RuntimeApiSession,
} from "../../src/environments/runtime-api-session.ts";
import { Channel } from "../../src/runtime-api/channel.ts";
import { UnfinishedBodies } from "../../src/runtime-api/unfinished-bodies.ts";

export interface ScriptedEvent {
  readonly payload: string | Buffer;
  /** Besides the request id, the deadline and the function's ARN. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a runtime client posted. */
export interface Answer {
  readonly kind: "response" | "error" | "init/error";
  readonly requestId: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly trailers: NodeJS.Dict<string>;
}

export const SCRIPTED_FUNCTION_ARN = "arn:aws:lambda:us-east-1:123456789012:function:scripted";
const DEADLINE_MS = 60_000;
const REQUEST_ID = "lambda-runtime-aws-request-id";
const ERROR_TYPE = "lambda-runtime-function-error-type";
const ERROR_BODY = "lambda-runtime-function-error-body";

/**
 * The Runtime API of one environment, played by a test: hands out the events it is given, one at a time, and records
 * the answers. Refuses with 403 what the Runtime API's rules forbid, so that a client that breaks them fails.
 */
export class ScriptedRuntimeApi {
  readonly #server = createServer(
    { shouldUpgradeCallback: ({ url }) => this.#takesFrames && url === "/lambent/channel" },
    (request, response) => void this.#serve(request, response),
  );
  readonly #takesFrames: boolean;
  readonly #channels = new Set<Duplex>();
  readonly #events: { event: ScriptedEvent; resolve: (answer: Answer) => void }[] = [];
  readonly #initError = Promise.withResolvers<Answer>();
  readonly #assignment = Promise.withResolvers<string>();
  readonly #asked = Promise.withResolvers<void>();
  readonly #ready = Promise.withResolvers<void>();
  #someoneWaits = Promise.withResolvers<void>();
  #waiting: ((event: InvocationEvent, more: ScriptedEvent["headers"]) => void) | undefined;
  #current: { requestId: string; resolve: (answer: Answer) => void } | undefined;
  #count = 0;
  /** Number of connections that clients opened. */
  connections = 0;

  constructor(takesFrames: boolean) {
    this.#takesFrames = takesFrames;
    this.#server.on("upgrade", (request, socket, head) => {
      this.#channels.add(socket);
      socket.on("close", () => this.#channels.delete(socket));
      new Channel(request.socket, this.#session(), new UnfinishedBodies()).open(head);
    });
  }

  /** `takesFrames`: whether the offer of a channel is taken. */
  static async start({ takesFrames = false } = {}): Promise<ScriptedRuntimeApi> {
    const api = new ScriptedRuntimeApi(takesFrames);
    api.#server.keepAliveTimeout = 0;
    api.#server.on("connection", () => {
      api.connections += 1;
    });
    await new Promise<void>((resolve) => api.#server.listen(0, "127.0.0.1", resolve));
    return api;
  }

  /** host:port, as AWS_LAMBDA_RUNTIME_API has it. */
  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Resolves when the client asks for its first event: the end of the initialisation. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Resolves when the client reports that its initialisation failed. */
  get initError(): Promise<Answer> {
    return this.#initError.promise;
  }

  /** Resolves when a client that was started to wait asks for its assignment. */
  get waitsForAssignment(): Promise<void> {
    return this.#asked.promise;
  }

  /** Tells the waiting client the environment variables of its function. */
  assign(environmentVariables: Readonly<Record<string, string>>): void {
    this.#assignment.resolve(JSON.stringify({ environmentVariables }));
  }

  /** Hands an event to the client and resolves with its answer. */
  invoke(event: ScriptedEvent): Promise<Answer> {
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.#events.push({ event, resolve });
    this.#handOut();
    return promise;
  }

  /** Resolves when the client waits for an event and there is none. */
  waiting(): Promise<void> {
    return this.#someoneWaits.promise;
  }

  /** Cuts the connections that are open, as a server does with idle ones. */
  dropConnections(): void {
    this.#waiting = undefined;
    this.#someoneWaits = Promise.withResolvers();
    this.#cutConnections();
  }

  close(): void {
    this.#server.close();
    this.#cutConnections();
  }

  #cutConnections(): void {
    this.#server.closeAllConnections();
    for (const socket of this.#channels) socket.destroy();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url?.replace("/2018-06-01/runtime/", "") ?? "";
    if (request.method === "GET" && path === "invocation/next") {
      this.#ready.resolve();
      if (this.#current !== undefined) return refuse(response, "InvalidStateTransition");
      this.#waiting = (event, more) => sendEvent(response, event, more);
      return this.#handOut();
    }
    if (request.method === "GET" && path === "/lambent/assignment") {
      this.#asked.resolve();
      // The last byte, a line feed, says that the code is there.
      const body = `${await this.#assignment.promise}\n`;
      const headers = { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) };
      response.writeHead(200, headers).end(body);
      return;
    }
    await this.#take(path, request, response);
  }

  /** What the runtime posts. */
  async #take(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    const posted = /^(?:invocation\/([^/]+)\/)?(response|error|init\/error)$/.exec(path);
    const kind = posted?.[2] as Answer["kind"] | undefined;
    if (request.method !== "POST" || kind === undefined) return refuse(response, "UnknownOperation");
    const requestId = posted?.[1] ?? "";
    const answer = { kind, requestId, headers: request.headers, body, trailers: request.trailers };
    if (kind === "init/error") this.#initError.resolve(answer);
    else if (!this.#settle(answer)) return refuse(response, "InvalidRequestID");
    response.writeHead(202, { "Content-Type": "application/json" }).end('{"status":"OK"}');
  }

  #handOut(): void {
    if (this.#waiting === undefined) return;
    const next = this.#events.shift();
    if (next === undefined) {
      this.#someoneWaits.resolve();
      return;
    }
    this.#someoneWaits = Promise.withResolvers();
    const deliver = this.#waiting;
    this.#waiting = undefined;
    this.#count += 1;
    const requestId = `8476a536-e9f4-11e8-9739-${String(this.#count).padStart(12, "0")}`;
    this.#current = { requestId, resolve: next.resolve };
    deliver(
      {
        requestId,
        payload: Buffer.from(next.event.payload),
        deadlineMs: Date.now() + DEADLINE_MS,
        invokedFunctionArn: SCRIPTED_FUNCTION_ARN,
        traceHeader: next.event.headers?.["Lambda-Runtime-Trace-Id"],
        clientContext: clientContext(next.event),
      },
      next.event.headers,
    );
  }

  #settle(answer: Answer): boolean {
    const current = this.#current;
    if (current?.requestId !== answer.requestId) return false;
    this.#current = undefined;
    current.resolve(answer);
    return true;
  }

  /** The same rules for what comes in frames; what HTTP has in headers and trailers is told in the same way. */
  #session(): RuntimeApiSession {
    const take = (answer: Omit<Answer, "trailers"> & { trailers?: Answer["trailers"] }) =>
      this.#settle({ trailers: {}, ...answer }) ? undefined : invalidRequestId;
    return {
      maxResponseBytes: 6_291_556,
      next: (deliver) => {
        this.#ready.resolve();
        if (this.#current !== undefined) return invalidStateTransition("Running", "Ready");
        this.#waiting = deliver;
        this.#handOut();
        return undefined;
      },
      expects: (requestId) => (this.#current?.requestId === requestId ? undefined : invalidRequestId),
      response: (requestId, body) =>
        take({ kind: "response", requestId, headers: {}, body: Buffer.from(body) }),
      responseTooLarge: () => undefined,
      error: (requestId, body, type) =>
        take({ kind: "error", requestId, headers: { [ERROR_TYPE]: type }, body: Buffer.from(body) }),
      initError: () => invalidStateTransition("Running", "InitError"),
      streamResponse: (requestId, contentType) => {
        if (this.#current?.requestId !== requestId) return invalidRequestId;
        const pieces: Uint8Array[] = [];
        const end = (trailers: Answer["trailers"]) => {
          const headers = {
            "content-type": contentType,
            "lambda-runtime-function-response-mode": "streaming",
          };
          return take({ kind: "response", requestId, headers, body: Buffer.concat(pieces), trailers });
        };
        return {
          write: (piece) => void pieces.push(piece),
          end: () => end({}),
          fail: (body, type) =>
            end({ [ERROR_TYPE]: type, [ERROR_BODY]: Buffer.from(body).toString("base64") }),
          breakOff: () => undefined,
        };
      },
    };
  }
}

function clientContext({ headers = {} }: ScriptedEvent): string | undefined {
  const text = headers["Lambda-Runtime-Client-Context"];
  // Header values are bytes; this one is UTF-8.
  return text === undefined ? undefined : Buffer.from(text, "latin1").toString();
}

function sendEvent(response: ServerResponse, event: InvocationEvent, more: ScriptedEvent["headers"]): void {
  response.setHeader("Content-Type", "application/json");
  response.setHeader(REQUEST_ID, event.requestId);
  response.setHeader("Lambda-Runtime-Deadline-Ms", String(event.deadlineMs));
  response.setHeader("Lambda-Runtime-Invoked-Function-Arn", event.invokedFunctionArn);
  for (const [name, value] of Object.entries(more ?? {})) response.setHeader(name, value);
  response.end(event.payload);
}

function refuse(response: ServerResponse, errorType: string): void {
  response.writeHead(403, { "Content-Type": "application/json" });
  response.end(JSON.stringify({ errorType, errorMessage: "Refused by the script." }));
}

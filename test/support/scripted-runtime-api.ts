import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

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

/**
 * The Runtime API of one environment, played by a test: hands out the events it is given, one at a time, and records
 * the answers. Refuses with 403 what the Runtime API's rules forbid, so that a client that breaks them fails.
 */
export class ScriptedRuntimeApi {
  readonly #server = createServer((request, response) => void this.#serve(request, response));
  readonly #events: { event: ScriptedEvent; resolve: (answer: Answer) => void }[] = [];
  readonly #initError = Promise.withResolvers<Answer>();
  readonly #assignment = Promise.withResolvers<string>();
  readonly #asked = Promise.withResolvers<void>();
  readonly #ready = Promise.withResolvers<void>();
  #someoneWaits = Promise.withResolvers<void>();
  #waiting: ServerResponse | undefined;
  #current: { requestId: string; resolve: (answer: Answer) => void } | undefined;
  #count = 0;
  /** Number of connections that clients opened. */
  connections = 0;

  static async start(): Promise<ScriptedRuntimeApi> {
    const api = new ScriptedRuntimeApi();
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
    this.#server.closeAllConnections();
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url?.replace("/2018-06-01/runtime/", "") ?? "";
    if (request.method === "GET" && path === "invocation/next") {
      this.#ready.resolve();
      if (this.#current !== undefined) return refuse(response, "InvalidStateTransition");
      this.#waiting = response;
      return this.#handOut();
    }
    if (request.method === "GET" && path === "/lambent/assignment") {
      this.#asked.resolve();
      response.writeHead(200, { "Content-Type": "application/json" }).end(await this.#assignment.promise);
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
    if (kind === "init/error") {
      this.#initError.resolve(answer);
    } else {
      const current = this.#current;
      if (current?.requestId !== requestId) return refuse(response, "InvalidRequestID");
      this.#current = undefined;
      current.resolve(answer);
    }
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
    const response = this.#waiting;
    this.#waiting = undefined;
    this.#count += 1;
    const requestId = `8476a536-e9f4-11e8-9739-${String(this.#count).padStart(12, "0")}`;
    this.#current = { requestId, resolve: next.resolve };
    response.setHeader("Content-Type", "application/json");
    response.setHeader("Lambda-Runtime-Aws-Request-Id", requestId);
    response.setHeader("Lambda-Runtime-Deadline-Ms", String(Date.now() + DEADLINE_MS));
    response.setHeader("Lambda-Runtime-Invoked-Function-Arn", SCRIPTED_FUNCTION_ARN);
    for (const [name, value] of Object.entries(next.event.headers ?? {})) response.setHeader(name, value);
    response.end(next.event.payload);
  }
}

function refuse(response: ServerResponse, errorType: string): void {
  response.writeHead(403, { "Content-Type": "application/json" });
  response.end(JSON.stringify({ errorType, errorMessage: "Refused by the script." }));
}

import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { AwsError } from "../../core/errors.ts";
import type { Principal } from "../../core/principal.ts";
import type { Clock } from "../../ports/clock.ts";
import { BodyRoom, leaveRoom } from "./body-room.ts";
import { type CredentialScope, readCredentialScope } from "./credential-scope.ts";
import { failureOf } from "./failure.ts";
import { HandlerContext } from "./handler-context.ts";
import type { ChunkSignatures, RequestContext, ServiceDefinition } from "./handlers.ts";
import { HttpReply } from "./http-reply.ts";
import { type Parameters, parseParameters } from "./query-string.ts";
import type { Reply } from "./reply.ts";
import { ClientGone, readBody } from "./request-body.ts";
import { carriesForm, evidentProtocolOf, protocolOf, ServiceCatalogue } from "./service-catalogue.ts";
import { type BodyLimit, dialectOf } from "./service-dialect.ts";
import type { Operation, ServiceModel } from "./service-model.ts";
import { validate } from "./validation.ts";
import { type WholeAnswer, WholeReply } from "./whole-reply.ts";
import type { RoutedOperation, WireProtocol, WireRequest } from "./wire-protocol.ts";

/** Who a request is from, as far as its headers say; nothing is verified here. */
export interface AuthenticationRequest extends CredentialScope {
  readonly connection: Socket;
  /** The request as it was sent, for a verifier of signatures. */
  readonly signed: {
    readonly method: string;
    readonly target: string;
    readonly headers: IncomingMessage["headers"];
  };
}

export interface Identity {
  readonly account: string;
  readonly region: string;
  readonly principal: Principal;
  /** Sees the whole body before it is decoded, unless the operation streams it; throws `AwsError` to refuse. */
  readonly checkBody?: ((body: Uint8Array) => void) | undefined;
  /** Checks a body that is signed in pieces. */
  readonly chunkSignatures?: ChunkSignatures | undefined;
}

export interface AuthorizationRequest {
  /** Signing name. */
  readonly service: string;
  readonly operation: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly context: RequestContext;
  readonly connection: Socket;
  readonly sourceIp: string | undefined;
}

export interface RequestSample {
  /** Signing name; "unknown" when the service is not served. */
  readonly service: string;
  /** "unknown" when there is no such operation. */
  readonly operation: string;
  readonly status: number;
  readonly durationMs: number;
}

export interface DispatcherOptions {
  readonly services: readonly ServiceDefinition[];
  /** Decides account, region and principal. Throws `AwsError` to refuse. */
  readonly authenticate: (request: AuthenticationRequest) => Identity;
  /** Throws `AwsError` to refuse. */
  readonly authorize: (request: AuthorizationRequest) => void | Promise<void>;
  readonly onRequest?: ((sample: RequestSample) => void) | undefined;
  readonly clock: Clock;
  readonly log: (error: unknown, context: object) => void;
  /** False in the round-trip tests alone: their random values follow the types but not the constraints. */
  readonly validates: boolean;
}

const empty = new Uint8Array(0);
const noParameters: Parameters = new Map();
/** What a form may have before its service is known. */
const formLimit = dialectOf("", "awsQuery").bodyLimit("");
/** Of all forms that are read before it is known who sends them. */
const unsignedForms = new BodyRoom();

/** What stands before a request's body. */
export interface RequestHead {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly socket: Socket;
}

/** A request whose body has been read, and where its answer goes in one piece. */
export interface WholeRequest {
  readonly head: RequestHead;
  readonly body: Uint8Array;
  readonly answer: WholeAnswer;
}

/** One request on its way through the steps; what is known so far decides how a failure is written. */
interface Exchange {
  readonly head: RequestHead;
  /** To read the body from; undefined where it has been read. */
  readonly message: IncomingMessage | undefined;
  readonly request: WireRequest;
  readonly reply: Reply;
  scope: CredentialScope | undefined;
  identity: Identity | undefined;
  service: ServiceModel | undefined;
  protocol: WireProtocol | undefined;
  operation: Operation | undefined;
}

/** Takes requests of every served service through reading, checks and handler, and writes the answer. */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #services: ServiceCatalogue;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#services = new ServiceCatalogue(options.services);
  }

  /** Answers one request; never rejects. Waits in one place, and only for what is not there yet. */
  serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const isHead = message.method === "HEAD";
    return this.#serve(newExchange(message, message, new HttpReply(response, randomUUID(), isHead)));
  }

  /** The same where somebody has read the body before. */
  serveRead(message: IncomingMessage, response: ServerResponse, body: Uint8Array): Promise<void> {
    return this.#serve(newExchange(message, undefined, new HttpReply(response, randomUUID(), false)), body);
  }

  /** The same for a request that no HTTP server has. Not for operations that stream. */
  serveWhole({ head, body, answer }: WholeRequest): Promise<void> {
    return this.#serve(newExchange(head, undefined, new WholeReply(answer, randomUUID())), body);
  }

  async #serve(exchange: Exchange, read?: Uint8Array): Promise<void> {
    const { clock, onRequest } = this.#options;
    const startedMs = clock.monotonicMs();
    const { request } = exchange;
    try {
      const routing = this.#begin(exchange);
      const routed = routing instanceof Promise ? await routing : routing;
      if (routed !== undefined) {
        const body = read === undefined ? bodyOf(exchange, routed.operation) : checked(exchange, read);
        if (body !== undefined) request.body = body instanceof Promise ? await body : body;
        const handled = this.#handle(exchange, routed);
        const written = write(
          exchange,
          routed.operation,
          handled instanceof Promise ? await handled : handled,
        );
        if (written) await written;
      }
    } catch (error) {
      this.#fail(exchange, error);
    }
    if (exchange.message !== undefined) leaveRoom(exchange.message);
    onRequest?.({
      service: exchange.service?.signingName ?? "unknown",
      operation: exchange.operation?.name ?? "unknown",
      status: exchange.reply.status,
      durationMs: clock.monotonicMs() - startedMs,
    });
  }

  /** Which operation is asked for, and by whom; undefined when the request is answered. */
  #begin(exchange: Exchange): RoutedOperation | Promise<RoutedOperation> | undefined {
    const { request } = exchange;
    splitUrl(exchange);
    if (request.method === "OPTIONS" && this.#answerPreflight(exchange)) return undefined;
    const scope = readCredentialScope(request.headers, request.query);
    exchange.scope = scope;
    const choosing = this.#choose(exchange, scope);
    if (choosing) return choosing.then(() => this.#identified(exchange, scope));
    return this.#identified(exchange, scope);
  }

  #identified(exchange: Exchange, scope: CredentialScope): RoutedOperation | Promise<RoutedOperation> {
    exchange.identity = this.#authenticate(exchange, scope);
    return route(exchange);
  }

  #handle(exchange: Exchange, routed: RoutedOperation): unknown {
    const { head, reply, identity } = exchange;
    const { operation } = routed;
    const { service, handler } = operation;
    if (handler === undefined || identity === undefined)
      throw new Error("An operation is chosen before it is handled");
    const input = readSafely(routed, exchange);
    if (this.#options.validates)
      validate(operation.input, input, service.leniency, service.dialect.validationErrorCode);
    const context = new HandlerContext(identity, head, reply);
    const verdict = this.#authorize(exchange, operation, { input, context });
    return verdict ? verdict.then(() => handler(input as never, context)) : handler(input as never, context);
  }

  #authenticate(exchange: Exchange, scope: CredentialScope): Identity {
    const { head, request, service } = exchange;
    return this.#options.authenticate({
      accessKeyId: scope.accessKeyId,
      region: scope.region,
      sessionToken: scope.sessionToken,
      signingName: service?.signingName ?? scope.signingName,
      connection: head.socket,
      signed: { method: request.method, target: head.url ?? "/", headers: head.headers },
    });
  }

  #authorize(
    { head: { socket } }: Exchange,
    { name, service }: Operation,
    { input, context }: Pick<AuthorizationRequest, "input" | "context">,
  ): void | Promise<void> {
    return this.#options.authorize({
      service: service.signingName,
      operation: name,
      input,
      context,
      connection: socket,
      sourceIp: context.sourceIp,
    });
  }

  #answerPreflight({ request, reply }: Exchange): boolean {
    const answer = this.#services.preflight(request);
    if (answer === undefined) return false;
    Object.assign(reply.headers, answer.headers);
    reply.send(answer.status, "application/xml", answer.body === "" ? undefined : answer.body);
    return true;
  }

  #choose(exchange: Exchange, scope: CredentialScope): Promise<void> | undefined {
    const { request } = exchange;
    const claimant = this.#services.claimant(request, scope.signingName);
    if (claimant === undefined && scope.signingName === undefined) {
      // Only an unsigned form tells its service in the body.
      if (request.method !== "GET" && carriesForm(request))
        return readAhead(exchange, formLimit, unsignedForms).then(() =>
          this.#chosen(exchange, this.#services.find(request, undefined)),
        );
    }
    this.#chosen(exchange, claimant ?? this.#services.find(request, scope.signingName));
    return undefined;
  }

  #chosen(exchange: Exchange, service: ServiceModel | undefined): void {
    const { request } = exchange;
    if (service === undefined) throw this.#services.unknownService(request, exchange.scope?.signingName);
    exchange.service = service;
    exchange.protocol = protocolOf(service, request);
  }

  #fail(exchange: Exchange, error: unknown): void {
    const { reply, service, request } = exchange;
    if (error instanceof ClientGone) {
      reply.abandon();
      return;
    }
    const failure = failureOf(service, error);
    const isBrokenStream = reply.isStarted && isPrematureClose(error);
    if (failure.unexpected && !isBrokenStream)
      this.#options.log(error, {
        requestId: reply.requestId,
        service: service?.signingName,
        operation: exchange.operation?.name,
      });
    if (reply.isStarted) {
      reply.abandon();
      return;
    }
    const protocol = exchange.protocol ?? evidentProtocolOf(request, exchange.scope?.signingName);
    try {
      protocol.writeFailure(service, failure, reply);
    } catch (writingError) {
      // An error whose text cannot be a header, for instance.
      this.#options.log(writingError, { requestId: reply.requestId, code: failure.code });
      reply.abandon();
    }
  }
}

function newExchange(head: RequestHead, message: IncomingMessage | undefined, reply: Reply): Exchange {
  return {
    head,
    message,
    request: {
      method: head.method ?? "GET",
      path: head.url ?? "/",
      query: noParameters,
      headers: head.headers,
      body: empty,
      bodyIsRead: false,
      bodyStream: undefined,
      parameters: undefined,
    },
    reply,
    scope: undefined,
    identity: undefined,
    service: undefined,
    protocol: undefined,
    operation: undefined,
  };
}

function splitUrl({ request }: Exchange): void {
  const url = request.path;
  const mark = url.indexOf("?");
  if (mark < 0) return;
  request.path = url.slice(0, mark);
  request.query = parseParameters(url.slice(mark + 1));
}

/** Waits for nothing but a body that names the operation. Refuses what has no handler before anything more is read. */
function route(exchange: Exchange): RoutedOperation | Promise<RoutedOperation> {
  const { request, service, protocol } = exchange;
  if (service === undefined || protocol === undefined)
    throw new Error("The service is chosen before the operation");
  const routed = (): RoutedOperation => {
    const found = protocol.route(service, request);
    if (found === undefined) throw unknownOperation(service, protocol, request);
    exchange.operation = found.operation;
    if (found.operation.handler === undefined) throw notImplemented(found.operation);
    return found;
  };
  if (!protocol.namesOperationInBody) return routed();
  return readAhead(exchange, service.dialect.bodyLimit("")).then(routed);
}

function write({ reply, protocol }: Exchange, operation: Operation, output: unknown): void | Promise<void> {
  if (reply.isStarted) throw new ClientGone("The client closed the connection");
  return protocol?.write(operation, (output ?? {}) as Record<string, unknown>, reply);
}

/** Undefined where the handler reads a stream, and where it has been read. */
function bodyOf(exchange: Exchange, operation: Operation): Uint8Array | Promise<Uint8Array> | undefined {
  if (!operation.streamsInput) return unreadBody(exchange, operation.bodyLimit, operation.name);
  exchange.request.bodyStream = exchange.message;
  return undefined;
}

function checked({ identity }: Exchange, body: Uint8Array): Uint8Array {
  identity?.checkBody?.(body);
  return body;
}

/** Undefined when the body has been read: a second reading would wait for ever. */
function unreadBody(
  { message, request, identity }: Exchange,
  limit: BodyLimit,
  operation: string,
  room?: BodyRoom,
): Uint8Array | Promise<Uint8Array> | undefined {
  if (request.bodyIsRead || message === undefined) return undefined;
  request.bodyIsRead = true;
  return readBody({ message, limit, operation, check: identity?.checkBody, room });
}

/** Reads the body before the operation is known, unless that has been done. */
async function readAhead(exchange: Exchange, limit: BodyLimit, room?: BodyRoom): Promise<void> {
  const body = unreadBody(exchange, limit, "", room);
  if (body !== undefined) exchange.request.body = await body;
}

/** Whatever goes wrong while a request is read is the request's fault; the stack's end for one nested too deeply. */
function readSafely(routed: RoutedOperation, { protocol, request }: Exchange): Record<string, unknown> {
  try {
    return protocol?.read(routed, request) ?? {};
  } catch (error) {
    if (error instanceof RangeError)
      throw new AwsError("SerializationException", "The request is too complex to read.");
    throw error;
  }
}

function unknownOperation(service: ServiceModel, protocol: WireProtocol, request: WireRequest): AwsError {
  const what = protocol.describeTarget(request).slice(0, 500);
  if (protocol.namesOperationInBody)
    return new AwsError("InvalidAction", `Could not find operation ${what}`, 400);
  return new AwsError(
    "UnknownOperationException",
    `The service ${service.signingName} has no operation ${what}`,
    404,
  );
}

/** 501: neither the JS SDK nor botocore retries it. */
function notImplemented({ service, name }: Operation): AwsError {
  const { signingName } = service;
  const message = `The operation ${signingName}:${name} is not implemented by this version of Lambent.`;
  return new AwsError("NotImplementedException", message, 501);
}

function isPrematureClose(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === "ERR_STREAM_PREMATURE_CLOSE";
}

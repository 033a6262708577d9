import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { AwsError } from "../core/errors.ts";
import { FUNCTION_LIMITS } from "../core/function-limits.ts";
import type { InvocationRequest, Invoker } from "../core/invocation.ts";
import { parseTraceHeader, type TraceHeaders } from "../core/trace-header.ts";
import type { FunctionService } from "../functions/function-service.ts";
import type { FunctionUrlDocument } from "../functions/function-urls.ts";
import type { CallerIdentities } from "../iam/caller-identities.ts";
import type { Clock } from "../ports/clock.ts";
import type { UrlMetrics } from "../ports/url-metrics.ts";
import { urlAccess } from "./url-access.ts";
import { urlAnswer } from "./url-answer.ts";
import { readUrlBody } from "./url-body.ts";
import { configuredCors, corsHeaders, isPreflight, preflightHeaders } from "./url-cors.ts";
import { type UrlCaller, urlEvent } from "./url-event.ts";
import { readUrlHost, type UrlHost } from "./url-host.ts";
import {
  badGateway,
  badSignature,
  forbidden,
  internalFailure,
  noSuchUrl,
  refusedInvocation,
  tooLarge,
} from "./url-refusal.ts";
import { UrlReply } from "./url-reply.ts";
import { UrlStream } from "./url-stream.ts";

export interface FunctionUrlDependencies {
  readonly functions: {
    readonly urls: Pick<FunctionService["urls"], "byUrlId">;
    readonly policies: Pick<FunctionService["policies"], "documentOf">;
    readonly resolveForInvoke: FunctionService["resolveForInvoke"];
  };
  readonly invoker: Invoker;
  readonly callers: Pick<CallerIdentities, "identify" | "authorize">;
  /** Whether those who call a URL with AWS_IAM have to sign. */
  readonly requiresSignatures: boolean;
  readonly traceHeaders: TraceHeaders;
  readonly metrics: UrlMetrics;
  readonly clock: Clock;
  readonly log: (error: unknown, context: object) => void;
}

/** One request to one function's URL. */
interface Exchange {
  readonly message: IncomingMessage;
  readonly reply: UrlReply;
  readonly requestId: string;
  readonly host: UrlHost;
  readonly url: FunctionUrlDocument;
  readonly sourceIp: string;
}

const { requestPayloadBytesMax: MAX_BYTES } = FUNCTION_LIMITS;
/** Connections from inside an environment have no address. */
const LOOPBACK = "127.0.0.1";

/** Function URLs: HTTP to functions, and their responses back as HTTP. */
export class FunctionUrlServer {
  readonly #dependencies: FunctionUrlDependencies;

  constructor(dependencies: FunctionUrlDependencies) {
    this.#dependencies = dependencies;
  }

  /** Answers a request whose host is one of a function URL; false for every other request. */
  readonly serve = (message: IncomingMessage, response: ServerResponse): boolean => {
    const host = readUrlHost(message.headers.host);
    if (host === undefined) return false;
    void this.#answer(message, response, host);
    return true;
  };

  async #answer(message: IncomingMessage, response: ServerResponse, host: UrlHost): Promise<void> {
    const { functions, metrics, clock } = this.#dependencies;
    const startedMs = clock.monotonicMs();
    const requestId = randomUUID();
    const reply = new UrlReply(response, requestId, message.method === "HEAD");
    const url = functions.urls.byUrlId(host.urlId);
    if (url === undefined || url.region !== host.region) {
      message.resume();
      reply.send(noSuchUrl);
      return;
    }
    const sourceIp = message.socket.remoteAddress?.replace(/^::ffff:/, "") ?? LOOPBACK;
    try {
      await this.#serve({ message, reply, requestId, host, url, sourceIp });
    } catch (error) {
      this.#fail(reply, error, requestId);
    }
    // Of a body that nobody wanted to read; else the connection could not be used again.
    message.resume();
    metrics.request(url, { status: reply.status, latencyMs: clock.monotonicMs() - startedMs });
  }

  #fail(reply: UrlReply, error: unknown, requestId: string): void {
    if (!(error instanceof AwsError)) this.#dependencies.log(error, { requestId });
    if (reply.isStarted) reply.abandon();
    else reply.send(error instanceof AwsError ? refusedInvocation(error) : internalFailure);
  }

  async #serve(exchange: Exchange): Promise<void> {
    const { message, reply, url, sourceIp } = exchange;
    const cors = configuredCors(url.value.cors);
    const { method = "GET", headers } = message;
    if (cors !== undefined && isPreflight({ method, headers })) {
      const allowed = preflightHeaders(cors, { method, headers });
      reply.send({
        status: 200,
        headers: [["content-type", "application/json"], ...allowed],
        body: Buffer.of(),
      });
      return;
    }
    for (const [name, value] of corsHeaders(cors, headers.origin)) reply.headers.push([name, value]);
    const { functions, callers, clock, requiresSignatures } = this.#dependencies;
    const access = urlAccess(
      { url, sourceIp, connection: message.socket, signed: { method, target: message.url ?? "/", headers } },
      { policies: functions.policies, callers, clock, requiresSignatures },
    );
    if (access.refusal !== undefined) {
      reply.send(access.refusal);
      return;
    }
    const body = await readUrlBody(message, MAX_BYTES);
    if (body === "gone") return;
    if (body === "too large") {
      reply.send(tooLarge(MAX_BYTES));
      return;
    }
    if (!isSigned(body, access.checkBody, reply)) return;
    const request = this.#invocation(exchange, body, access.caller);
    if (request !== undefined) await this.#invoke(exchange, request);
  }

  /** Undefined when there is nothing to invoke; that is answered already. */
  #invocation(
    exchange: Exchange,
    body: Uint8Array,
    caller: UrlCaller | undefined,
  ): InvocationRequest | undefined {
    const { message, reply, requestId, host, url, sourceIp } = exchange;
    const { functions, traceHeaders, clock } = this.#dependencies;
    const target = resolve(functions, url);
    if (target === undefined) {
      reply.send(forbidden);
      return undefined;
    }
    const { headersDistinct: headers, httpVersion, method = "GET", url: requestTarget = "/" } = message;
    const nowMs = clock.nowMs();
    const incoming = headers["x-amzn-trace-id"]?.[0];
    const traceHeader = traceHeaders.headerFor(target.version, incoming, { nowMs, randomHex: randomHex() });
    const payload = urlEvent(
      {
        host,
        method,
        target: requestTarget,
        httpVersion,
        headers,
        body,
        sourceIp,
        port: message.socket.localPort ?? 80,
      },
      {
        requestId,
        account: url.account,
        caller,
        traceId: incoming ?? `Root=${parseTraceHeader(traceHeader)?.root}`,
        nowMs,
      },
    );
    // AWS: what counts is the event, in which a binary body is a third longer.
    if (payload.byteLength > MAX_BYTES) {
      reply.send(tooLarge(MAX_BYTES));
      return undefined;
    }
    reply.headers.push(["x-amzn-trace-id", traceHeader]);
    return {
      requestId,
      version: target.version,
      invokedFunctionArn: target.invokedFunctionArn,
      payload,
      clientContext: undefined,
      traceHeader,
      wantsLogTail: false,
    };
  }

  async #invoke({ reply, url }: Exchange, request: InvocationRequest): Promise<void> {
    const { invoker } = this.#dependencies;
    if (url.value.invokeMode === "BUFFERED") {
      const { payload, functionError } = await invoker.invoke(request);
      reply.send((functionError === undefined ? urlAnswer(payload) : undefined) ?? badGateway);
      return;
    }
    const stream = new UrlStream(reply);
    const { payload, functionError } = await invoker.invokeStreaming(request, stream);
    const failed = functionError !== undefined;
    if (stream.hasBegun) stream.end(failed);
    else if (failed) reply.send(badGateway);
    // AWS: what a function returns that does not stream is not looked into (recorded from the service).
    else reply.send({ status: 200, headers: [["content-type", "application/json"]], body: payload });
  }
}

function isSigned(
  body: Uint8Array,
  check: ((body: Uint8Array) => void) | undefined,
  reply: UrlReply,
): boolean {
  try {
    check?.(body);
    return true;
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    reply.send(badSignature(error));
    return false;
  }
}

/** AWS: a URL outlives its alias, and nobody may call it then (recorded from the service). */
function resolve(
  functions: FunctionUrlDependencies["functions"],
  { account, region, functionName, qualifier }: FunctionUrlDocument,
): ReturnType<FunctionService["resolveForInvoke"]> | undefined {
  try {
    const alias = qualifier === "$LATEST" ? undefined : qualifier;
    return functions.resolveForInvoke(functionName, alias, { account, region });
  } catch (error) {
    if (error instanceof AwsError && error.code === "ResourceNotFoundException") return undefined;
    throw error;
  }
}

/** 64 digits; random UUIDs come from a pool, which is much cheaper than asking the system each time. */
const randomHex = (): string => `${randomUUID()}${randomUUID()}`.replaceAll("-", "");

import type { IncomingHttpHeaders } from "node:http";
import type { Principal } from "../../core/principal.ts";
import type { ChunkSignatures, RequestContext } from "./handlers.ts";
import type { Reply } from "./reply.ts";

/** What a handler is told; the abort signal is made only for those who ask for it. */
export class HandlerContext implements RequestContext {
  readonly requestId: string;
  readonly account: string;
  readonly region: string;
  readonly principal: Principal;
  readonly host: string | undefined;
  readonly method: string;
  readonly chunkSignatures: ChunkSignatures | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly sourceIp: string | undefined;
  readonly traceHeader: string | undefined;
  readonly responseHeaders: Record<string, string>;
  readonly #reply: Reply;

  constructor(
    identity: {
      readonly account: string;
      readonly region: string;
      readonly principal: Principal;
      readonly chunkSignatures?: ChunkSignatures | undefined;
    },
    {
      headers,
      socket,
      method = "GET",
    }: {
      readonly headers: IncomingHttpHeaders;
      readonly socket: { readonly remoteAddress?: string | undefined };
      readonly method?: string | undefined;
    },
    reply: Reply,
  ) {
    this.requestId = reply.requestId;
    this.account = identity.account;
    this.region = identity.region;
    this.principal = identity.principal;
    this.host = headers.host;
    this.method = method;
    this.chunkSignatures = identity.chunkSignatures;
    this.headers = headers;
    this.sourceIp = socket.remoteAddress;
    const trace = headers["x-amzn-trace-id"];
    this.traceHeader = typeof trace === "string" ? trace : undefined;
    this.responseHeaders = reply.headers;
    this.#reply = reply;
  }

  get signal(): AbortSignal {
    return this.#reply.signal;
  }
}

import type { IncomingHttpHeaders } from "node:http";
import { FUNCTION_LIMITS } from "../core/function-limits.ts";

/** The head of an Invoke request in the form in which clients send it nearly always. */
export interface PlainInvocation {
  readonly method: "POST";
  readonly url: string;
  /** As Node's HTTP server has them: names in lower case. */
  readonly headers: IncomingHttpHeaders;
  readonly headEnd: number;
  readonly bodyBytes: number;
}

const LINE_START = "POST /2015-03-31/functions/";
const LINE_END = " HTTP/1.1\r\n";
/** The part of an address behind its start, for Invoke with a qualifier or without. */
const ADDRESS = /^[\w.~%:$-]{1,512}\/invocations(?:\?Qualifier=[\w.~%$-]{1,256})?$/;
const HEAD_END = "\r\n\r\n";
const HEAD_BYTES_MAX = 8_192;
const LENGTH = /^\d{1,8}$/;
const HEADER = /([A-Za-z][\w-]*):[ \t]*((?:[!-~]+(?:[ \t]+[!-~]+)*)?)[ \t]*\r\n/y;
/** What changes how a request is framed, which service it is for, or how its body is to be read. */
const NOT_PLAIN = new Set([
  "transfer-encoding",
  "upgrade",
  "expect",
  "te",
  "trailer",
  "proxy-connection",
  "content-encoding",
  "x-amz-target",
  "smithy-protocol",
]);
/** Whoever signs for Lambda means Lambda, whatever host is named. */
const SIGNED_FOR_LAMBDA = /^AWS4-HMAC-SHA256 Credential=[^,]{1,256}\/lambda\/aws4_request,/;

/** The request whose head begins at `from`; undefined when it is not one of these, or its head is not whole. */
export function plainInvocation(bytes: Buffer, from: number): PlainInvocation | undefined {
  const end = bytes.indexOf(HEAD_END, from, "latin1");
  if (end < 0 || end - from > HEAD_BYTES_MAX) return undefined;
  const head = bytes.toString("latin1", from, end + 2);
  if (!head.startsWith(LINE_START)) return undefined;
  const lineEnd = head.indexOf(LINE_END);
  if (lineEnd < 0 || !ADDRESS.test(head.slice(LINE_START.length, lineEnd))) return undefined;
  const headers = plainHeaders(head, lineEnd + LINE_END.length);
  if (headers === undefined || !isForInvoke(headers)) return undefined;
  const bodyBytes = Number(headers["content-length"] ?? 0);
  if (bodyBytes > FUNCTION_LIMITS.requestPayloadBytesMax) return undefined;
  const url = head.slice("POST ".length, lineEnd);
  return { method: "POST", url, headers, headEnd: end + HEAD_END.length, bodyBytes };
}

function isForInvoke(headers: IncomingHttpHeaders): boolean {
  const { host, authorization, connection, "content-length": length } = headers;
  if (host === undefined || host.includes(".lambda-url.")) return false;
  if (authorization === undefined || !SIGNED_FOR_LAMBDA.test(authorization)) return false;
  if (connection !== undefined && connection.toLowerCase() !== "keep-alive") return false;
  return length === undefined || LENGTH.test(length);
}

/** Every header from `from` to the end of the head. Undefined when one is there that is not plain, or one twice. */
function plainHeaders(head: string, from: number): IncomingHttpHeaders | undefined {
  const headers: IncomingHttpHeaders = {};
  HEADER.lastIndex = from;
  for (let at = from; at < head.length; at = HEADER.lastIndex) {
    const header = HEADER.exec(head);
    if (header === null) return undefined;
    const name = (header[1] ?? "").toLowerCase();
    if (NOT_PLAIN.has(name) || Object.hasOwn(headers, name)) return undefined;
    headers[name] = header[2] ?? "";
  }
  return headers;
}

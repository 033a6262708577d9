/**
 * The two requests of an invocation, `next` and a buffered `response`, in the form in which runtime clients send them
 * nearly always. Who reads these alone need not know HTTP: every other request, and every doubt, is for an HTTP server.
 */
export type PlainRequest =
  | { readonly kind: "next"; readonly headEnd: number }
  | {
      readonly kind: "response";
      readonly headEnd: number;
      readonly requestId: string;
      readonly bodyBytes: number;
    };

const NEXT_LINE = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n";
const RESPONSE_LINE_START = "POST /2018-06-01/runtime/invocation/";
const RESPONSE_LINE_END = "/response HTTP/1.1\r\n";
const HEAD_END = "\r\n\r\n";
const HEAD_BYTES_MAX = 4_096;
const REQUEST_ID = /^[\w-]{1,64}$/;
const LENGTH = /^ *(\d{1,8}) *$/;
const HEADER = /([\w-]+):([ -~]*)\r\n/y;
/** What changes how a request is framed, how it is answered, or what the Runtime API does with it. */
const NOT_PLAIN = new Set([
  "transfer-encoding",
  "upgrade",
  "expect",
  "trailer",
  "proxy-connection",
  "lambda-runtime-function-response-mode",
]);

/** The request whose head begins at `from`; undefined when it is not one of the two, or its head is not whole. */
export function plainRequest(bytes: Buffer, from: number): PlainRequest | undefined {
  const end = bytes.indexOf(HEAD_END, from, "latin1");
  if (end < 0 || end - from > HEAD_BYTES_MAX) return undefined;
  const headEnd = end + HEAD_END.length;
  const head = bytes.toString("latin1", from, end + 2);
  if (head.startsWith(NEXT_LINE)) {
    return contentLength(head, NEXT_LINE.length) === "none" ? { kind: "next", headEnd } : undefined;
  }
  if (!head.startsWith(RESPONSE_LINE_START)) return undefined;
  const idEnd = head.indexOf("/", RESPONSE_LINE_START.length);
  if (!head.startsWith(RESPONSE_LINE_END, idEnd)) return undefined;
  const requestId = head.slice(RESPONSE_LINE_START.length, idEnd);
  const bodyBytes = contentLength(head, idEnd + RESPONSE_LINE_END.length);
  if (typeof bodyBytes !== "number" || !REQUEST_ID.test(requestId)) return undefined;
  return { kind: "response", headEnd, requestId, bodyBytes };
}

/** Looks at every header from `from` to the end of the head. Undefined when one is there that is not plain. */
function contentLength(head: string, from: number): number | "none" | undefined {
  let length: number | undefined;
  let hosts = 0;
  HEADER.lastIndex = from;
  for (let at = from; at < head.length; at = HEADER.lastIndex) {
    const header = HEADER.exec(head);
    if (header === null) return undefined;
    const name = (header[1] ?? "").toLowerCase();
    const value = header[2] ?? "";
    if (name === "host") hosts++;
    else if (name === "content-length") {
      const digits = LENGTH.exec(value)?.[1];
      if (digits === undefined || length !== undefined) return undefined;
      length = Number(digits);
    } else if (name === "connection") {
      if (value.trim().toLowerCase() !== "keep-alive") return undefined;
    } else if (NOT_PLAIN.has(name)) return undefined;
  }
  if (hosts !== 1) return undefined;
  return length ?? "none";
}

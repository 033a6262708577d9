import { isUtf8 } from "node:buffer";
import type { UrlHost } from "./url-host.ts";

/** A request as it came in, as far as its function sees it. */
export interface UrlRequest {
  readonly host: UrlHost;
  readonly method: string;
  /** Path and query as on the request line. */
  readonly target: string;
  /** "1.1" */
  readonly httpVersion: string;
  /** Every header with all of its values, names in lower case. */
  readonly headers: Readonly<Record<string, readonly string[] | undefined>>;
  readonly body: Uint8Array;
  readonly sourceIp: string;
  /** That the request came in on. */
  readonly port: number;
}

/** Who made a request that IAM authorized. */
export interface UrlCaller {
  readonly accessKey: string | null;
  readonly accountId: string;
  readonly callerId: string;
  readonly userArn: string;
  readonly userId: string;
}

export interface UrlEventContext {
  readonly requestId: string;
  /** Of the function. */
  readonly account: string;
  /** Undefined where nobody has to sign. */
  readonly caller: UrlCaller | undefined;
  readonly traceId: string;
  readonly nowMs: number;
}

/** They speak of the connection, not of the request. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "expect",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** The event that a function gets: payload format 2.0, see "Request and response payloads" of function URLs. */
export function urlEvent(request: UrlRequest, context: UrlEventContext): Uint8Array {
  const { rawPath, rawQueryString } = splitTarget(request.target);
  const { domainName, urlId } = request.host;
  const { caller } = context;
  const cookies = cookiesOf(request.headers.cookie);
  const parameters = rawQueryString === "" ? [] : parametersOf(rawQueryString);
  return Buffer.from(
    JSON.stringify({
      version: "2.0",
      routeKey: "$default",
      rawPath,
      rawQueryString,
      ...(cookies.length > 0 && { cookies }),
      headers: headersOf(request, context),
      ...(parameters.length > 0 && { queryStringParameters: Object.fromEntries(joined(parameters)) }),
      requestContext: {
        // AWS: the account is not told to functions that everybody may call.
        accountId: caller === undefined ? "anonymous" : context.account,
        apiId: urlId,
        ...(caller !== undefined && {
          authorizer: { iam: { ...caller, cognitoIdentity: null, principalOrgId: null } },
        }),
        domainName,
        domainPrefix: urlId,
        http: {
          method: request.method,
          path: rawPath,
          protocol: `HTTP/${request.httpVersion}`,
          sourceIp: request.sourceIp,
          userAgent: request.headers["user-agent"]?.join(","),
        },
        requestId: context.requestId,
        routeKey: "$default",
        stage: "$default",
        time: commonLogTime(context.nowMs),
        timeEpoch: context.nowMs,
      },
      ...bodyOf(request),
    }),
  );
}

/** AWS: the path stays percent-encoded as it came (recorded from the service). */
function splitTarget(target: string): { rawPath: string; rawQueryString: string } {
  // A client that takes us for a proxy sends the whole URL.
  const origin = target.startsWith("/") ? 0 : (/^[a-z]+:\/\/[^/?]*/i.exec(target)?.[0].length ?? 0);
  const mark = target.indexOf("?", origin);
  const path = target.slice(origin, mark < 0 ? undefined : mark);
  return { rawPath: path === "" ? "/" : path, rawQueryString: mark < 0 ? "" : target.slice(mark + 1) };
}

function headersOf(request: UrlRequest, { caller, traceId }: UrlEventContext): Record<string, string> {
  const headers: [string, string][] = [];
  for (const [name, values] of Object.entries(request.headers)) {
    if (values === undefined || HOP_BY_HOP.has(name)) continue;
    // What a caller has signed with is Lambda's affair.
    if (name === "authorization" && caller !== undefined) continue;
    headers.push([name, values.join(",")]);
  }
  const forwarded = request.headers["x-forwarded-for"];
  return {
    ...Object.fromEntries(headers),
    "x-amzn-trace-id": traceId,
    "x-forwarded-for": [...(forwarded ?? []), request.sourceIp].join(", "),
    "x-forwarded-port": String(request.port),
    "x-forwarded-proto": "http",
  };
}

function cookiesOf(headers: readonly string[] | undefined): string[] {
  if (headers === undefined) return [];
  return headers
    .flatMap((header) => header.split(";"))
    .map((cookie) => cookie.trim())
    .filter((cookie) => cookie !== "");
}

function parametersOf(query: string): [string, string][] {
  return query
    .split("&")
    .filter((pair) => pair !== "")
    .map((pair) => {
      const equals = pair.indexOf("=");
      return equals < 0
        ? [decoded(pair), ""]
        : [decoded(pair.slice(0, equals)), decoded(pair.slice(equals + 1))];
    });
}

/** AWS: "Duplicate query strings are combined with commas". */
function joined(parameters: readonly [string, string][]): Map<string, string> {
  const all = new Map<string, string>();
  for (const [name, value] of parameters) {
    const earlier = all.get(name);
    all.set(name, earlier === undefined ? value : `${earlier},${value}`);
  }
  return all;
}

/** What is not correctly encoded stays as it is. */
function decoded(text: string): string {
  if (!/[%+]/.test(text)) return text;
  const spaced = text.replaceAll("+", " ");
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}

const TEXT_TYPE = /^(?:text\/|application\/(?:[\w.-]+\+)?(?:json|xml)\b|application\/(?:x-)?javascript\b)/i;

/** AWS: text by its content type goes as it is, everything else (forms, too) in base64; no body, no member. */
function bodyOf({ headers, body }: UrlRequest): { body?: string; isBase64Encoded: boolean } {
  if (body.byteLength === 0) return { isBase64Encoded: false };
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const isPlain = headers["content-encoding"] === undefined;
  if (isPlain && TEXT_TYPE.test(headers["content-type"]?.[0]?.trim() ?? "") && isUtf8(bytes))
    return { body: bytes.toString("utf8"), isBase64Encoded: false };
  return { body: bytes.toString("base64"), isBase64Encoded: true };
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** "12/Mar/2020:19:03:58 +0000" */
function commonLogTime(instantMs: number): string {
  const instant = new Date(instantMs);
  const day = String(instant.getUTCDate()).padStart(2, "0");
  const time = instant.toISOString().slice(11, 19);
  return `${day}/${MONTHS[instant.getUTCMonth()]}/${instant.getUTCFullYear()}:${time} +0000`;
}

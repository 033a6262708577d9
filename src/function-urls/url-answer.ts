import { validateHeaderName, validateHeaderValue } from "node:http";

/** An HTTP answer. Headers in order, a name may come twice. */
export interface UrlAnswer {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
}

/** Status and headers of an answer whose body comes separately. */
export type UrlAnswerHead = Omit<UrlAnswer, "body">;

const NO_BODY = new Uint8Array(0);
const CONTENT_TYPE = "content-type";
const JSON_TYPE = "application/json";
const BASE64 = /^[A-Za-z0-9+/\-_\s]*={0,2}\s*$/;

/**
 * The HTTP answer that a function's response stands for; undefined when it stands for none, which AWS answers with
 * 502. Without a status code the whole response is the body: "Response payload format" of function URLs.
 */
export function urlAnswer(payload: Uint8Array): UrlAnswer | undefined {
  const response = parsed(payload);
  if (response === undefined) return undefined;
  const { value } = response;
  if (!isObject(value) || value.statusCode === undefined || value.statusCode === null) {
    // AWS: a text loses its quotation marks (recorded from the service).
    const text = typeof value === "string" ? value : JSON.stringify(value);
    return { status: 200, headers: [[CONTENT_TYPE, JSON_TYPE]], body: Buffer.from(text) };
  }
  const head = urlAnswerHead(value, JSON_TYPE);
  const body = bodyOf(value);
  return head === undefined || body === undefined ? undefined : { ...head, body };
}

/**
 * Status, headers and cookies of a response or of the prelude of a streamed one. Undefined when they cannot be an
 * answer's.
 */
export function urlAnswerHead(
  value: Readonly<Record<string, unknown>>,
  defaultContentType: string,
): UrlAnswerHead | undefined {
  const status = statusOf(value.statusCode);
  const headers = headersOf(value.headers);
  const cookies = cookiesOf(value.cookies);
  if (status === undefined || headers === undefined || cookies === undefined) return undefined;
  const hasType = headers.some(([name]) => name.toLowerCase() === CONTENT_TYPE);
  const type: [string, string][] = hasType ? [] : [[CONTENT_TYPE, defaultContentType]];
  return { status, headers: [...type, ...headers, ...cookies] };
}

/** A status that HTTP has for final answers; AWS takes it as text as well. */
function statusOf(value: unknown): number | undefined {
  const status = typeof value === "string" && /^\d{3}$/.test(value) ? Number(value) : value;
  if (typeof status !== "number" || !Number.isInteger(status)) return undefined;
  return status >= 200 && status <= 599 ? status : undefined;
}

/** AWS: these are about the connection, or its own to say; a function's values come under another name. */
const REMAPPED: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "date",
  "host",
  "keep-alive",
  "proxy-authenticate",
  "server",
  "te",
  "trailer",
  "upgrade",
  "www-authenticate",
]);

function headersOf(value: unknown): [string, string][] | undefined {
  if (value === undefined || value === null) return [];
  if (!isObject(value)) return undefined;
  const headers: [string, string][] = [];
  for (const [name, given] of Object.entries(value)) {
    if (given === null) continue;
    if (typeof given !== "string" && typeof given !== "number" && typeof given !== "boolean")
      return undefined;
    const lower = name.toLowerCase();
    // How the body is cut into pieces is decided here.
    if (lower === "transfer-encoding") continue;
    const header: [string, string] = [REMAPPED.has(lower) ? `x-amzn-Remapped-${lower}` : name, String(given)];
    if (!isHeader(header)) return undefined;
    headers.push(header);
  }
  return headers;
}

function cookiesOf(value: unknown): [string, string][] | undefined {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) return undefined;
  const cookies = value.map((cookie): [string, string] => ["set-cookie", String(cookie)]);
  return cookies.every(isHeader) ? cookies : undefined;
}

function isHeader([name, value]: readonly [string, string]): boolean {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    return true;
  } catch {
    return false;
  }
}

function bodyOf(value: Readonly<Record<string, unknown>>): Uint8Array | undefined {
  const { body, isBase64Encoded } = value;
  if (body === undefined || body === null) return NO_BODY;
  if (typeof body !== "string") return undefined;
  if (isBase64Encoded !== true) return Buffer.from(body);
  return BASE64.test(body) ? Buffer.from(body, "base64") : undefined;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function parsed(payload: Uint8Array): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(Buffer.from(payload).toString()) };
  } catch {
    return undefined;
  }
}

import type { FunctionUrlCors } from "../functions/function-urls.ts";

/** Of a request, as far as cross-origin rules look at it. */
export interface CorsRequest {
  readonly method: string;
  readonly headers: {
    readonly origin?: string | undefined;
    readonly "access-control-request-method"?: string | undefined;
    readonly "access-control-request-headers"?: string | undefined;
  };
}

type Headers = readonly (readonly [name: string, value: string])[];

/** AWS: empty settings are none. */
export const configuredCors = (cors: FunctionUrlCors | undefined): FunctionUrlCors | undefined =>
  cors !== undefined && Object.keys(cors).length > 0 ? cors : undefined;

/** Whether a browser asks beforehand. AWS answers that itself where there is a configuration, and runs nothing. */
export const isPreflight = ({ method, headers }: CorsRequest): boolean =>
  method === "OPTIONS" &&
  headers.origin !== undefined &&
  headers["access-control-request-method"] !== undefined;

/** The headers that let a browser read an answer; none for an origin that the configuration does not name. */
export function corsHeaders(cors: FunctionUrlCors | undefined, origin: string | undefined): Headers {
  if (cors === undefined || origin === undefined || !allowsOrigin(cors, origin)) return [];
  const { exposeHeaders = [] } = cors;
  return [
    ...originHeaders(cors, origin),
    ...(exposeHeaders.length > 0
      ? ([["Access-Control-Expose-Headers", exposeHeaders.join(",")]] as const)
      : []),
  ];
}

/** The headers that answer a preflight; none when the configuration does not allow what is asked. */
export function preflightHeaders(cors: FunctionUrlCors, { headers }: CorsRequest): Headers {
  const { origin, "access-control-request-method": method = "" } = headers;
  const names = (headers["access-control-request-headers"] ?? "")
    .split(",")
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== "");
  const { allowMethods = [], allowHeaders = [], maxAgeSeconds } = cors;
  if (origin === undefined || !allowsOrigin(cors, origin)) return [];
  if (!allowMethods.includes("*") && !allowMethods.includes(method)) return [];
  const known = new Set(allowHeaders.map((name) => name.toLowerCase()));
  if (!known.has("*") && !names.every((name) => known.has(name))) return [];
  // A browser that sends credentials takes no wildcard: what it asked for is named instead.
  const methodsShown = allowMethods.includes("*") ? [method] : allowMethods;
  const headersShown = known.has("*") ? names : allowHeaders;
  return [
    ...originHeaders(cors, origin),
    ["Access-Control-Allow-Methods", methodsShown.join(",")],
    ...(headersShown.length > 0 ? ([["Access-Control-Allow-Headers", headersShown.join(",")]] as const) : []),
    ...(maxAgeSeconds !== undefined ? ([["Access-Control-Max-Age", String(maxAgeSeconds)]] as const) : []),
  ];
}

const allowsOrigin = ({ allowOrigins = [] }: FunctionUrlCors, origin: string): boolean =>
  allowOrigins.includes("*") || allowOrigins.includes(origin);

/** AWS: the asking origin is named even where every one is allowed. */
const originHeaders = ({ allowCredentials = false }: FunctionUrlCors, origin: string): Headers => [
  ["Access-Control-Allow-Origin", origin],
  ["Vary", "Origin"],
  ...(allowCredentials ? ([["Access-Control-Allow-Credentials", "true"]] as const) : []),
];

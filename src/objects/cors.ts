import type { CorsRule } from "./bucket.ts";
import { invalidRequest, malformedXml } from "./object-errors.ts";

const METHODS: ReadonlySet<string> = new Set(["GET", "PUT", "HEAD", "POST", "DELETE"]);
const RULES_MAX = 100;

/** Throws for rules that cannot be configured. */
export function checkCorsRules(rules: readonly CorsRule[]): void {
  if (rules.length === 0 || rules.length > RULES_MAX) throw malformedXml();
  for (const { allowedMethods, allowedOrigins, allowedHeaders } of rules) {
    if (allowedMethods.length === 0 || allowedOrigins.length === 0) throw malformedXml();
    for (const method of allowedMethods)
      if (!METHODS.has(method))
        throw invalidRequest(`Found unsupported HTTP method in CORS config. Unsupported method is ${method}`);
    for (const text of [...allowedOrigins, ...allowedHeaders])
      if (text.split("*").length > 2)
        throw invalidRequest(
          `${allowedOrigins.includes(text) ? "AllowedOrigin" : "AllowedHeader"} "${text}" can not have more than one wildcard.`,
        );
  }
}

export interface CorsRequest {
  readonly origin: string;
  /** Of the request, or the one that a preflight request asks about. */
  readonly method: string;
  /** Headers that a preflight request asks about, in lower case. */
  readonly headers?: readonly string[];
}

/** What the first rule that matches has a browser told; nothing when none does. */
export function corsHeaders(rules: readonly CorsRule[], request: CorsRequest): Record<string, string> {
  const { origin, method, headers = [] } = request;
  const rule = rules.find(
    ({ allowedOrigins, allowedMethods, allowedHeaders }) =>
      allowedMethods.includes(method) &&
      allowedOrigins.some((allowed) => matches(allowed, origin)) &&
      headers.every((header) => allowedHeaders.some((allowed) => matches(allowed.toLowerCase(), header))),
  );
  if (rule === undefined) return {};
  const isForAll = rule.allowedOrigins.includes("*");
  return {
    "access-control-allow-origin": isForAll ? "*" : origin,
    "access-control-allow-methods": rule.allowedMethods.join(", "),
    ...(headers.length > 0 && { "access-control-allow-headers": headers.join(", ") }),
    ...(rule.exposeHeaders.length > 0 && { "access-control-expose-headers": rule.exposeHeaders.join(", ") }),
    ...(rule.maxAgeSeconds !== undefined && { "access-control-max-age": String(rule.maxAgeSeconds) }),
    ...(!isForAll && { "access-control-allow-credentials": "true" }),
    vary: "Origin, Access-Control-Request-Headers, Access-Control-Request-Method",
  };
}

function matches(pattern: string, text: string): boolean {
  const star = pattern.indexOf("*");
  if (star < 0) return pattern === text;
  const [start, end] = [pattern.slice(0, star), pattern.slice(star + 1)];
  return text.length >= start.length + end.length && text.startsWith(start) && text.endsWith(end);
}

import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { FUNCTION_LIMITS } from "../core/function-limits.ts";
import type { LeaseQuestion } from "./calls.ts";

/** Invoke, with a qualifier or without; anything else in the query is unusual. */
const INVOCATION = /^\/2015-03-31\/functions\/([^/?]+)\/invocations(?:\?Qualifier=([^&]*))?$/;
const SIGNED = "AWS4-HMAC-SHA256 Credential=";
/** Headers of what the main process decides; and of bodies that are not what they seem. */
const UNUSUAL_HEADERS = [
  "transfer-encoding",
  "content-encoding",
  "x-amz-tenant-id",
  "x-amz-durable-execution-name",
  "upgrade",
];

/**
 * What has to be known before an invocation can be made by a data-plane process; undefined for a request that the main
 * process answers, whatever the state of things is.
 */
export function leaseQuestion({
  method,
  url = "",
  headers,
}: Pick<IncomingMessage, "method" | "url" | "headers">): LeaseQuestion | undefined {
  const match = method === "POST" ? INVOCATION.exec(url) : null;
  if (match === null || !isUsual(headers)) return undefined;
  const caller = callerOf(headers);
  if (caller === undefined) return undefined;
  const [, reference = "", qualifier] = match;
  try {
    return {
      key: `${caller.credential ?? ""}\n${caller.sessionToken ?? ""}\n${url}`,
      ...caller,
      reference: decodeURIComponent(reference),
      qualifier: qualifier === undefined ? undefined : decodeURIComponent(qualifier.replaceAll("+", " ")),
    };
  } catch {
    return undefined;
  }
}

function isUsual(headers: IncomingHttpHeaders): boolean {
  if (UNUSUAL_HEADERS.some((name) => headers[name] !== undefined)) return false;
  const type = headers["x-amz-invocation-type"];
  if (type !== undefined && type !== "RequestResponse") return false;
  const length = Number(headers["content-length"] ?? Number.NaN);
  if (Number.isNaN(length) || length > FUNCTION_LIMITS.requestPayloadBytesMax) return false;
  return !isLoopSuspect(headers["x-amzn-trace-id"]) && headers.host?.includes(".lambda-url.") !== true;
}

/** Functions that have called one another may be a loop, which the main process tells. */
const isLoopSuspect = (trace: string | string[] | undefined): boolean =>
  trace !== undefined && (typeof trace !== "string" || /lineage/i.test(trace));

function callerOf(
  headers: IncomingHttpHeaders,
): Pick<LeaseQuestion, "credential" | "sessionToken"> | undefined {
  const { authorization, "x-amz-security-token": token } = headers;
  const sessionToken = typeof token === "string" ? token : undefined;
  if (authorization === undefined) {
    // Without a signature the service of a form is told by its body.
    const isForm = headers["content-type"]?.includes("form") === true;
    return isForm ? undefined : { credential: undefined, sessionToken };
  }
  const comma = authorization.indexOf(",");
  if (!authorization.startsWith(SIGNED) || comma < 0) return undefined;
  return { credential: authorization.slice(0, comma), sessionToken };
}

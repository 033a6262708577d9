import type { IncomingHttpHeaders } from "node:http";
import type { Parameters } from "./query-string.ts";

/** What a request says about who sent it and for which service; every part as claimed, nothing verified. */
export interface CredentialScope {
  readonly accessKeyId: string | undefined;
  readonly region: string | undefined;
  readonly signingName: string | undefined;
  readonly sessionToken: string | undefined;
}

const terminator = "aws4_request";

/**
 * Reads the credential scope from the Authorization header (SigV4, SigV4a) or, for presigned requests, from the
 * query. An absent or malformed scope leaves its parts undefined.
 */
export function readCredentialScope(headers: IncomingHttpHeaders, query: Parameters): CredentialScope {
  const authorization = headers.authorization;
  const credential =
    authorization === undefined ? query.get("X-Amz-Credential")?.[0] : credentialIn(authorization);
  const sessionToken = textOf(headers["x-amz-security-token"]) ?? query.get("X-Amz-Security-Token")?.[0];
  const parts = credential?.split("/") ?? [];
  if (parts.pop() !== terminator)
    return { accessKeyId: undefined, region: undefined, signingName: undefined, sessionToken };
  const signingName = parts.pop();
  // AWS: a SigV4a scope has no region, the region set stands in a header (SigV4 reference, "SigV4a").
  const region =
    parts.length > 2
      ? parts.pop()
      : firstRegion(headers["x-amz-region-set"] ?? query.get("X-Amz-Region-Set"));
  return {
    accessKeyId: parts[0] || undefined,
    region: region || undefined,
    signingName: signingName || undefined,
    sessionToken,
  };
}

function credentialIn(authorization: string): string | undefined {
  const marker = "Credential=";
  const start = authorization.indexOf(marker);
  if (start < 0) return undefined;
  const comma = authorization.indexOf(",", start);
  return authorization.slice(start + marker.length, comma < 0 ? undefined : comma).trim();
}

function firstRegion(regionSet: string | readonly string[] | undefined): string | undefined {
  const region = textOf(regionSet)?.split(",")[0]?.trim();
  return region === "*" ? undefined : region;
}

function textOf(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === "string" ? value : value?.[0];
}

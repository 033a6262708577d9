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

/** What the Credential of a signature says. */
interface Credential {
  readonly accessKeyId: string | undefined;
  /** Undefined for SigV4a, whose scope has no region (SigV4 reference, "SigV4a"). */
  readonly region: string | undefined;
  readonly signingName: string | undefined;
}

/** Clients send the same Credential all day long. */
const known = new Map<string, Credential>();
const KNOWN_MAX = 1_000;
const KNOWN_LENGTH_MAX = 200;
const nobody: Credential = { accessKeyId: undefined, region: "", signingName: undefined };

/**
 * Reads the credential scope from the Authorization header (SigV4, SigV4a) or, for presigned requests, from the
 * query. An absent or malformed scope leaves its parts undefined.
 */
export function readCredentialScope(headers: IncomingHttpHeaders, query: Parameters): CredentialScope {
  const authorization = headers.authorization;
  const text = authorization === undefined ? query.get("X-Amz-Credential")?.[0] : credentialIn(authorization);
  const { accessKeyId, region, signingName } = text === undefined ? nobody : credentialOf(text);
  return {
    accessKeyId,
    region:
      (region ?? firstRegion(headers["x-amz-region-set"] ?? query.get("X-Amz-Region-Set"))) || undefined,
    signingName,
    sessionToken: textOf(headers["x-amz-security-token"]) ?? query.get("X-Amz-Security-Token")?.[0],
  };
}

function credentialOf(text: string): Credential {
  const seen = known.get(text);
  if (seen !== undefined) return seen;
  const credential = parsed(text);
  if (known.size >= KNOWN_MAX) known.clear();
  if (text.length <= KNOWN_LENGTH_MAX) known.set(text, credential);
  return credential;
}

function parsed(text: string): Credential {
  const parts = text.split("/");
  if (parts.pop() !== terminator) return nobody;
  const signingName = parts.pop() || undefined;
  const region = parts.length > 2 ? parts.pop() : undefined;
  return { accessKeyId: parts[0] || undefined, region, signingName };
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

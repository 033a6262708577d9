import { createHmac, timingSafeEqual, verify } from "node:crypto";
import { canonicalRequest, sha256 } from "./canonical-request.ts";
import { ChunkVerifier } from "./chunk-signatures.ts";
import {
  headerText,
  readSignatureClaim,
  type SignatureClaim,
  SignatureRefused,
  type SignedRequest,
} from "./signed-request.ts";
import type { SigningKeys } from "./signing-keys.ts";

/** AWS: "the request must reach AWS within five minutes of the time stamp"; fifteen for S3. */
const SKEW_MINUTES = 5;
const S3_SKEW_MINUTES = 15;
const HEXADECIMAL_HASH = /^[0-9a-f]{64}$/;
const SIGNATURE_BYTES = 32;

export interface VerifierParts {
  readonly keys: Pick<SigningKeys, keyof SigningKeys>;
  readonly nowMs: () => number;
  /** The secret of the claim's access key and session token; throws `SignatureRefused` when there is none. */
  readonly secretOf: (claim: SignatureClaim) => string;
}

/** A signature that is good, as far as it could be told without the body. */
export interface VerifiedSignature {
  readonly claim: SignatureClaim;
  /**
   * To be called with the whole body where it is read at once: throws `SignatureRefused` when it is not what was
   * signed. Undefined when there is nothing left to check.
   */
  readonly checkBody: ((body: Uint8Array) => void) | undefined;
  /** For a body that is signed in pieces. */
  readonly chunks?: ChunkVerifier | undefined;
}

/**
 * Verifies SigV4, SigV4a and presigned requests. What can be told from the headers is refused before the body is
 * read. Throws `SignatureRefused`. Follows "Signature Version 4 for API requests".
 */
export function verifySignature(request: SignedRequest, parts: VerifierParts): VerifiedSignature {
  const claim = readSignatureClaim(request);
  const secret = parts.secretOf(claim);
  checkTime(claim, parts.nowMs());
  checkSignedHeaders(request, claim);
  const matches = (payloadHash: string): boolean => {
    const text = canonicalRequest(request, claim, payloadHash);
    return signatureMatches(claim, stringToSign(claim, text), secret, parts.keys);
  };
  const isS3 = claim.service === "s3" || claim.service === "s3express";
  const declared = headerText(request, "x-amz-content-sha256");
  if (claim.expiresSeconds !== undefined && isS3) {
    // AWS: the body of a presigned request is unknown when it is signed.
    requireMatch(matches(declared ?? "UNSIGNED-PAYLOAD"));
    return { claim, checkBody: hashCheck(declared) };
  }
  if (declared !== undefined) {
    requireMatch(matches(declared));
    // AWS: only S3 takes a request whose payload is not signed.
    if (!isS3 && !HEXADECIMAL_HASH.test(declared)) throw new SignatureRefused({ kind: "mismatch" });
    return {
      claim,
      checkBody: hashCheck(declared),
      chunks: chunkVerifier(claim, secret, { declared, parts }),
    };
  }
  // AWS: S3 asks for the header; its bodies are not read as a whole.
  if (isS3)
    throw new SignatureRefused({
      kind: "incomplete",
      detail: "Missing required header for this request: x-amz-content-sha256",
    });
  return { claim, checkBody: (body) => requireMatch(matches(sha256(body))) };
}

const SIGNED_CHUNKS = /^STREAMING-AWS4-(HMAC-SHA256|ECDSA-P256-SHA256)-PAYLOAD(-TRAILER)?$/;

function chunkVerifier(
  claim: SignatureClaim,
  secret: string,
  { declared, parts }: { readonly declared: string; readonly parts: VerifierParts },
): ChunkVerifier | undefined {
  const [signed, algorithm, trailer] = SIGNED_CHUNKS.exec(declared) ?? [];
  if (signed === undefined) return undefined;
  // The body's algorithm is the request's; that of SigV4a is refused where the body is read.
  if (algorithm !== "HMAC-SHA256" || claim.algorithm !== "AWS4-HMAC-SHA256")
    throw new SignatureRefused({ kind: "mismatch" });
  return new ChunkVerifier(claim, parts.keys.symmetric(secret, claim), trailer !== undefined);
}

function hashCheck(declared: string | undefined): VerifiedSignature["checkBody"] {
  if (declared === undefined || !HEXADECIMAL_HASH.test(declared)) return undefined;
  return (body) => {
    if (sha256(body) !== declared) throw new SignatureRefused({ kind: "payload" });
  };
}

function requireMatch(matches: boolean): void {
  if (!matches) throw new SignatureRefused({ kind: "mismatch" });
}

function stringToSign(claim: SignatureClaim, canonical: string): string {
  const scope = [claim.scopeDate, claim.scopeRegion, claim.service, "aws4_request"].filter(
    (part, index) => index !== 1 || part !== "",
  );
  return `${claim.algorithm}\n${claim.date}\n${scope.join("/")}\n${sha256(canonical)}`;
}

function signatureMatches(
  claim: SignatureClaim,
  text: string,
  secret: string,
  keys: VerifierParts["keys"],
): boolean {
  const given = Buffer.from(claim.signature, "hex");
  if (claim.algorithm === "AWS4-ECDSA-P256-SHA256")
    return verify("sha256", Buffer.from(text), keys.asymmetric(secret, claim.accessKeyId), given);
  const expected = createHmac("sha256", keys.symmetric(secret, claim)).update(text).digest();
  return given.length === SIGNATURE_BYTES && timingSafeEqual(given, expected);
}

/** What identifies the request and its sender has to be part of what was signed. */
function checkSignedHeaders(request: SignedRequest, claim: SignatureClaim): void {
  const signed = new Set(claim.signedHeaders);
  const isMissing = (name: string): boolean => request.headers[name] !== undefined && !signed.has(name);
  const amazon = Object.keys(request.headers).filter((name) => name.startsWith("x-amz-") && isMissing(name));
  // AWS: of the headers of its own, those that do not change what is done may come unsigned.
  const unsigned = amazon.filter((name) => !UNSIGNED_ALLOWED.has(name));
  if (!signed.has("host") || unsigned.length > 0)
    throw new SignatureRefused({
      kind: "incomplete",
      detail: `'${signed.has("host") ? unsigned[0] : "Host"}' must be a 'SignedHeader' in the AWS Authorization.`,
    });
}

const UNSIGNED_ALLOWED: ReadonlySet<string> = new Set([
  "x-amz-content-sha256",
  "x-amz-user-agent",
  "x-amz-security-token",
  "x-amz-region-set",
]);

function checkTime(claim: SignatureClaim, nowMs: number): void {
  if (claim.date.slice(0, 8) !== claim.scopeDate)
    throw new SignatureRefused({
      kind: "clock",
      detail: `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${claim.scopeDate}' != '${claim.date.slice(0, 8)}', from '${claim.date}'.`,
    });
  const skewMinutes = claim.service === "s3" ? S3_SKEW_MINUTES : SKEW_MINUTES;
  const skewMs = skewMinutes * 60_000;
  if (claim.dateMs > nowMs + skewMs)
    throw new SignatureRefused({
      kind: "clock",
      detail: `Signature not yet current: ${claim.date} is still later than ${basicDate(nowMs + skewMs)} (${basicDate(nowMs)} + ${skewMinutes} min.)`,
    });
  if (claim.expiresSeconds !== undefined) {
    if (nowMs > claim.dateMs + claim.expiresSeconds * 1000)
      throw new SignatureRefused({ kind: "expired request" });
  } else if (claim.dateMs < nowMs - skewMs)
    throw new SignatureRefused({
      kind: "clock",
      detail: `Signature expired: ${claim.date} is now earlier than ${basicDate(nowMs - skewMs)} (${basicDate(nowMs)} - ${skewMinutes} min.)`,
    });
}

function basicDate(instantMs: number): string {
  return new Date(instantMs).toISOString().replaceAll(/[-:]|\.\d{3}/g, "");
}

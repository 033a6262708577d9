import { createHmac, type KeyObject, timingSafeEqual } from "node:crypto";
import { sha256 } from "./canonical-request.ts";
import { type SignatureClaim, SignatureRefused } from "./signed-request.ts";

const EMPTY_HASH = sha256("");

/**
 * Verifies the signatures of a body's chunks, each made over the one before, as "Signature calculations for the
 * Authorization header: transferring payload in multiple chunks" has it. Methods throw `SignatureRefused`.
 */
export class ChunkVerifier {
  /** Trailing headers are signed as well, and must come. */
  readonly signsTrailers: boolean;
  hasCheckedTrailers = false;
  readonly #claim: SignatureClaim;
  readonly #key: KeyObject;
  #previous: string;

  constructor(claim: SignatureClaim, key: KeyObject, signsTrailers: boolean) {
    this.#claim = claim;
    this.#key = key;
    this.#previous = claim.signature;
    this.signsTrailers = signsTrailers;
  }

  check(chunk: Uint8Array, signature: string | undefined): void {
    this.#verify("AWS4-HMAC-SHA256-PAYLOAD", `${EMPTY_HASH}\n${sha256(chunk)}`, signature);
  }

  checkTrailers(text: string, signature: string): void {
    this.#verify("AWS4-HMAC-SHA256-TRAILER", sha256(text), signature);
    this.hasCheckedTrailers = true;
  }

  #verify(algorithm: string, hashes: string, signature: string | undefined): void {
    const { date, scopeDate, scopeRegion, service } = this.#claim;
    const scope = `${scopeDate}/${scopeRegion}/${service}/aws4_request`;
    const text = `${algorithm}\n${date}\n${scope}\n${this.#previous}\n${hashes}`;
    const expected = createHmac("sha256", this.#key).update(text).digest();
    const given = Buffer.from(signature ?? "", "hex");
    if (given.length !== expected.length || !timingSafeEqual(given, expected))
      throw new SignatureRefused({ kind: "mismatch" });
    this.#previous = expected.toString("hex");
  }
}

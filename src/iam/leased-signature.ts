import type { KeyObject } from "node:crypto";
import { signatureError } from "./signatures/signature-errors.ts";
import { SignatureRefused, type SignedRequest } from "./signatures/signed-request.ts";
import { verifySignature } from "./signatures/verify-signature.ts";

/**
 * Verifies SigV4 with a key that was derived for the credential of the request, which the caller has made sure of. Throws
 * the service's error when the signature is not good; answers what has to see the body.
 */
export function verifyLeased(
  request: SignedRequest,
  by: {
    readonly key: KeyObject;
    readonly signingName: string | undefined;
    readonly nowMs: () => number;
  },
): ((body: Uint8Array) => void) | undefined {
  const inServicesWords = <T>(check: () => T): T => {
    try {
      return check();
    } catch (error) {
      throw error instanceof SignatureRefused ? signatureError(by.signingName, error.problem) : error;
    }
  };
  const { checkBody } = inServicesWords(() =>
    verifySignature(request, {
      keys: {
        symmetric: () => by.key,
        asymmetric: () => {
          throw new SignatureRefused({ kind: "mismatch" });
        },
      },
      nowMs: by.nowMs,
      secretOf: () => "",
    }),
  );
  return checkBody && ((body) => inServicesWords(() => checkBody(body)));
}

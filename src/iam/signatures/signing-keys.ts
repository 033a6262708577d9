import { createECDH, createHmac, createPublicKey, createSecretKey, type KeyObject } from "node:crypto";
import type { SignatureClaim } from "./signed-request.ts";

/** Order of the curve P-256. */
const CURVE_ORDER = BigInt("0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551");
const KEYS_MAX = 5_000;

const hmac = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();

/** Keys derived from secrets, kept because a key serves every request of its day. */
export class SigningKeys {
  readonly #symmetric = new Map<string, KeyObject>();
  readonly #public = new Map<string, KeyObject>();

  /** The key of SigV4 for the claim's day, region and service. An object: making one of bytes costs five times the HMAC. */
  symmetric(
    secret: string,
    { scopeDate, scopeRegion, service }: Pick<SignatureClaim, "scopeDate" | "scopeRegion" | "service">,
  ): KeyObject {
    const name = `${secret}/${scopeDate}/${scopeRegion}/${service}`;
    return remembered(this.#symmetric, name, () =>
      createSecretKey(
        hmac(hmac(hmac(hmac(`AWS4${secret}`, scopeDate), scopeRegion), service), "aws4_request"),
      ),
    );
  }

  /** The public key that checks SigV4a signatures of the access key. */
  asymmetric(secret: string, accessKeyId: string): KeyObject {
    return remembered(this.#public, `${accessKeyId}/${secret}`, () => publicKey(secret, accessKeyId));
  }
}

function remembered<T>(known: Map<string, T>, name: string, make: () => T): T {
  const existing = known.get(name);
  if (existing !== undefined) return existing;
  if (known.size >= KEYS_MAX) known.clear();
  const made = make();
  known.set(name, made);
  return made;
}

/** AWS: NIST SP 800-108's key derivation in counter mode, tried until the result is a private key of the curve. */
function publicKey(secret: string, accessKeyId: string): KeyObject {
  for (let counter = 1; counter < 255; counter++) {
    const input = Buffer.concat([
      Buffer.from([0, 0, 0, 1]),
      Buffer.from("AWS4-ECDSA-P256-SHA256"),
      Buffer.from([0]),
      Buffer.from(accessKeyId),
      Buffer.from([counter, 0, 0, 1, 0]),
    ]);
    const derived = createHmac("sha256", `AWS4A${secret}`).update(input).digest("hex");
    const candidate = BigInt(`0x${derived}`);
    if (candidate > CURVE_ORDER - 2n) continue;
    const curve = createECDH("prime256v1");
    curve.setPrivateKey(Buffer.from((candidate + 1n).toString(16).padStart(64, "0"), "hex"));
    const point = curve.getPublicKey();
    return createPublicKey({
      format: "jwk",
      key: {
        kty: "EC",
        crv: "P-256",
        x: point.subarray(1, 33).toString("base64url"),
        y: point.subarray(33).toString("base64url"),
      },
    });
  }
  throw new Error("no private key of P-256 could be derived");
}

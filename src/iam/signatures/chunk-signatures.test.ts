import assert from "node:assert/strict";
import { test } from "node:test";
import { ChunkVerifier } from "./chunk-signatures.ts";
import type { SignatureClaim } from "./signed-request.ts";
import { SigningKeys } from "./signing-keys.ts";

/** The example of "Signature calculations … transferring payload in multiple chunks". */
const claim: SignatureClaim = {
  algorithm: "AWS4-HMAC-SHA256",
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  scopeDate: "20130524",
  scopeRegion: "us-east-1",
  service: "s3",
  signedHeaders: [],
  signature: "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
  date: "20130524T000000Z",
  dateMs: Date.UTC(2013, 4, 24),
  expiresSeconds: undefined,
  sessionToken: undefined,
};
const CHUNKS = [
  [65_536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"],
  [1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"],
  [0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"],
] as const;

const verifier = (): ChunkVerifier =>
  new ChunkVerifier(
    claim,
    new SigningKeys().symmetric("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", claim),
    false,
  );

test("AWS's example of signed chunks is accepted", () => {
  const chunks = verifier();
  for (const [bytes, signature] of CHUNKS) chunks.check(Buffer.alloc(bytes, "a"), signature);
});

test("a chunk that was changed, left out, or not signed is refused", () => {
  const refused = { message: "mismatch" };
  assert.throws(() => verifier().check(Buffer.alloc(65_536, "b"), CHUNKS[0][1]), refused);
  assert.throws(() => verifier().check(Buffer.alloc(1024, "a"), CHUNKS[1][1]), refused);
  assert.throws(() => verifier().check(Buffer.alloc(65_536, "a"), undefined), refused);
});

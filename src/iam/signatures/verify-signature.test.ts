import assert from "node:assert/strict";
import { test } from "node:test";
import { SignatureV4 } from "@smithy/signature-v4";
import { SignatureV4a } from "@smithy/signature-v4a";
import fc from "fast-check";
import { Sha256 } from "../../../test/support/signer-hash.ts";
import { SignatureRefused, type SignedRequest } from "./signed-request.ts";
import { SigningKeys } from "./signing-keys.ts";
import { type VerifiedSignature, verifySignature } from "./verify-signature.ts";

const credentials = { accessKeyId: "AKIAEXAMPLE", secretAccessKey: "a secret/of+somebody" };
const NOW_MS = Date.UTC(2026, 10, 21, 12, 0, 0);

interface Plain {
  readonly method: string;
  readonly path: string;
  readonly query: Record<string, string | string[]>;
  readonly headers: Record<string, string>;
  readonly body: string;
}

const get: Plain = {
  method: "GET",
  path: "/2015-03-31/functions/",
  query: { MaxItems: "5", Marker: "a b/é+(x)*'!~$&=@" },
  headers: { host: "127.0.0.1:4566" },
  body: "",
};

const signer = (service: string, options: object = {}) =>
  new SignatureV4({ service, region: "us-east-1", credentials, sha256: Sha256, ...options });

const httpRequest = (plain: Plain) => ({ ...plain, protocol: "http:", hostname: "127.0.0.1", port: 4566 });

/** The request line that the SDK's handlers make of a signed request. */
function asReceived(signed: {
  method: string;
  path: string;
  query?: unknown;
  headers: Record<string, string>;
}): SignedRequest {
  const encode = (text: string): string =>
    encodeURIComponent(text).replaceAll(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  const query = Object.entries((signed.query ?? {}) as Record<string, string | string[]>)
    .flatMap(([name, value]) => [value].flat().map((one) => `${encode(name)}=${encode(one)}`))
    .join("&");
  const headers = Object.fromEntries(
    Object.entries(signed.headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
  return { method: signed.method, target: query === "" ? signed.path : `${signed.path}?${query}`, headers };
}

const verified = (request: SignedRequest, nowMs = NOW_MS): VerifiedSignature =>
  verifySignature(request, {
    keys: new SigningKeys(),
    nowMs: () => nowMs,
    secretOf: ({ accessKeyId }) => {
      if (accessKeyId !== credentials.accessKeyId) throw new SignatureRefused({ kind: "unknown key" });
      return credentials.secretAccessKey;
    },
  });

const refusedAs = (kind: string) => (error: unknown) => {
  assert.ok(error instanceof SignatureRefused, String(error));
  assert.equal(error.problem.kind, kind);
  return true;
};

const sign = async (plain: Plain, service = "lambda", options: object = {}): Promise<SignedRequest> =>
  asReceived(
    (await signer(service, options).sign(httpRequest(plain) as never, {
      signingDate: new Date(NOW_MS),
    })) as never,
  );

test("a request signed by AWS's signer is accepted, with odd characters in its query", async () => {
  const request = await sign(get);
  const { claim, checkBody } = verified(request);
  assert.equal(claim.accessKeyId, credentials.accessKeyId);
  checkBody?.(new Uint8Array(0));
});

test("whatever the path, query and body are, AWS's signer and this verifier agree, and a change is noticed", async () => {
  const text = fc.string({ unit: fc.constantFrom(..."ab/é +*'!~$&=@:%.é漢".split("")), maxLength: 12 });
  const plain = fc.record({
    method: fc.constantFrom("GET", "POST", "PUT", "DELETE"),
    path: text.map((tail) => `/2015-03-31/${encodeURIComponent(tail)}`),
    query: fc.dictionary(
      text.filter((name) => name !== ""),
      text,
      { maxKeys: 4 },
    ),
    headers: fc.constant({ host: "127.0.0.1:4566", "content-type": "application/json" }),
    body: text,
  });
  await fc.assert(
    fc.asyncProperty(plain, fc.constantFrom("lambda", "s3", "iam"), async (arbitrary, service) => {
      const options = service === "s3" ? { uriEscapePath: false } : {};
      const request = await sign(arbitrary, service, options);
      verified(request).checkBody?.(Buffer.from(arbitrary.body));
      const changed = { ...request, target: `${request.target}x` };
      assert.throws(() => verified(changed).checkBody?.(Buffer.from(arbitrary.body)), refusedAs("mismatch"));
    }),
    { numRuns: 150 },
  );
});

test("a body other than the signed one is refused, whether its hash was declared or not", async () => {
  const put = { ...get, method: "PUT", body: "{}" };
  const declared = await sign(put);
  assert.throws(() => verified(declared).checkBody?.(Buffer.from("{} ")), refusedAs("payload"));
  const undeclared = await sign(put, "lambda", { applyChecksum: false });
  assert.equal(undeclared.headers["x-amz-content-sha256"], undefined);
  verified(undeclared).checkBody?.(Buffer.from("{}"));
  assert.throws(() => verified(undeclared).checkBody?.(Buffer.from("{} ")), refusedAs("mismatch"));
});

test("a service other than S3 takes no unsigned payload", async () => {
  const unsigned = { ...get, headers: { ...get.headers, "x-amz-content-sha256": "UNSIGNED-PAYLOAD" } };
  const request = await sign(unsigned);
  assert.throws(() => verified(request), refusedAs("mismatch"));
  verified(await sign(unsigned, "s3", { uriEscapePath: false }));
});

test("SigV4a is verified with the public key derived from the secret", async () => {
  const asymmetric = new SignatureV4a({
    service: "events",
    region: "*",
    credentials,
    sha256: Sha256,
  } as never);
  const request = asReceived(
    (await asymmetric.sign(httpRequest({ ...get, method: "POST", body: "{}" }) as never, {
      signingDate: new Date(NOW_MS),
    })) as never,
  );
  const { claim, checkBody } = verified(request);
  assert.equal(claim.algorithm, "AWS4-ECDSA-P256-SHA256");
  checkBody?.(Buffer.from("{}"));
  assert.throws(
    () => verified({ ...request, method: "PUT" }).checkBody?.(Buffer.from("{}")),
    refusedAs("mismatch"),
  );
});

test("presigned requests are good until they expire", async () => {
  const presigned = asReceived(
    (await signer("s3", { uriEscapePath: false }).presign(
      httpRequest({
        ...get,
        path: "/bucket/a%20b",
        query: {},
        headers: { ...get.headers, "x-amz-content-sha256": "UNSIGNED-PAYLOAD" },
      }) as never,
      { signingDate: new Date(NOW_MS), expiresIn: 60 },
    )) as never,
  );
  verified(presigned);
  verified(presigned, NOW_MS + 59_000);
  assert.throws(() => verified(presigned, NOW_MS + 61_000), refusedAs("expired request"));
  assert.throws(
    () => verified({ ...presigned, target: presigned.target.replace("a%20b", "c") }),
    refusedAs("mismatch"),
  );
});

test("a clock that is more than five minutes off is told so in AWS's words", async () => {
  const request = await sign(get);
  verified(request, NOW_MS + 4 * 60_000);
  assert.throws(
    () => verified(request, NOW_MS + 6 * 60_000),
    (error: SignatureRefused) => {
      assert.deepEqual(error.problem, {
        kind: "clock",
        detail:
          "Signature expired: 20261121T120000Z is now earlier than 20261121T120100Z (20261121T120600Z - 5 min.)",
      });
      return true;
    },
  );
  assert.throws(() => verified(request, NOW_MS - 6 * 60_000), refusedAs("clock"));
});

test("requests without a signature, with half of one, of an unknown key or with unsigned headers are refused", async () => {
  const request = await sign(get);
  const withHeaders = (headers: Record<string, string>): SignedRequest => ({
    ...request,
    headers: { ...request.headers, ...headers },
  });
  assert.throws(() => verified({ ...request, headers: { host: "h" } }), refusedAs("missing"));
  assert.throws(() => verified(withHeaders({ authorization: "Bearer x" })), refusedAs("incomplete"));
  assert.throws(
    () => verified(withHeaders({ authorization: "AWS4-HMAC-SHA256 Credential=a/b/c" })),
    refusedAs("incomplete"),
  );
  const authorization = String(request.headers.authorization);
  assert.throws(
    () => verified(withHeaders({ authorization: authorization.replace("AKIAEXAMPLE", "AKIAOTHER") })),
    refusedAs("unknown key"),
  );
  assert.throws(
    () => verified(withHeaders({ authorization: authorization.replace(/Signature=..../, "Signature=0000") })),
    refusedAs("mismatch"),
  );
  assert.throws(() => verified(withHeaders({ "x-amz-invocation-type": "DryRun" })), refusedAs("incomplete"));
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { asNodeReads, headerLines } from "../../test/support/raw-requests.ts";
import { plainInvocation } from "./plain-invocation.ts";

const LINE = "POST /2015-03-31/functions/hello/invocations HTTP/1.1\r\n";
const HOST = "Host: 127.0.0.1:9000\r\n";
const SIGNED =
  "Authorization: AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0\r\n";

const read = (text: string, from = 0) => plainInvocation(Buffer.from(text, "latin1"), from);

describe("a plain invocation", () => {
  test("is what AWS's clients send", () => {
    const text = `${LINE}${HOST}${SIGNED}X-Amz-Invocation-Type: RequestResponse\r\nUser-Agent:  a b\t \r\nX-Empty:\r\nContent-Length: 2\r\nConnection: Keep-Alive\r\n\r\n`;
    assert.deepEqual(read(`${text}{}`), {
      method: "POST",
      url: "/2015-03-31/functions/hello/invocations",
      headers: {
        host: "127.0.0.1:9000",
        authorization: SIGNED.slice("Authorization: ".length, -2),
        "x-amz-invocation-type": "RequestResponse",
        "user-agent": "a b",
        "x-empty": "",
        "content-length": "2",
        connection: "Keep-Alive",
      },
      headEnd: text.length,
      bodyBytes: 2,
    });
    assert.equal(read(`..${text}`, 2)?.headEnd, text.length + 2);
  });

  test("names its function in every form, and a qualifier", () => {
    for (const address of [
      "hello:live/invocations",
      "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Ahello/invocations",
      "hello/invocations?Qualifier=%24LATEST",
    ])
      assert.equal(
        read(`POST /2015-03-31/functions/${address} HTTP/1.1\r\n${HOST}${SIGNED}\r\n`)?.url,
        `/2015-03-31/functions/${address}`,
      );
  });

  test("without a length has no body", () => {
    assert.equal(read(`${LINE}${HOST}${SIGNED}\r\n`)?.bodyBytes, 0);
  });

  for (const [what, text] of [
    ["a head that is not whole", `${LINE}${HOST}${SIGNED}\r`],
    ["another path", `${LINE.replace("invocations", "invocations/")}${HOST}${SIGNED}\r\n`],
    ["another query", `${LINE.replace("invocations", "invocations?X-Amz-Date=1")}${HOST}${SIGNED}\r\n`],
    ["a fragment", `${LINE.replace("invocations", "invocations#a")}${HOST}${SIGNED}\r\n`],
    ["another operation", `${LINE.replace("invocations", "versions")}${HOST}${SIGNED}\r\n`],
    ["a path above", `${LINE.replace("hello", "hello/..")}${HOST}${SIGNED}\r\n`],
    ["another method", `${LINE.replace("POST", "GET")}${HOST}${SIGNED}\r\n`],
    ["an older version", `${LINE.replace("1.1", "1.0")}${HOST}${SIGNED}\r\n`],
    ["no host", `${LINE}${SIGNED}\r\n`],
    ["two hosts", `${LINE}${HOST}${HOST}${SIGNED}\r\n`],
    ["a function URL's host", `${LINE}Host: a.lambda-url.us-east-1.localhost\r\n${SIGNED}\r\n`],
    ["nobody's signature", `${LINE}${HOST}\r\n`],
    ["another service's signature", `${LINE}${HOST}${SIGNED.replace("/lambda/", "/s3/")}\r\n`],
    ["another kind of signature", `${LINE}${HOST}${SIGNED.replace("HMAC", "ECDSA-P256")}\r\n`],
    ["two signatures", `${LINE}${HOST}${SIGNED}${SIGNED}\r\n`],
    ["a target", `${LINE}${HOST}${SIGNED}X-Amz-Target: AmazonSQS.SendMessage\r\n\r\n`],
    ["an RPC", `${LINE}${HOST}${SIGNED}smithy-protocol: rpc-v2-cbor\r\n\r\n`],
    ["a compressed body", `${LINE}${HOST}${SIGNED}Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\n`],
    ["two lengths", `${LINE}${HOST}${SIGNED}Content-Length: 1\r\nContent-Length: 1\r\n\r\n`],
    ["a length that is none", `${LINE}${HOST}${SIGNED}Content-Length: +1\r\n\r\n`],
    ["an empty length", `${LINE}${HOST}${SIGNED}Content-Length:\r\n\r\n`],
    ["a length above AWS's limit", `${LINE}${HOST}${SIGNED}Content-Length: 6291457\r\n\r\n`],
    ["pieces", `${LINE}${HOST}${SIGNED}Transfer-Encoding: chunked\r\n\r\n`],
    ["who asks first", `${LINE}${HOST}${SIGNED}Content-Length: 1\r\nExpect: 100-continue\r\n\r\n`],
    ["the last one", `${LINE}${HOST}${SIGNED}Connection: close\r\n\r\n`],
    ["an upgrade", `${LINE}${HOST}${SIGNED}Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n`],
    ["a blank before the colon", `${LINE}${HOST}${SIGNED}Accept : */*\r\n\r\n`],
    ["a continued line", `${LINE}${HOST}${SIGNED}Accept: */*\r\n more\r\n\r\n`],
    ["line feeds alone", `${LINE}${HOST}${SIGNED}Accept: */*\nMore: 1\r\n\r\n`],
    ["a control character", `${LINE}${HOST}${SIGNED}Accept: \u0001\r\n\r\n`],
    ["letters beyond ASCII", `${LINE}${HOST}${SIGNED}Accept: \u00e4\r\n\r\n`],
    ["a header of JavaScript's", `${LINE}${HOST}${SIGNED}__proto__: 1\r\n\r\n`],
    ["a very long head", `${LINE}${HOST}${SIGNED}Accept: ${"a".repeat(9_000)}\r\n\r\n`],
    ["another protocol", "\u0016\u0003\u0001\u0002\r\n\r\n"],
  ] as const) {
    test(`is not ${what}`, () => {
      assert.equal(read(text), undefined);
    });
  }

  test("whatever is one is read as Node's HTTP server reads it", async () => {
    const lines = headerLines(
      ..."accept content-length Content-Length connection expect te trailer x-a constructor cookie transfer-encoding".split(
        " ",
      ),
    );
    let plainOnes = 0;
    await fc.assert(
      fc.asyncProperty(lines, async (headers) => {
        const text = `${LINE}${HOST}${SIGNED}${headers.join("")}\r\n`;
        const plain = read(text);
        if (plain === undefined) return;
        plainOnes++;
        const body = "b".repeat(plain.bodyBytes);
        const seen = await asNodeReads(`${text}${body}`);
        const { method, url, headers: plainHeaders } = plain;
        assert.deepEqual(
          seen,
          { method, url, version: "1.1", headers: plainHeaders, body, isKept: true },
          text,
        );
      }),
      { numRuns: 2_000 },
    );
    assert.ok(plainOnes > 100, `${plainOnes} of them were plain`);
  });
});

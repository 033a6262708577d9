import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { asNodeReads, headerLines } from "../../test/support/raw-requests.ts";
import { plainRequest } from "./plain-request.ts";

const NEXT = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n";
const RESPONSE = "POST /2018-06-01/runtime/invocation/id-1/response HTTP/1.1\r\n";
const HOST = "Host: 127.0.0.1:9001\r\n";

const read = (text: string, from = 0) => plainRequest(Buffer.from(text, "latin1"), from);

describe("a plain request", () => {
  test("is next as libcurl, Node.js and Go send it", () => {
    for (const headers of [
      `${HOST}Accept: */*\r\nUser-Agent: AWS_Lambda_Cpp/0.2.6\r\n`,
      `${HOST}Connection: keep-alive\r\n`,
      `${HOST}User-Agent: Go-http-client/1.1\r\nAccept-Encoding: gzip\r\n`,
    ]) {
      const text = `${NEXT}${headers}\r\n`;
      assert.deepEqual(read(text), { kind: "next", headEnd: text.length });
      assert.deepEqual(read(`xx${text}POST`, 2), { kind: "next", headEnd: text.length + 2 });
    }
  });

  test("is a response with its length", () => {
    const text = `${RESPONSE}${HOST}content-type: application/json\r\ncontent-length: 17\r\n\r\n`;
    const request = { kind: "response", headEnd: text.length, requestId: "id-1", bodyBytes: 17 };
    assert.deepEqual(read(text), request);
    assert.deepEqual(read(`${text}17 bytes of a body`), request);
  });

  for (const [what, text] of [
    ["a head that is not whole", `${NEXT}${HOST}\r`],
    ["another path", `GET /2018-06-01/runtime/invocation/next/ HTTP/1.1\r\n${HOST}\r\n`],
    ["a query", `GET /2018-06-01/runtime/invocation/next?a HTTP/1.1\r\n${HOST}\r\n`],
    ["another method", `HEAD /2018-06-01/runtime/invocation/next HTTP/1.1\r\n${HOST}\r\n`],
    ["an older version", `GET /2018-06-01/runtime/invocation/next HTTP/1.0\r\n${HOST}\r\n`],
    ["an error", `${RESPONSE.replace("response", "error")}${HOST}Content-Length: 1\r\n\r\n`],
    ["a path below", `${RESPONSE.replace("response", "response/1")}${HOST}Content-Length: 1\r\n\r\n`],
    ["an id with an escape", `${RESPONSE.replace("id-1", "id%2D1")}${HOST}Content-Length: 1\r\n\r\n`],
    ["no id", `${RESPONSE.replace("id-1", "")}${HOST}Content-Length: 1\r\n\r\n`],
    ["no host", `${NEXT}Accept: */*\r\n\r\n`],
    ["two hosts", `${NEXT}${HOST}${HOST}\r\n`],
    ["next with a body", `${NEXT}${HOST}Content-Length: 1\r\n\r\n1`],
    ["no length", `${RESPONSE}${HOST}\r\n`],
    ["two lengths", `${RESPONSE}${HOST}Content-Length: 1\r\nContent-Length: 1\r\n\r\n`],
    ["a length that is none", `${RESPONSE}${HOST}Content-Length: +1\r\n\r\n`],
    ["a length beyond all limits", `${RESPONSE}${HOST}Content-Length: 999999999\r\n\r\n`],
    ["pieces", `${RESPONSE}${HOST}Transfer-Encoding: chunked\r\n\r\n`],
    [
      "a stream",
      `${RESPONSE}${HOST}Content-Length: 1\r\nLambda-Runtime-Function-Response-Mode: streaming\r\n\r\n`,
    ],
    ["who asks first", `${RESPONSE}${HOST}Content-Length: 1\r\nExpect: 100-continue\r\n\r\n`],
    ["the last one", `${NEXT}${HOST}Connection: close\r\n\r\n`],
    ["an upgrade", `${NEXT}${HOST}Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n`],
    ["a blank before the colon", `${NEXT}${HOST}Accept : */*\r\n\r\n`],
    ["a continued line", `${NEXT}${HOST}Accept: */*\r\n more\r\n\r\n`],
    ["line feeds alone", `${NEXT}${HOST}Accept: */*\nMore: 1\r\n\r\n`],
    ["a control character", `${NEXT}${HOST}Accept: \u0001\r\n\r\n`],
    ["a very long head", `${NEXT}${HOST}Accept: ${"a".repeat(5_000)}\r\n\r\n`],
    ["another protocol", "\u0016\u0003\u0001\u0002\r\n\r\n"],
  ] as const) {
    test(`is not: ${what}`, () => assert.equal(read(text), undefined));
  }

  test("is for Node's HTTP server the same request", { timeout: 20_000 }, async () => {
    const lines = headerLines(
      ..."host HOST accept content-length Content-Length connection expect te trailer x-a transfer-encoding".split(
        " ",
      ),
    );
    const line = fc.constantFrom(NEXT, RESPONSE);
    await fc.assert(
      fc.asyncProperty(line, lines, async (first, headers) => {
        const text = `${first}${HOST}${headers.join("")}\r\n`;
        const plain = read(text);
        if (plain === undefined) return;
        const bodyBytes = plain.kind === "response" ? plain.bodyBytes : 0;
        const seen = await asNodeReads(`${text}${"b".repeat(bodyBytes)}`);
        assert.ok(seen !== "refused", text);
        const { method, url, version, body, isKept } = seen;
        const asRead = { line: `${method} ${url} HTTP/${version}\r\n`, body, isKept };
        assert.deepEqual(asRead, { line: first, body: "b".repeat(bodyBytes), isKept: true }, text);
      }),
      { numRuns: 2_000 },
    );
  });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { PreludeReader } from "./response-prelude.ts";
import { urlAnswer } from "./url-answer.ts";

function answerOf(response: unknown): { status: number; headers: unknown; body: string } | undefined {
  const text = typeof response === "string" && response.startsWith("raw:") ? response.slice(4) : undefined;
  const answer = urlAnswer(Buffer.from(text ?? JSON.stringify(response)));
  return answer && { ...answer, body: Buffer.from(answer.body).toString() };
}

const JSON_TYPE = [["content-type", "application/json"]];

test("a response without a status code is the body, as JSON", () => {
  for (const [response, body] of [
    ["hello", "hello"],
    [42, "42"],
    [true, "true"],
    [null, "null"],
    [[1, "two"], '[1,"two"]'],
    [{ body: "no status" }, '{"body":"no status"}'],
    [{ statusCode: null, a: 1 }, '{"statusCode":null,"a":1}'],
  ] as const)
    assert.deepEqual(answerOf(response), { status: 200, headers: JSON_TYPE, body });
});

test("a response with a status code says everything itself", () => {
  assert.deepEqual(answerOf({ statusCode: 204 }), { status: 204, headers: JSON_TYPE, body: "" });
  assert.deepEqual(answerOf({ statusCode: "418", body: "i'm a teapot" }), {
    status: 418,
    headers: JSON_TYPE,
    body: "i'm a teapot",
  });
  assert.deepEqual(
    answerOf({
      statusCode: 200,
      headers: { "Content-Type": "text/html", "X-Number": 1, "X-Flag": true, "X-None": null },
      cookies: ["a=1; Secure", "b=2"],
      body: "PGI+",
      isBase64Encoded: true,
    }),
    {
      status: 200,
      headers: [
        ["Content-Type", "text/html"],
        ["X-Number", "1"],
        ["X-Flag", "true"],
        ["set-cookie", "a=1; Secure"],
        ["set-cookie", "b=2"],
      ],
      body: "<b>",
    },
  );
});

test("headers that are the platform's own to say come under another name", () => {
  assert.deepEqual(
    answerOf({
      statusCode: 401,
      headers: { "WWW-Authenticate": "Basic", "content-length": "7", "Transfer-Encoding": "chunked" },
    })?.headers,
    [
      ["content-type", "application/json"],
      ["x-amzn-Remapped-www-authenticate", "Basic"],
      ["x-amzn-Remapped-content-length", "7"],
    ],
  );
});

test("a response that cannot be an answer is none", () => {
  for (const response of [
    "raw:",
    "raw:no JSON",
    { statusCode: "abc" },
    { statusCode: 99 },
    { statusCode: 101 },
    { statusCode: 600 },
    { statusCode: 200.5 },
    { statusCode: true },
    { statusCode: 200, body: { a: 1 } },
    { statusCode: 200, headers: "text" },
    { statusCode: 200, headers: { a: ["b"] } },
    { statusCode: 200, headers: { "a b": "c" } },
    { statusCode: 200, headers: { a: "b\nc" } },
    { statusCode: 200, cookies: "a=1" },
    { statusCode: 200, cookies: ["a\r\nb: c"] },
    { statusCode: 200, body: "not base64!", isBase64Encoded: true },
  ])
    assert.equal(answerOf(response), undefined, JSON.stringify(response));
});

test("the head of a stream is read however it is cut into pieces", () => {
  const stream = Buffer.concat([
    Buffer.from('{"statusCode":201,"cookies":["a=1"]}'),
    Buffer.alloc(8),
    Buffer.from("body"),
  ]);
  for (const size of [1, 3, 40, 41, 44, 100]) {
    const reader = new PreludeReader();
    const rest: Buffer[] = [];
    let metadata: unknown;
    for (let from = 0; from < stream.length; from += size) {
      const piece = stream.subarray(from, from + size);
      if (metadata !== undefined) rest.push(piece);
      else {
        const prelude = reader.take(piece);
        assert.notEqual(prelude, "invalid");
        if (prelude === undefined || prelude === "invalid") continue;
        metadata = prelude.metadata;
        rest.push(Buffer.from(prelude.rest));
      }
    }
    assert.deepEqual(metadata, { statusCode: 201, cookies: ["a=1"] });
    assert.equal(Buffer.concat(rest).toString(), "body");
  }
  assert.equal(new PreludeReader().take(Buffer.concat([Buffer.from("[1]"), Buffer.alloc(8)])), "invalid");
  assert.equal(new PreludeReader().take(Buffer.alloc(200_000, "x")), "invalid");
});

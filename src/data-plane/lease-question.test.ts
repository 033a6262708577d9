import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { test } from "node:test";
import { leaseQuestion } from "./lease-question.ts";

const CREDENTIAL = "AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/lambda/aws4_request";
const usual = {
  "content-length": "2",
  authorization: `${CREDENTIAL}, SignedHeaders=host, Signature=00`,
};
const of = (url: string, headers: Record<string, string> = {}, method = "POST") =>
  leaseQuestion({ method, url, headers: { ...usual, ...headers } } as unknown as IncomingMessage);
const INVOKE = "/2015-03-31/functions/hello/invocations";

test("a plain invocation may be leased, by who signs it and what it names", () => {
  assert.deepEqual(of(INVOKE, { "x-amz-security-token": "token" }), {
    key: `${CREDENTIAL}\ntoken\n${INVOKE}`,
    credential: CREDENTIAL,
    sessionToken: "token",
    reference: "hello",
    qualifier: undefined,
  });
  assert.equal(of(`${INVOKE}?Qualifier=%24LATEST`)?.qualifier, "$LATEST");
  assert.equal(of("/2015-03-31/functions/arn%3Aaws%3Alambda/invocations")?.reference, "arn:aws:lambda");
  assert.ok(of(INVOKE, { "x-amz-invocation-type": "RequestResponse" }));
});

test("everything unusual is the main process's", () => {
  const unusual: [name: string, question: unknown][] = [
    ["another operation", of("/2015-03-31/functions/hello/configuration")],
    ["a response stream", of("/2021-11-15/functions/hello/response-streaming-invocations")],
    ["another method", of(INVOKE, {}, "GET")],
    ["more in the query", of(`${INVOKE}?Qualifier=1&X-Amz-Signature=00`)],
    ["an event", of(INVOKE, { "x-amz-invocation-type": "Event" })],
    ["a dry run", of(INVOKE, { "x-amz-invocation-type": "DryRun" })],
    ["a body of unknown length", of(INVOKE, { "transfer-encoding": "chunked" })],
    ["an encoded body", of(INVOKE, { "content-encoding": "gzip" })],
    ["a body that is too large", of(INVOKE, { "content-length": "6291457" })],
    ["a chain of functions", of(INVOKE, { "x-amzn-trace-id": "Root=1-0-0;Lineage=1:0:0" })],
    ["a function URL's host", of(INVOKE, { host: "abc.lambda-url.us-east-1.localhost" })],
    ["another algorithm", of(INVOKE, { authorization: "AWS4-ECDSA-P256-SHA256 Credential=A, Signature=0" })],
    ["another scheme", of(INVOKE, { authorization: "Bearer abc" })],
    ["a tenant", of(INVOKE, { "x-amz-tenant-id": "t" })],
    ["a name that is not encoded well", of("/2015-03-31/functions/%E0%A4%A/invocations")],
  ];
  for (const [name, question] of unusual) assert.equal(question, undefined, name);
});

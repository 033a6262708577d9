import assert from "node:assert/strict";
import { test } from "node:test";
import { type UrlEventContext, type UrlRequest, urlEvent } from "./url-event.ts";
import { readUrlHost } from "./url-host.ts";

const HOST = "0123456789abcdef0123456789abcdef.lambda-url.eu-west-1.localhost";
const CONTEXT: UrlEventContext = {
  requestId: "27539f31-d444-419e-b1ad-4382657b7e04",
  account: "123456789012",
  caller: undefined,
  traceId: "Root=1-64931f85-02856e0b115997577ed16d97",
  nowMs: 1_687_363_461_544,
};

function eventOf(
  request: Partial<Omit<UrlRequest, "host">>,
  context: Partial<UrlEventContext> = {},
): Record<string, unknown> {
  const host = readUrlHost(`${HOST}:4566`);
  assert.ok(host);
  const whole = {
    host,
    method: "GET",
    target: "/",
    httpVersion: "1.1",
    headers: {},
    body: new Uint8Array(0),
    sourceIp: "127.0.0.1",
    port: 4566,
    ...request,
  };
  return JSON.parse(Buffer.from(urlEvent(whole, { ...CONTEXT, ...context })).toString());
}

test("an event has payload format 2.0 and nothing that the request has not", () => {
  const event = eventOf({
    method: "POST",
    target: "/my/p%C3%A4th?parameter1=value1&parameter1=value2&parameter2=a%20b+c&flag&bad=%zz",
    headers: {
      host: [`${HOST}:4566`],
      "content-type": ["application/json"],
      "content-length": ["2"],
      "x-several": ["one", "two"],
      cookie: ["cookie1=a; cookie2=b"],
      "user-agent": ["agent"],
      connection: ["keep-alive"],
    },
    body: Buffer.from("{}"),
  });
  assert.deepEqual(Object.keys(event), [
    "version",
    "routeKey",
    "rawPath",
    "rawQueryString",
    "cookies",
    "headers",
    "queryStringParameters",
    "requestContext",
    "body",
    "isBase64Encoded",
  ]);
  assert.deepEqual(event, {
    version: "2.0",
    routeKey: "$default",
    rawPath: "/my/p%C3%A4th",
    rawQueryString: "parameter1=value1&parameter1=value2&parameter2=a%20b+c&flag&bad=%zz",
    cookies: ["cookie1=a", "cookie2=b"],
    headers: {
      host: `${HOST}:4566`,
      "content-type": "application/json",
      "content-length": "2",
      "x-several": "one,two",
      cookie: "cookie1=a; cookie2=b",
      "user-agent": "agent",
      "x-amzn-trace-id": "Root=1-64931f85-02856e0b115997577ed16d97",
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-port": "4566",
      "x-forwarded-proto": "http",
    },
    queryStringParameters: {
      parameter1: "value1,value2",
      parameter2: "a b c",
      flag: "",
      bad: "%zz",
    },
    requestContext: {
      accountId: "anonymous",
      apiId: HOST.slice(0, 32),
      domainName: HOST,
      domainPrefix: HOST.slice(0, 32),
      http: {
        method: "POST",
        path: "/my/p%C3%A4th",
        protocol: "HTTP/1.1",
        sourceIp: "127.0.0.1",
        userAgent: "agent",
      },
      requestId: "27539f31-d444-419e-b1ad-4382657b7e04",
      routeKey: "$default",
      stage: "$default",
      time: "21/Jun/2023:16:04:21 +0000",
      timeEpoch: 1687363461544,
    },
    body: "{}",
    isBase64Encoded: false,
  });
});

test("a request without query, cookies and body has none of their members", () => {
  const event = eventOf({ headers: { "x-forwarded-for": ["10.1.2.3"] } });
  assert.deepEqual(Object.keys(event), [
    "version",
    "routeKey",
    "rawPath",
    "rawQueryString",
    "headers",
    "requestContext",
    "isBase64Encoded",
  ]);
  assert.equal(event.rawQueryString, "");
  assert.equal((event.headers as Record<string, string>)["x-forwarded-for"], "10.1.2.3, 127.0.0.1");
  assert.equal(eventOf({ target: "http://proxy.example?x=1" }).rawPath, "/");
});

test("a body is text by its content type, and else base64", () => {
  const bodyOf = (type: string | undefined, body: string | Uint8Array, encoding?: string): unknown[] => {
    const event = eventOf({
      headers: {
        ...(type !== undefined && { "content-type": [type] }),
        ...(encoding !== undefined && { "content-encoding": [encoding] }),
      },
      body: Buffer.from(body as Uint8Array),
    });
    return [event.body, event.isBase64Encoded];
  };
  for (const type of [
    "text/plain",
    "text/html; charset=utf-8",
    "application/json",
    "Application/JSON;charset=UTF-8",
    "application/problem+json",
    "application/xml",
    "application/atom+xml",
    "application/javascript",
  ])
    assert.deepEqual(bodyOf(type, "grüß"), ["grüß", false], type);
  for (const type of [
    undefined,
    "application/octet-stream",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "image/svg",
    "application/jsonish",
  ])
    assert.deepEqual(bodyOf(type, "a=1"), ["YT0x", true], type);
  assert.deepEqual(bodyOf("text/plain", Uint8Array.of(0xff)), ["/w==", true]);
  assert.deepEqual(bodyOf("text/plain", "abc", "gzip"), ["YWJj", true]);
});

test("who was authorized by IAM is told, the signature is not", () => {
  const caller = {
    accessKey: "AKIAEXAMPLE",
    accountId: "111122223333",
    callerId: "AIDAEXAMPLE",
    userArn: "arn:aws:iam::111122223333:user/example-user",
    userId: "AIDAEXAMPLE",
  };
  const headers = { authorization: ["AWS4-HMAC-SHA256 …"] };
  const event = eventOf({ headers }, { caller });
  const { accountId, authorizer } = event.requestContext as Record<string, unknown>;
  assert.deepEqual(
    [accountId, authorizer, (event.headers as Record<string, string>).authorization],
    ["123456789012", { iam: { ...caller, cognitoIdentity: null, principalOrgId: null } }, undefined],
  );
  assert.equal((eventOf({ headers }).headers as Record<string, string>).authorization, "AWS4-HMAC-SHA256 …");
});

test("only hosts of function URLs are read as such", () => {
  assert.deepEqual(readUrlHost("AB12.lambda-url.us-east-1.on.aws"), {
    urlId: "ab12",
    region: "us-east-1",
    domainName: "AB12.lambda-url.us-east-1.on.aws",
  });
  assert.equal(readUrlHost("ab12.lambda-url.us-east-1.lambent.example:8080")?.urlId, "ab12");
  for (const host of [
    undefined,
    "localhost:4566",
    "lambda.us-east-1.amazonaws.com",
    "lambda-url.us-east-1.on.aws",
    "a.b.lambda-url.us-east-1.on.aws",
    "ab12.lambda-url.us-east-1",
  ])
    assert.equal(readUrlHost(host), undefined, host);
});

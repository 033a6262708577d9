import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { after, before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import type { AnyHandler, ProtocolServer } from "../support/protocol-server.ts";
import { allOperations, startProtocolServer } from "../support/protocol-server.ts";
import { seededRandom } from "../support/random-values.ts";

/** Requests that no SDK sends. Whatever comes, the answer is an AWS error, never a 500 and never silence. */
const seed = Number(process.env["LAMBENT_TEST_SEED"] ?? Date.now() % 2 ** 31);
const patienceMs = 20_000;

function signed(service: string): Record<string, string> {
  return {
    authorization: `AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-1/${service}/aws4_request, SignedHeaders=host, Signature=0`,
  };
}

describe(`hostile requests (LAMBENT_TEST_SEED=${seed})`, () => {
  let server: ProtocolServer;
  let handle: AnyHandler = () => ({});
  before(async () => {
    server = await startProtocolServer(
      allOperations((operation, input, context) => handle(operation, input, context)),
    );
  });
  after(() => server.close());

  async function send(
    path: string,
    options: RequestInit & { service?: string } = {},
  ): Promise<{ status: number; text: string; headers: Headers }> {
    const { service, ...rest } = options;
    const response = await fetch(server.endpoint + path, {
      method: "POST",
      signal: AbortSignal.timeout(patienceMs),
      ...rest,
      headers: { ...(service && signed(service)), ...(rest.headers as Record<string, string>) },
    });
    const text = await response.text();
    assert.ok(response.headers.get("x-amzn-requestid"), "every answer has a request id");
    assert.ok(
      response.status < 500 || response.status === 501,
      `${path} was answered ${response.status}: ${text}`,
    );
    return { status: response.status, text, headers: response.headers };
  }

  const logsTarget = {
    "x-amz-target": "Logs_20140328.PutLogEvents",
    "content-type": "application/x-amz-json-1.1",
  };
  const cbor = { "smithy-protocol": "rpc-v2-cbor", "content-type": "application/cbor" };
  const cborPath = "/service/Logs_20140328/operation/PutLogEvents";
  const form = { "content-type": "application/x-www-form-urlencoded" };

  const malformed: Record<string, () => ReturnType<typeof send>> = {
    "JSON that ends early": () => send("/2015-03-31/functions", { body: '{"FunctionName":"f"' }),
    "JSON that is a list": () => send("/2015-03-31/functions", { body: "[1]" }),
    "JSON that is null": () => send("/2015-03-31/functions", { body: "null" }),
    "JSON nested a million deep": () => send("/2015-03-31/functions", { body: "[".repeat(1_000_000) }),
    "a number for a string": () => send("/2015-03-31/functions", { body: '{"FunctionName":1}' }),
    "a fraction for a whole number": () => send("/2015-03-31/functions", { body: '{"MemorySize":1.5}' }),
    "a number beyond 32 bits": () => send("/2015-03-31/functions", { body: '{"MemorySize":4294967296}' }),
    "an object for a list": () => send("/2015-03-31/functions", { body: '{"Layers":{"0":"x"}}' }),
    "a list for a map": () => send("/2015-03-31/functions", { body: '{"Tags":["x"]}' }),
    "bad base64": () => send("/2015-03-31/functions", { body: '{"Code":{"ZipFile":"a*b="}}' }),
    "bad percent-encoding in the path": () => send("/2015-03-31/functions/%E0%A4%A/invocations"),
    "bad percent-encoding in the query": () => send("/2015-03-31/functions/f/invocations?Qualifier=%zz"),
    "a word for a number in the query": () => send("/2015-03-31/functions?MaxItems=ten", { method: "GET" }),
    "awsJson with a string for a number": () =>
      send("/", { headers: logsTarget, body: '{"logEvents":[{"timestamp":"now"}]}' }),
    "CBOR that ends early": () => send(cborPath, { headers: cbor, body: new Uint8Array([0xbf, 0x61]) }),
    "CBOR that claims 4 G entries": () =>
      send(cborPath, { headers: cbor, body: new Uint8Array([0xba, 255, 255, 255, 255]) }),
    "CBOR with a big decimal": () =>
      send(cborPath, {
        headers: cbor,
        body: new Uint8Array([0xa1, 0x61, 0x61, 0xc4, 0x82, 0x1a, 0x0f, 0xff, 0xff, 0xff, 1]),
      }),
    "CBOR nested deeply": () => send(cborPath, { headers: cbor, body: new Uint8Array(1_000_000).fill(0x81) }),
    "CBOR with a __proto__ key": () =>
      send(cborPath, {
        headers: cbor,
        body: Buffer.concat([Buffer.from([0xa1, 0x69]), Buffer.from("__proto__"), Buffer.from([0xa0])]),
      }),
    "CBOR that is a list": () => send(cborPath, { headers: cbor, body: new Uint8Array([0x80]) }),
    "a form with bad percent-encoding": () =>
      send("/", { service: "iam", headers: form, body: "Action=GetRole&RoleName=%zz" }),
    "a form with a structured name": () =>
      send("/", { service: "iam", headers: form, body: "Action=GetRole&RoleName.member.1=x" }),
    "a form with a name of a million parts": () =>
      send("/", { service: "iam", headers: form, body: `Action=GetRole&${"a.".repeat(1_000_000)}=1` }),
    "a form of a million parameters": () =>
      send("/", { service: "iam", headers: form, body: "a=1&".repeat(1_000_000) }),
    "an unknown content encoding": () =>
      send("/2015-03-31/functions", { headers: { "content-encoding": "br" }, body: "{}" }),
    "gzip that is none": () =>
      send("/2015-03-31/functions", { headers: { "content-encoding": "gzip" }, body: "{}" }),
  };
  for (const [name, request] of Object.entries(malformed))
    test(`${name}: SerializationException`, async () => {
      const { status, text, headers } = await request();
      assert.equal(status, 400, text);
      assert.match(`${headers.get("x-amzn-errortype")} ${text}`, /SerializationException/);
    });

  test("__proto__ keys reach neither prototypes nor members", async () => {
    let seen: Record<string, unknown> = {};
    handle = (_operation, input) => {
      seen = input;
      return {};
    };
    const body =
      '{"__proto__":{"Role":"evil"},"__type":"x","constructor":{"prototype":{"polluted":1}},"Tags":{"__proto__":"v"},';
    const { status, text } = await send(
      "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aeu-west-1%3A000000000000%3Afunction%3Af",
      {
        body: `${body}"Resource":"not the label's"}`,
      },
    );
    assert.equal(status, 204, text);
    assert.equal(seen["Resource"], "arn:aws:lambda:eu-west-1:000000000000:function:f");
    assert.deepEqual(Object.keys(seen).sort(), ["Resource", "Tags"]);
    assert.equal(Object.getPrototypeOf(seen), Object.prototype);
    assert.deepEqual(Object.entries(seen["Tags"] as object), [["__proto__", "v"]]);
    assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
  });

  describe("size", () => {
    test("a payload over Invoke's limit is refused with its size", async () => {
      const { status, text } = await send("/2015-03-31/functions/f/invocations", {
        body: new Uint8Array(6_291_457),
      });
      assert.equal(status, 413);
      assert.match(
        text,
        /6291457 byte payload is too large for the RequestResponse invocation type \(limit 6291456 bytes\)/,
      );
    });

    test("so is one sent in chunks without a length", async () => {
      const chunks = ReadableStream.from(Array.from({ length: 7 }, () => new Uint8Array(1_000_000)));
      const { status, text } = await send("/2015-03-31/functions/f/invocations", {
        body: chunks,
        duplex: "half",
      });
      assert.equal(status, 413);
      assert.match(text, /^{"message":"7000000 byte payload/);
    });

    test("a payload at the limit arrives whole", async () => {
      handle = (_operation, { Payload }: { Payload: Uint8Array }) => ({
        Payload: Buffer.from(String(Payload.byteLength)),
      });
      const { status, text } = await send("/2015-03-31/functions/f/invocations", {
        body: new Uint8Array(6_291_456),
      });
      assert.deepEqual({ status, text }, { status: 200, text: "6291456" });
    });

    test("a Lambda request over its limit is refused by the name of its operation", async () => {
      const { status, text, headers } = await send("/2015-03-31/functions", {
        body: new Uint8Array(70_167_212),
      });
      assert.equal(status, 413);
      assert.equal(headers.get("x-amzn-errortype"), "RequestEntityTooLargeException");
      assert.match(text, /Request must be smaller than 70167211 bytes for the CreateFunction operation/);
    });

    test("other services take 10 MB", async () => {
      const { status } = await send("/", { headers: logsTarget, body: new Uint8Array(10 * 1024 * 1024 + 1) });
      assert.equal(status, 413);
    });

    test("a gzip bomb is stopped at the limit", async () => {
      const body = gzipSync(new Uint8Array(20 * 1024 * 1024));
      const { status } = await send("/", { headers: { ...logsTarget, "content-encoding": "gzip" }, body });
      assert.equal(status, 413);
    });
  });

  test("a client that leaves aborts the handler's signal", async () => {
    const aborted = new Promise<void>((resolve) => {
      handle = async (_operation, _input, { signal }) => {
        socket.destroy();
        await once(signal, "abort");
        resolve();
        return {};
      };
    });
    const socket = net.connect(server.port, "127.0.0.1");
    socket.write(
      "POST /2015-03-31/functions/f/invocations HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}",
    );
    await aborted;
  });

  test("an event stream that breaks ends with an error message, and the error is logged", async () => {
    handle = () => ({
      EventStream: (async function* () {
        yield { PayloadChunk: { Payload: Buffer.from("first") } };
        throw new Error("secret");
      })(),
    });
    const { text } = await send("/2021-11-15/functions/f/response-streaming-invocations");
    assert.match(text, /first.*:message-type.*error.*:error-code.*ServiceException/s);
    assert.doesNotMatch(text, /secret/);
    assert.deepEqual(server.logged.splice(0).map(String), ["Error: secret"]);
  });

  test("a client that leaves within its body is nobody's error", async () => {
    let called = false;
    handle = () => {
      called = true;
      return {};
    };
    const socket = net.connect(server.port, "127.0.0.1");
    socket.end(
      "POST /2015-03-31/functions/f/invocations HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{}",
    );
    socket.resume();
    await once(socket, "close");
    assert.equal(called, false);
  });

  test("random requests", async () => {
    handle = () => ({});
    const random = seededRandom(seed);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
    const paths = [
      "/",
      "/2015-03-31/functions/f/invocations",
      "/2015-03-31/functions",
      "/2017-03-31/tags/%ff",
      "//",
      cborPath,
      "/2018-10-31/layers?find=LayerVersion&Arn=1",
      "/2015-03-31/functions/../x",
      "/?Action=GetRole",
    ];
    const bodies = [
      "",
      "{}",
      '{"FunctionName":null}',
      "[]",
      "\u0000",
      "Action=GetRole&RoleName=r",
      "Action=&Version=",
      "<a/>",
      "<a><b></a>",
      '{"a":',
      "Action=ListRoles&Version=2010-05-08&MaxItems=x",
    ];
    for (let count = 0; count < 500; count += 1) {
      const headers: Record<string, string> = {};
      if (random() < 0.5)
        headers["content-type"] = pick([
          "application/json",
          "application/x-amz-json-1.1",
          form["content-type"],
          "application/cbor",
          "text/xml",
          "",
        ]);
      if (random() < 0.3)
        headers["x-amz-target"] = pick([
          "Logs_20140328.CreateLogGroup",
          "Logs_20140328.",
          ".",
          "x",
          "Logs_20140328.toString",
          "__proto__.x",
        ]);
      if (random() < 0.2) headers["smithy-protocol"] = "rpc-v2-cbor";
      if (random() < 0.5)
        headers["authorization"] = pick([
          "AWS4-HMAC-SHA256 Credential=",
          "Bearer x",
          "AWS4-HMAC-SHA256 Credential=a/b/c/sts/aws4_request",
          signed("iam")["authorization"] ?? "",
          signed("s3")["authorization"] ?? "",
          signed("__proto__")["authorization"] ?? "",
        ]);
      const method = pick(["GET", "POST", "PUT", "DELETE", "PATCH"]);
      const random256 = Uint8Array.from({ length: 40 }, () => random() * 256);
      const body = method === "GET" ? {} : { body: random() < 0.2 ? random256 : pick(bodies) };
      await send(pick(paths), { method, headers, ...body });
    }
  });

  test("nothing of all this was an unexpected error", () => assert.deepEqual(server.logged, []));
});

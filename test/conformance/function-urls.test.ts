import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import {
  type Cors,
  CreateAliasCommand,
  CreateFunctionUrlConfigCommand,
  DeleteAliasCommand,
  type InvokeMode,
  PublishVersionCommand,
  RemovePermissionCommand,
  UpdateFunctionUrlConfigCommand,
} from "@aws-sdk/client-lambda";
import { AwsError } from "../../src/core/errors.ts";
import type { InvocationRequest, InvocationResult, ResponseSink } from "../../src/core/invocation.ts";
import { TraceHeaders } from "../../src/core/trace-header.ts";
import { FunctionUrlServer } from "../../src/function-urls/function-url-server.ts";
import type { CountedUrl } from "../../src/ports/url-metrics.ts";
import { deploy } from "../support/deploy.ts";
import {
  ACCOUNT,
  arnOf,
  type LambdaEndpoint,
  openLambdaEndpoint,
  REGION,
} from "../support/lambda-endpoint.ts";
import {
  allowEverybody,
  openUrlResponse,
  requestUrl,
  type UrlRequest,
  type UrlResponse,
} from "../support/url-request.ts";

const FUNCTION = "urls";
const SOURCE = { "index.mjs": "export const handler = async () => {};" };
const HTTP_RESPONSE = "application/vnd.awslambda.http-integration-response";

interface Sent extends UrlRequest {
  readonly path?: string;
}

interface Answer {
  readonly status: number;
  readonly headers: UrlResponse["headersDistinct"];
  readonly text: string;
}

const returns = (response: unknown): InvocationResult => ({
  payload: Buffer.from(typeof response === "string" ? response : JSON.stringify(response)),
  functionError: undefined,
  logTail: undefined,
});

describe("requests to function URLs", () => {
  let lambda: LambdaEndpoint;
  let server: Server;
  let host: string;
  let answer: (request: InvocationRequest) => InvocationResult;
  let stream: (
    request: InvocationRequest,
    sink: ResponseSink,
  ) => InvocationResult | Promise<InvocationResult>;
  let invocations: InvocationRequest[] = [];
  let counted: { url: CountedUrl; status: number }[] = [];

  before(async () => {
    lambda = await openLambdaEndpoint();
    const urls = new FunctionUrlServer({
      functions: lambda.functions,
      invoker: {
        invoke: async (request) => {
          invocations.push(request);
          return answer(request);
        },
        invokeStreaming: async (request, sink) => {
          invocations.push(request);
          return stream(request, sink);
        },
      },
      callers: {
        identify: () => ({ account: ACCOUNT, region: REGION, principal: { type: "root", account: ACCOUNT } }),
        authorize: () => undefined,
      },
      requiresSignatures: false,
      traceHeaders: new TraceHeaders(),
      metrics: { request: (url, { status }) => void counted.push({ url, status }) },
      clock: lambda.clock,
      log: (error) => assert.fail(String(error)),
    });
    server = createServer((request, response) => {
      if (!urls.serve(request, response)) response.writeHead(418).end();
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    await deploy(lambda.client, FUNCTION, SOURCE);
    host = await urlOf({ FunctionName: FUNCTION });
    await allow();
  });

  afterEach(async () => {
    invocations = [];
    counted = [];
    await configure({ InvokeMode: "BUFFERED", Cors: {} });
  });

  after(async () => {
    server.closeAllConnections();
    server.close();
    await lambda.close();
  });

  async function urlOf(of: { FunctionName: string; Qualifier?: string }): Promise<string> {
    const { FunctionUrl = "" } = await lambda.client.send(
      new CreateFunctionUrlConfigCommand({ ...of, AuthType: "NONE" }),
    );
    return new URL(FunctionUrl).host;
  }

  const allow = (of: { Qualifier?: string } = {}): Promise<void> =>
    allowEverybody(lambda.client, { FunctionName: FUNCTION, ...of });

  const configure = (settings: { InvokeMode?: InvokeMode; Cors?: Cors }): Promise<unknown> =>
    lambda.client.send(new UpdateFunctionUrlConfigCommand({ FunctionName: FUNCTION, ...settings }));

  const endpoint = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  async function call({ path = "/", ...sent }: Sent = {}, to = host): Promise<Answer> {
    const { status, headersDistinct, text } = await requestUrl(endpoint(), `http://${to}${path}`, sent);
    return { status, headers: headersDistinct, text };
  }

  test("a host that is no function's URL, or in another region, is refused without a word", async () => {
    for (const wrong of [
      "0123456789abcdefghijklmnopqrstuv.lambda-url.eu-west-1.on.aws",
      host.replace(REGION, "us-east-1"),
    ]) {
      const refused = await call({}, wrong);
      assert.deepEqual([refused.status, refused.text], [403, '{"Message":null}']);
      assert.deepEqual(refused.headers["x-amzn-errortype"], ["AccessDeniedException"]);
      assert.deepEqual(refused.headers["content-type"], ["application/json"]);
    }
    assert.equal((await call({}, "localhost")).status, 418);
    assert.deepEqual(counted, []);
  });

  test("the invocation has the request's id, its ARN and its trace", async () => {
    answer = () => returns({ statusCode: 200, body: "ok" });
    const trace = "Root=1-64931f85-02856e0b115997577ed16d97";
    const done = await call({ headers: { "x-amzn-trace-id": trace } });
    const [invocation] = invocations;
    assert.equal(done.text, "ok");
    assert.equal(invocation?.invokedFunctionArn, arnOf(FUNCTION));
    assert.deepEqual(done.headers["x-amzn-requestid"], [invocation?.requestId]);
    assert.deepEqual(done.headers["x-amzn-trace-id"], [invocation?.traceHeader]);
    assert.match(invocation?.traceHeader ?? "", /^Root=1-64931f85-02856e0b115997577ed16d97;Parent=/);
    const event = JSON.parse(Buffer.from(invocation?.payload ?? []).toString());
    assert.equal(event.requestContext.requestId, invocation?.requestId);
    assert.equal(event.headers["x-amzn-trace-id"], trace);
    await call();
    const made = JSON.parse(Buffer.from(invocations[1]?.payload ?? []).toString());
    assert.match(made.headers["x-amzn-trace-id"], /^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$/);
    assert.deepEqual(
      counted.map(({ url, status }) => [url.functionName, url.qualifier, status]),
      [
        [FUNCTION, "$LATEST", 200],
        [FUNCTION, "$LATEST", 200],
      ],
    );
  });

  test("a function that fails, or answers what is no answer, is a bad gateway", async () => {
    for (const result of [
      { ...returns({ errorMessage: "no" }), functionError: "Unhandled" as const },
      returns("no JSON"),
      returns({ statusCode: "abc" }),
    ]) {
      answer = () => result;
      const failed = await call();
      assert.deepEqual([failed.status, failed.text], [502, "Internal Server Error"]);
    }
    assert.deepEqual(
      counted.map(({ status }) => status),
      [502, 502, 502],
    );
  });

  test("what the platform refuses has AWS's status", async () => {
    answer = () => {
      throw new AwsError("TooManyRequestsException", "Rate Exceeded.", 429, {
        Reason: "ReservedFunctionConcurrentInvocationLimitExceeded",
      });
    };
    const throttled = await call();
    assert.deepEqual(
      [throttled.status, throttled.headers["x-amzn-errortype"], JSON.parse(throttled.text)],
      [
        429,
        ["TooManyRequestsException"],
        { Reason: "ReservedFunctionConcurrentInvocationLimitExceeded", Message: "Rate Exceeded." },
      ],
    );
  });

  test("a request of more than 6 MB is refused, in base64 one of less", async () => {
    answer = () => returns(1);
    const post = (bytes: number, type: string, more = {}): Promise<Answer> =>
      call({ method: "POST", headers: { "content-type": type, ...more }, body: Buffer.alloc(bytes, "a") });
    assert.equal((await post(6_280_000, "text/plain")).status, 200);
    assert.equal((await post(4_700_000, "image/png")).status, 200);
    for (const refused of [
      await post(6_291_457, "text/plain"),
      await post(6_291_457, "text/plain", { "transfer-encoding": "chunked" }),
      await post(4_800_000, "image/png"),
    ]) {
      assert.equal(refused.status, 413);
      assert.deepEqual(refused.headers["x-amzn-errortype"], ["RequestEntityTooLargeException"]);
    }
    assert.equal(invocations.length, 2);
  });

  test("HEAD has the headers and no body, and so have statuses that cannot have one", async () => {
    answer = () => returns({ statusCode: 200, body: "twelve bytes" });
    const head = await call({ method: "HEAD" });
    assert.deepEqual([head.status, head.headers["content-length"], head.text], [200, ["12"], ""]);
    answer = () => returns({ statusCode: 204, body: "ignored" });
    const empty = await call({ method: "DELETE" });
    assert.deepEqual([empty.status, empty.headers["content-length"], empty.text], [204, undefined, ""]);
  });

  test("both permissions are needed, and a URL of an alias needs them on the alias", async () => {
    answer = () => returns(1);
    assert.equal((await call()).status, 200);
    const statement = { FunctionName: FUNCTION, StatementId: "invoke" };
    await lambda.client.send(new RemovePermissionCommand(statement));
    const refused = await call();
    assert.equal(refused.status, 403);
    assert.match(
      refused.text,
      /^\{"Message":"Forbidden\. For troubleshooting Function URL authorization issues/,
    );
    await lambda.client.send(new RemovePermissionCommand({ FunctionName: FUNCTION, StatementId: "url" }));
    await allow();

    const { Version = "" } = await lambda.client.send(new PublishVersionCommand({ FunctionName: FUNCTION }));
    const alias = { FunctionName: FUNCTION, Name: "live" };
    await lambda.client.send(new CreateAliasCommand({ ...alias, FunctionVersion: Version }));
    const aliasHost = await urlOf({ FunctionName: FUNCTION, Qualifier: "live" });
    assert.equal((await call({}, aliasHost)).status, 403);
    await allow({ Qualifier: "live" });
    invocations = [];
    assert.equal((await call({}, aliasHost)).status, 200);
    assert.deepEqual(
      invocations.map(({ version, invokedFunctionArn }) => [version.version, invokedFunctionArn]),
      [[Version, `${arnOf(FUNCTION)}:live`]],
    );
    await lambda.client.send(new DeleteAliasCommand(alias));
    assert.equal((await call({}, aliasHost)).status, 403);
  });

  test("the platform answers preflights and lets browsers read what is allowed", async () => {
    answer = () => returns({ statusCode: 200, headers: { "Access-Control-Allow-Origin": "*" }, body: "" });
    const origin = "https://www.example.com";
    const preflight = (headers: Readonly<Record<string, string>>): Promise<Answer> =>
      call({ method: "OPTIONS", headers: { origin, "access-control-request-method": "PUT", ...headers } });
    // Without a configuration they are the function's.
    assert.equal((await preflight({})).headers["access-control-allow-methods"], undefined);
    assert.equal(invocations.length, 1);
    await configure({
      Cors: {
        AllowOrigins: [origin],
        AllowMethods: ["GET", "PUT"],
        AllowHeaders: ["X-Custom", "content-type"],
        ExposeHeaders: ["date"],
        AllowCredentials: true,
        MaxAge: 300,
      },
    });
    const allowed = await preflight({ "access-control-request-headers": "x-custom, Content-Type" });
    assert.equal(allowed.status, 200);
    assert.deepEqual(
      [
        "access-control-allow-origin",
        "access-control-allow-methods",
        "access-control-allow-headers",
        "access-control-allow-credentials",
        "access-control-max-age",
        "vary",
      ].map((name) => allowed.headers[name]),
      [[origin], ["GET,PUT"], ["X-Custom,content-type"], ["true"], ["300"], ["Origin"]],
    );
    for (const refused of [
      await preflight({ origin: "https://other.example.com" }),
      await preflight({ "access-control-request-method": "DELETE" }),
      await preflight({ "access-control-request-headers": "x-other" }),
    ])
      assert.deepEqual([refused.status, refused.headers["access-control-allow-origin"]], [200, undefined]);
    assert.equal(invocations.length, 1);
    // AWS: the function's own header stays beside the configuration's.
    const read = await call({ headers: { origin } });
    assert.deepEqual(read.headers["access-control-allow-origin"], ["*", origin]);
    assert.deepEqual(read.headers["access-control-expose-headers"], ["date"]);
    assert.equal((await call()).headers.vary, undefined);
    await configure({ Cors: { AllowOrigins: ["*"], AllowMethods: ["*"], AllowHeaders: ["*"] } });
    const every = await preflight({ "access-control-request-headers": "x-other" });
    assert.deepEqual(
      [every.headers["access-control-allow-origin"], every.headers["access-control-allow-methods"]],
      [[origin], ["PUT"]],
    );
  });

  test("a streamed response has the head that its prelude says", async () => {
    await configure({ InvokeMode: "RESPONSE_STREAM" });
    const streams = (contentType: string, ...pieces: string[]): void => {
      stream = (_, sink) => {
        sink.start(contentType);
        for (const piece of pieces) void sink.write(Buffer.from(piece));
        return returns("");
      };
    };
    const prelude = JSON.stringify({ statusCode: 404, headers: { "x-a": "b" }, cookies: ["c=d"] });
    streams(HTTP_RESPONSE, prelude, "\0\0\0\0", "\0\0\0\0not", " here");
    const told = await call();
    assert.deepEqual(
      [told.status, told.text, told.headers["x-a"], told.headers["set-cookie"], told.headers["content-type"]],
      [404, "not here", ["b"], ["c=d"], ["application/octet-stream"]],
    );
    streams("text/event-stream", "data: 1\n\n");
    const plain = await call();
    assert.deepEqual(
      [plain.status, plain.text, plain.headers["content-type"]],
      [200, "data: 1\n\n", ["text/event-stream"]],
    );
    const head = await call({ method: "HEAD" });
    assert.deepEqual([head.status, head.text], [200, ""]);
    for (const broken of ["no JSON\0\0\0\0\0\0\0\0body", prelude, '{"statusCode":"x"}\0\0\0\0\0\0\0\0']) {
      streams(HTTP_RESPONSE, broken);
      assert.equal((await call()).status, 502, broken);
    }
  });

  test("a caller that does not read makes the function wait, and one that leaves does not", async () => {
    await configure({ InvokeMode: "RESPONSE_STREAM" });
    for (const end of ["read", "leave"] as const) {
      const full = Promise.withResolvers<void>();
      let hasRoom: Promise<void> | undefined;
      stream = async (_, sink) => {
        sink.start("application/octet-stream");
        // More than the sockets of both sides take.
        for (let bytes = 0; bytes < 64 << 20; bytes += 1 << 20) hasRoom = sink.write(Buffer.alloc(1 << 20));
        full.resolve();
        await hasRoom;
        return returns("");
      };
      const { response } = await openUrlResponse(endpoint(), `http://${host}/`);
      await full.promise;
      const first = await Promise.race([hasRoom, wait(50, "it waits")]);
      assert.equal(first, "it waits");
      if (end === "read") response.resume();
      else response.destroy();
      await hasRoom;
    }
  });

  test("in streaming mode a response that does not stream is not looked into", async () => {
    await configure({ InvokeMode: "RESPONSE_STREAM" });
    stream = () => returns({ statusCode: 404, body: "x" });
    const raw = await call();
    assert.deepEqual([raw.status, raw.text], [200, '{"statusCode":404,"body":"x"}']);
    stream = () => ({ ...returns("{}"), functionError: "Unhandled" });
    assert.equal((await call()).status, 502);
    stream = (_, sink) => {
      sink.start("text/plain");
      void sink.write(Buffer.from("half"));
      return { ...returns("{}"), functionError: "Unhandled" };
    };
    await assert.rejects(call(), { code: "ECONNRESET" });
  });
});

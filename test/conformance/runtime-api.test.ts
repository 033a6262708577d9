import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, type IncomingHttpHeaders, request } from "node:http";
import { connect } from "node:net";
import { after, before, beforeEach, describe, test } from "node:test";
import type { InvocationResult } from "../../src/core/invocation.ts";
import { MAX_RESPONSE_BYTES } from "../../src/environments/streamed-response.ts";
import { ManualClock } from "../support/manual-clock.ts";
import {
  functionVersion,
  type ScriptedSandbox,
  scriptedFactory,
  serveRuntimeApi,
  settle,
} from "../support/scripted-environments.ts";

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const PREFIX = "/2018-06-01/runtime";

/** The Runtime API over real HTTP, with a real execution environment behind it and no process in it. */
describe("the Runtime API", () => {
  const agent = new Agent({ keepAlive: true });
  let port: number;
  let sandbox: ScriptedSandbox;
  let environment: ReturnType<ReturnType<typeof scriptedFactory>["factory"]["make"]>["environment"];

  const call = (
    method: string,
    path: string,
    body?: string | Buffer,
    headers: Record<string, string> = {},
  ): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const out = request({ agent, host: "127.0.0.1", port, method, path, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks).toString(),
          }),
        );
      });
      out.on("error", reject);
      out.end(body);
    });
  const next = (): Promise<Answer> => call("GET", `${PREFIX}/invocation/next`);
  const invoke = (requestId: string, payload = "{}"): Promise<InvocationResult> =>
    new Promise((resolve) =>
      environment.invoke(
        {
          requestId,
          version: functionVersion(),
          invokedFunctionArn: "arn:aws:lambda:us-east-1:000000000000:function:hello:live",
          payload: Buffer.from(payload),
          clientContext: '{"custom":{"a":"1"}}',
          traceHeader: "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1",
          wantsLogTail: false,
        },
        resolve,
      ),
    );

  before(async () => {
    agent.maxSockets = 4;
  });
  beforeEach(async () => {
    const scripted = scriptedFactory(new ManualClock());
    environment = scripted.factory.make(functionVersion()).environment;
    void environment.start(10_000, () => assert.fail("no time-out in this test"));
    await settle();
    sandbox = scripted.sandboxes[0] as ScriptedSandbox;
    port = await serveRuntimeApi(sandbox);
  });
  after(() => agent.destroy());

  test("next answers the event with AWS's headers, response ends it", async () => {
    const event = next();
    while (environment.state !== "idle") await settle();
    const running = invoke("id-1", '{"a":1}');
    const { status, headers, body } = await event;
    assert.deepEqual([status, body, headers["content-type"]], [200, '{"a":1}', "application/json"]);
    assert.equal(headers["lambda-runtime-aws-request-id"], "id-1");
    assert.equal(
      headers["lambda-runtime-invoked-function-arn"],
      "arn:aws:lambda:us-east-1:000000000000:function:hello:live",
    );
    assert.equal(headers["lambda-runtime-deadline-ms"], "1700000003000");
    assert.match(String(headers["lambda-runtime-trace-id"]), /^Root=1-5bef4de7/);
    assert.equal(headers["lambda-runtime-client-context"], '{"custom":{"a":"1"}}');
    const accepted = await call("POST", `${PREFIX}/invocation/id-1/response`, '"done"');
    assert.deepEqual([accepted.status, JSON.parse(accepted.body)], [202, { status: "OK" }]);
    assert.equal(Buffer.from((await running).payload).toString(), '"done"');
  });

  test("a response and the next request may come in one write", async () => {
    const socket = connect(port, "127.0.0.1");
    socket.setEncoding("latin1");
    let received = "";
    socket.on("data", (chunk) => {
      received += chunk;
    });
    const ask = `GET ${PREFIX}/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n`;
    socket.write(ask);
    while (environment.state !== "idle") await settle();
    const running = invoke("id-1");
    while (!received.includes("{}")) await once(socket, "data");
    socket.write(
      `POST ${PREFIX}/invocation/id-1/response HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n7${ask}`,
    );
    assert.equal(Buffer.from((await running).payload).toString(), "7");
    while (environment.state !== "idle") await settle();
    void invoke("id-2");
    while (!received.includes("id-2")) await once(socket, "data");
    socket.destroy();
  });

  test("error ends the event as failed and hands the body on", async () => {
    const event = next();
    while (environment.state !== "idle") await settle();
    const running = invoke("id-1");
    await event;
    const answer = await call("POST", `${PREFIX}/invocation/id-1/error`, '{"errorType":"X"}');
    assert.equal(answer.status, 202);
    const result = await running;
    assert.deepEqual(
      [result.functionError, Buffer.from(result.payload).toString()],
      ["Unhandled", '{"errorType":"X"}'],
    );
  });

  test("what is not allowed is refused in AWS's words and changes nothing", async () => {
    const event = next();
    while (environment.state !== "idle") await settle();
    const running = invoke("id-1");
    await event;
    const wrongId = await call("POST", `${PREFIX}/invocation/other/response`, "1");
    assert.deepEqual([wrongId.status, JSON.parse(wrongId.body).errorType], [400, "InvalidRequestID"]);
    const again = await next();
    assert.deepEqual([again.status, again.headers["lambda-runtime-aws-request-id"]], [200, "id-1"]);
    const [, , tooOften] = [await next(), await next(), await next()];
    assert.deepEqual(
      [tooOften?.status, JSON.parse(tooOften?.body ?? "")],
      [
        403,
        {
          errorMessage:
            "State transition from Running to Ready failed for runtime. Error: State transition is not allowed",
          errorType: "InvalidStateTransition",
        },
      ],
    );
    const lateInit = await call("POST", `${PREFIX}/init/error`, "{}");
    assert.equal(lateInit.status, 403);
    for (const path of [
      "/",
      "/2018-06-01/runtime/invocation",
      "/2018-06-01/runtime/invocation/id-1",
      "/2020-01-01/extension/none",
    ]) {
      assert.equal((await call("POST", path, "{}")).status, 404, path);
    }
    assert.equal((await call("POST", "/2022-07-01/telemetry", "{}")).headers.allow, "PUT");
    assert.equal((await call("DELETE", `${PREFIX}/invocation/next`)).status, 405);
    await call("POST", `${PREFIX}/invocation/id-1/response`, "1");
    assert.equal(Buffer.from((await running).payload).toString(), "1");
    const twice = await call("POST", `${PREFIX}/invocation/id-1/response`, "2");
    assert.equal(twice.status, 403);
  });

  test("a response over the limit answers 413 and fails the invocation", async () => {
    const event = next();
    while (environment.state !== "idle") await settle();
    const running = invoke("id-1");
    await event;
    const answer = await call(
      "POST",
      `${PREFIX}/invocation/id-1/response`,
      Buffer.alloc(MAX_RESPONSE_BYTES + 1, 97),
    );
    assert.deepEqual(
      [answer.status, JSON.parse(answer.body)],
      [
        413,
        {
          errorType: "RequestEntityTooLarge",
          errorMessage: "Exceeded maximum allowed payload size (6291556 bytes).",
        },
      ],
    );
    assert.equal(
      JSON.parse(Buffer.from((await running).payload).toString()).errorType,
      "Function.ResponseSizeTooLarge",
    );
  });

  test("a runtime that lost its connection may ask again", async () => {
    const lost = connect(port, "127.0.0.1");
    lost.write(`GET ${PREFIX}/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n`);
    while (environment.state !== "idle") await settle();
    lost.destroy();
    const event = next();
    await settle();
    await new Promise((resolve) => setTimeout(resolve, 20));
    void invoke("id-1");
    assert.equal((await event).headers["lambda-runtime-aws-request-id"], "id-1");
  });

  test("the metadata endpoint tells where the function runs, to who has the token", async () => {
    const path = "/2026-01-15/metadata/execution-environment";
    const token = sandbox.environmentVariables["AWS_LAMBDA_METADATA_TOKEN"] ?? "";
    assert.notEqual(token, "");
    const answer = await call("GET", path, undefined, { authorization: `Bearer ${token}` });
    assert.deepEqual([answer.status, JSON.parse(answer.body)], [200, { AvailabilityZoneID: "use1-az1" }]);
    assert.equal(answer.headers["content-type"], "application/json");
    assert.equal(answer.headers["cache-control"], "private, max-age=43200, immutable");
    assert.equal((await call("GET", path)).status, 401);
    assert.equal((await call("GET", path, undefined, { authorization: "Bearer x" })).status, 401);
    assert.equal((await call("POST", path, "{}", { authorization: `Bearer ${token}` })).status, 405);
    assert.equal((await call("GET", "/2026-01-15/metadata/other")).status, 404);
  });

  test("ping answers pong", async () => {
    assert.equal((await call("GET", "/2018-06-01/ping")).body, "pong");
  });
});

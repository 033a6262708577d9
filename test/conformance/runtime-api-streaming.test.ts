import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientRequest, get, type IncomingMessage, request } from "node:http";
import { text } from "node:stream/consumers";
import { beforeEach, describe, test } from "node:test";
import type { InvocationResult, ResponseSink } from "../../src/core/invocation.ts";
import { MAX_RESPONSE_BYTES } from "../../src/environments/streamed-response.ts";
import { ManualClock } from "../support/manual-clock.ts";
import {
  functionVersion,
  type ScriptedSandbox,
  scriptedFactory,
  serveRuntimeApi,
  settle,
} from "../support/scripted-environments.ts";

const PREFIX = "/2018-06-01/runtime";

/** A caller that takes a stream, and can hold it up. */
class Caller implements ResponseSink {
  contentType: string | undefined;
  pieces: Buffer[] = [];
  hold: PromiseWithResolvers<void> | undefined;

  start(contentType: string): void {
    this.contentType = contentType;
  }

  write(piece: Uint8Array): Promise<void> | undefined {
    this.pieces.push(Buffer.from(piece));
    return this.hold?.promise;
  }

  get received(): string {
    return Buffer.concat(this.pieces).toString();
  }

  async until(received: string): Promise<void> {
    while (this.received !== received) await settle();
  }
}

describe("the Runtime API with responses in pieces", { timeout: 20_000 }, () => {
  let port: number;
  let clock: ManualClock;
  let sandbox: ScriptedSandbox;
  let environment: ReturnType<ReturnType<typeof scriptedFactory>["factory"]["make"]>["environment"];

  beforeEach(async () => {
    clock = new ManualClock();
    const scripted = scriptedFactory(clock);
    environment = scripted.factory.make(functionVersion()).environment;
    void environment.start(10_000, () => assert.fail("no time-out in this test"));
    await settle();
    sandbox = scripted.sandboxes[0] as ScriptedSandbox;
    port = await serveRuntimeApi(sandbox);
  });

  /** Brings an event to the runtime; without a caller's sink it is one of Invoke. */
  async function invoke(
    responseSink?: ResponseSink,
    requestId = "id-1",
  ): Promise<Promise<InvocationResult>[]> {
    const event = once(get({ port, path: `${PREFIX}/invocation/next`, agent: false }), "response");
    while (environment.state !== "idle") await settle();
    const result = new Promise<InvocationResult>((resolve) =>
      environment.invoke(
        {
          requestId,
          version: functionVersion(),
          invokedFunctionArn: "arn:aws:lambda:us-east-1:000000000000:function:hello",
          payload: Buffer.from("{}"),
          clientContext: undefined,
          traceHeader: undefined,
          wantsLogTail: false,
          responseSink,
        },
        resolve,
      ),
    );
    const [response] = (await event) as [IncomingMessage];
    await text(response);
    // In a list: the result is not to be waited for here.
    return [result];
  }

  const respond = (headers: Record<string, string> = {}): ClientRequest =>
    request({
      port,
      method: "POST",
      path: `${PREFIX}/invocation/id-1/response`,
      agent: false,
      headers: {
        "Lambda-Runtime-Function-Response-Mode": "streaming",
        Trailer: "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body",
        "Transfer-Encoding": "chunked",
        ...headers,
      },
    });

  async function answerTo(
    response: ClientRequest,
  ): Promise<{ status: number; body: { errorType?: string } }> {
    const [message] = (await once(response, "response")) as [IncomingMessage];
    return { status: message.statusCode ?? 0, body: JSON.parse(await text(message)) };
  }

  test("each piece goes on at once, with its content type", async () => {
    const caller = new Caller();
    const [result] = await invoke(caller);
    const response = respond({ "Content-Type": "application/vnd.awslambda.http-integration-response" });
    response.write("one");
    await caller.until("one");
    assert.equal(caller.contentType, "application/vnd.awslambda.http-integration-response");
    response.write("two");
    await caller.until("onetwo");
    response.end();
    assert.deepEqual(await answerTo(response), { status: 202, body: { status: "OK" } });
    assert.deepEqual([(await result)?.functionError, (await result)?.payload.byteLength], [undefined, 0]);
    const next = get({ port, path: `${PREFIX}/invocation/next`, agent: false });
    next.on("error", () => undefined);
    while (environment.state !== "idle") await settle();
    next.destroy();
  });

  test("without a content type it is application/octet-stream", async () => {
    const caller = new Caller();
    const [result] = await invoke(caller);
    respond().end("x");
    await result;
    assert.deepEqual([caller.contentType, caller.received], ["application/octet-stream", "x"]);
  });

  test("a caller that does not read holds the runtime up", async () => {
    const caller = new Caller();
    caller.hold = Promise.withResolvers();
    const [result] = await invoke(caller);
    const response = respond();
    const total = 64 << 20;
    let accepted = false;
    response.write(Buffer.alloc(total), () => {
      accepted = true;
    });
    while (caller.pieces.length === 0) await settle();
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.deepEqual([caller.pieces.length, accepted], [1, false]);
    caller.hold.resolve();
    response.end();
    await result;
    assert.equal(
      caller.pieces.reduce((bytes, piece) => bytes + piece.length, 0),
      total,
    );
  });

  test("trailers report an error in the middle", async () => {
    const caller = new Caller();
    const [result] = await invoke(caller);
    const response = respond();
    response.write("part");
    const body = JSON.stringify({ errorMessage: "x".repeat(20_000) });
    response.addTrailers({
      "Lambda-Runtime-Function-Error-Type": "Runtime.Own",
      "Lambda-Runtime-Function-Error-Body": Buffer.from(body).toString("base64"),
    });
    response.end();
    assert.equal((await answerTo(response)).status, 202);
    const { functionError, errorType, payload } = (await result) as InvocationResult;
    assert.deepEqual(
      [functionError, errorType, Buffer.from(payload).toString()],
      ["Unhandled", "Runtime.Own", body],
    );
    assert.equal(caller.received, "part");
  });

  test("a connection that breaks in the middle is Runtime.TruncatedResponse and ends the environment", async () => {
    const caller = new Caller();
    const [result] = await invoke(caller);
    const response = respond();
    response.on("error", () => undefined);
    response.write("part");
    await caller.until("part");
    response.destroy();
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(environment.state, "busy");
    clock.advance(250);
    const { functionError, errorType } = (await result) as InvocationResult;
    assert.deepEqual(
      [functionError, errorType, environment.state],
      ["Unhandled", "Runtime.TruncatedResponse", "ended"],
    );
    assert.ok(sandbox.stopped);
  });

  test("a runtime that dies in the middle is reported as that", async () => {
    const caller = new Caller();
    const [result] = await invoke(caller);
    const response = respond();
    response.on("error", () => undefined);
    response.write("part");
    await caller.until("part");
    response.destroy();
    sandbox.exit({ code: 3 });
    assert.equal((await result)?.errorType, "Runtime.ExitError");
  });

  test("a time-out ends it; what comes later has no effect", async () => {
    const caller = new Caller();
    const [result] = await invoke(caller);
    const response = respond();
    response.write("part");
    await caller.until("part");
    clock.advance(3_000);
    assert.equal((await result)?.errorType, "Sandbox.Timedout");
    response.end("late");
    assert.equal((await answerTo(response)).status, 400);
    assert.equal(caller.received, "part");
  });

  test("Invoke's caller gets it collected, and at most 6 MB of it", async () => {
    const [whole] = await invoke();
    const response = respond();
    response.write("one");
    response.end("two");
    assert.equal(Buffer.from((await whole)?.payload ?? []).toString(), "onetwo");
    await answerTo(response);
    const [large] = await invoke(undefined, "id-1");
    const second = respond();
    second.end(Buffer.alloc(MAX_RESPONSE_BYTES + 1));
    assert.deepEqual(await answerTo(second), {
      status: 413,
      body: {
        errorType: "RequestEntityTooLarge",
        errorMessage: "Exceeded maximum allowed payload size (6291556 bytes).",
      },
    });
    assert.equal((await large)?.errorType, "Function.ResponseSizeTooLarge");
  });

  test("a stream ends at 200 MB", async () => {
    const caller: ResponseSink & { bytes: number } = {
      bytes: 0,
      start: () => undefined,
      write(piece) {
        caller.bytes += piece.byteLength;
        return undefined;
      },
    };
    const [result] = await invoke(caller);
    const response = respond();
    const piece = Buffer.alloc(1 << 20);
    for (let i = 0; i < 200; i++) if (!response.write(piece)) await once(response, "drain");
    response.end("x");
    assert.equal((await answerTo(response)).status, 413);
    assert.equal((await result)?.errorType, "Function.ResponseSizeTooLarge");
    assert.equal(caller.bytes, 200 << 20);
  });

  test("any other mode is refused, and so is a second response", async () => {
    const caller = new Caller();
    const [result] = await invoke(caller);
    for (const mode of ["buffered", "Streaming", ""]) {
      const response = respond({ "Lambda-Runtime-Function-Response-Mode": mode });
      response.end("x");
      const { status, body } = await answerTo(response);
      assert.deepEqual([status, body.errorType], [400, "InvalidFunctionResponseMode"], mode);
    }
    const response = respond();
    response.write("part");
    await caller.until("part");
    for (const path of ["response", "error"]) {
      const second = request({
        port,
        method: "POST",
        path: `${PREFIX}/invocation/id-1/${path}`,
        agent: false,
      });
      second.end("{}");
      assert.equal((await answerTo(second)).status, 403);
    }
    response.end();
    assert.equal((await result)?.functionError, undefined);
  });
});

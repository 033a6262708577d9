import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { connect, type Socket } from "node:net";
import { beforeEach, describe, test } from "node:test";
import type { InvocationResult, ResponseSink } from "../../src/core/invocation.ts";
import { MAX_RESPONSE_BYTES } from "../../src/environments/streamed-response.ts";
import { FROM_RUNTIME, TO_RUNTIME } from "../../src/runtime-api/channel-frames.ts";
import { ManualClock } from "../support/manual-clock.ts";
import {
  functionVersion,
  type ScriptedSandbox,
  scriptedFactory,
  serveRuntimeApi,
  settle,
} from "../support/scripted-environments.ts";

const UPGRADE =
  "GET /lambent/channel HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: lambent-channel\r\n\r\n";
const GREETING_END = "\r\n\r\n";

/** A runtime's end of a channel, byte by byte. */
class RuntimeEnd {
  readonly socket: Socket;
  #received = Buffer.alloc(0);
  readonly closed: Promise<unknown>;

  constructor(port: number, behindUpgrade: Buffer = Buffer.alloc(0)) {
    this.socket = connect(port, "127.0.0.1");
    this.closed = once(this.socket, "close");
    this.socket.on("error", () => undefined);
    this.socket.on("data", (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
    });
    this.socket.write(Buffer.concat([Buffer.from(UPGRADE), behindUpgrade]));
  }

  /** The next frame; the answer to the upgrade stands before the first. */
  async frame(): Promise<{ kind: number; body: Buffer }> {
    const greeting = this.#received.toString("latin1", 0, 200);
    if (greeting.startsWith("HTTP/1.1 101")) {
      this.#received = this.#received.subarray(greeting.indexOf(GREETING_END) + GREETING_END.length);
    }
    const length = this.#received.length < 5 ? Number.POSITIVE_INFINITY : this.#received.readUInt32BE(0);
    if (this.#received.length < 5 + length) {
      await once(this.socket, "data");
      return this.frame();
    }
    const kind = this.#received[4] ?? 0;
    const body = this.#received.subarray(5, 5 + length);
    this.#received = this.#received.subarray(5 + length);
    return { kind, body };
  }

  async refusal(): Promise<{ status: number; errorType: string }> {
    const { kind, body } = await this.frame();
    assert.equal(kind, TO_RUNTIME.refusal);
    return { status: body.readUInt16BE(0), errorType: JSON.parse(body.toString("utf8", 2)).errorType };
  }
}

function frame(kind: number, ...parts: (string | Buffer)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
  const header = Buffer.alloc(5);
  header.writeUInt32BE(body.length, 0);
  header[4] = kind;
  return Buffer.concat([header, body]);
}

const id = (requestId: string): Buffer => Buffer.from([requestId.length, ...Buffer.from(requestId)]);
const name = (text: string): Buffer => Buffer.from([0, text.length, ...Buffer.from(text)]);

class Caller implements ResponseSink {
  readonly pieces: Buffer[] = [];
  contentType = "";
  hold: Promise<void> | undefined;

  start(contentType: string): void {
    this.contentType = contentType;
  }

  write(piece: Uint8Array): Promise<void> | undefined {
    this.pieces.push(Buffer.from(piece));
    return this.hold;
  }

  get bytes(): number {
    return this.pieces.reduce((sum, { length }) => sum + length, 0);
  }
}

describe("the Runtime API in frames", { timeout: 20_000 }, () => {
  let port: number;
  let clock: ManualClock;
  let connections: Socket[];
  let environment: ReturnType<ReturnType<typeof scriptedFactory>["factory"]["make"]>["environment"];

  beforeEach(async () => {
    clock = new ManualClock();
    const scripted = scriptedFactory(clock);
    environment = scripted.factory.make(functionVersion()).environment;
    void environment.start(10_000, () => assert.fail("no time-out in this test"));
    await settle();
    const sandbox = scripted.sandboxes[0] as ScriptedSandbox;
    connections = [];
    sandbox.runtimeApi.on("connection", (socket) => connections.push(socket));
    port = await serveRuntimeApi(sandbox);
  });

  const untilIdle = async (): Promise<void> => {
    while (environment.state !== "idle") await settle();
  };
  const untilBusy = async (): Promise<void> => {
    while (environment.state !== "busy") await settle();
  };

  function invoke(requestId: string, responseSink?: ResponseSink): Promise<InvocationResult> {
    return new Promise((resolve) =>
      environment.invoke(
        {
          requestId,
          version: functionVersion(),
          invokedFunctionArn: "arn:aws:lambda:us-east-1:000000000000:function:hello",
          payload: Buffer.from('{"a":1}'),
          clientContext: undefined,
          traceHeader: undefined,
          wantsLogTail: false,
          responseSink,
        },
        resolve,
      ),
    );
  }

  /** A channel with an event delivered on it. */
  async function busy(requestId: string, sink?: ResponseSink) {
    const runtime = new RuntimeEnd(port);
    await untilIdle();
    const result = invoke(requestId, sink);
    assert.equal((await runtime.frame()).kind, TO_RUNTIME.event);
    return { runtime, result };
  }

  test("the upgrade is the first request for an event, and a response the next one", async () => {
    const { runtime, result } = await busy("id-1");
    runtime.socket.write(frame(FROM_RUNTIME.responseAndNext, id("id-1"), '"one"'));
    assert.equal(Buffer.from((await result).payload).toString(), '"one"');
    await untilIdle();
    const second = invoke("id-2");
    const event = await runtime.frame();
    assert.match(event.body.toString(), /id-2.*\{"a":1\}$/);
    runtime.socket.write(frame(FROM_RUNTIME.errorAndNext, id("id-2"), name("Custom.Type"), "{}"));
    const { functionError, errorType } = await second;
    assert.deepEqual([functionError, errorType], ["Unhandled", "Custom.Type"]);
    await untilIdle();
    runtime.socket.destroy();
  });

  test("an answer by itself is acknowledged, and nothing is asked for by it", async () => {
    const { runtime, result } = await busy("id-1");
    runtime.socket.write(frame(FROM_RUNTIME.error, id("id-1"), name(""), "{}"));
    assert.equal((await runtime.frame()).kind, TO_RUNTIME.accepted);
    assert.equal((await result).functionError, "Unhandled");
    assert.equal(environment.state, "busy");
    runtime.socket.write(frame(FROM_RUNTIME.next));
    await untilIdle();
    runtime.socket.destroy();
  });

  test("what the state machine forbids is refused as over HTTP, and changes nothing", async () => {
    const { runtime, result } = await busy("id-1");
    const refused = async (...parts: Buffer[]) => {
      runtime.socket.write(Buffer.concat(parts));
      return Object.values(await runtime.refusal());
    };
    runtime.socket.write(frame(FROM_RUNTIME.next));
    const again = await runtime.frame();
    assert.equal(again.kind, TO_RUNTIME.event);
    assert.match(again.body.toString(), /id-1/);
    const other = frame(FROM_RUNTIME.responseAndNext, id("other"), "1");
    assert.deepEqual(await refused(other), [400, "InvalidRequestID"]);
    const stream = frame(FROM_RUNTIME.streamBegin, id("other"), name("text/plain"));
    assert.deepEqual(
      await refused(stream, frame(FROM_RUNTIME.streamPiece, "x"), frame(FROM_RUNTIME.streamEnd)),
      [400, "InvalidRequestID"],
    );
    runtime.socket.write(frame(FROM_RUNTIME.response, id("id-1"), "2"));
    assert.equal((await runtime.frame()).kind, TO_RUNTIME.accepted);
    assert.deepEqual(await refused(frame(FROM_RUNTIME.response, id("id-1"), "3")), [
      403,
      "InvalidStateTransition",
    ]);
    assert.equal(Buffer.from((await result).payload).toString(), "2");
    runtime.socket.destroy();
  });

  test("6 MB go through; more is the function's error, and the runtime goes on", async () => {
    const { runtime, result } = await busy("id-1");
    runtime.socket.write(
      frame(FROM_RUNTIME.responseAndNext, id("id-1"), Buffer.alloc(MAX_RESPONSE_BYTES, "x")),
    );
    assert.equal((await result).payload.byteLength, MAX_RESPONSE_BYTES);
    for (const [requestId, excess] of [
      ["id-2", 1],
      ["id-3", 3_000_000],
    ] as const) {
      await untilIdle();
      const tooLarge = invoke(requestId);
      await runtime.frame();
      runtime.socket.write(
        frame(FROM_RUNTIME.responseAndNext, id(requestId), Buffer.alloc(MAX_RESPONSE_BYTES + excess, "x")),
      );
      assert.equal((await tooLarge).errorType, "Function.ResponseSizeTooLarge");
    }
    await untilIdle();
    runtime.socket.destroy();
  });

  test("a caller who does not read holds the runtime up", async () => {
    const caller = new Caller();
    const { runtime, result } = await busy("id-1", caller);
    const { promise, resolve } = Promise.withResolvers<void>();
    caller.hold = promise;
    runtime.socket.write(frame(FROM_RUNTIME.streamBegin, id("id-1"), name("text/plain")));
    const all = Buffer.alloc(32_000_000, "y");
    const written = new Promise((done) => runtime.socket.write(frame(FROM_RUNTIME.streamPiece, all), done));
    while (caller.bytes === 0) await settle();
    const before = caller.bytes;
    assert.ok(before <= 65_536);
    assert.equal(await Promise.race([written.then(() => "written"), settle().then(() => "held")]), "held");
    assert.equal(caller.bytes, before);
    caller.hold = undefined;
    resolve();
    await written;
    runtime.socket.write(frame(FROM_RUNTIME.streamEnd));
    assert.equal((await runtime.frame()).kind, TO_RUNTIME.accepted);
    assert.equal((await result).functionError, undefined);
    assert.deepEqual([caller.bytes, caller.contentType], [all.length, "text/plain"]);
    runtime.socket.destroy();
  });

  test("an error in the middle of a stream, and a connection that breaks there", async () => {
    const first = await busy("id-1", new Caller());
    const begin = frame(FROM_RUNTIME.streamBegin, id("id-1"), name(""));
    first.runtime.socket.write(
      Buffer.concat([begin, frame(FROM_RUNTIME.streamFail, name("Late"), '{"errorType":"Late"}')]),
    );
    assert.equal((await first.runtime.frame()).kind, TO_RUNTIME.accepted);
    assert.equal((await first.result).errorType, "Late");
    first.runtime.socket.write(frame(FROM_RUNTIME.next));
    await untilIdle();
    const caller = new Caller();
    const second = invoke("id-2", caller);
    await first.runtime.frame();
    first.runtime.socket.write(frame(FROM_RUNTIME.streamBegin, id("id-2"), name("")));
    first.runtime.socket.write(frame(FROM_RUNTIME.streamPiece, "part"));
    while (caller.bytes === 0) await settle();
    first.runtime.socket.destroy();
    await first.runtime.closed;
    while (environment.state === "busy") {
      clock.advance(250);
      await settle();
    }
    assert.equal((await second).errorType, "Runtime.TruncatedResponse");
  });

  test("anything but frames ends the connection", async () => {
    const hostile = [
      frame(99),
      frame(FROM_RUNTIME.next, "x"),
      frame(FROM_RUNTIME.streamPiece, "x"),
      frame(FROM_RUNTIME.streamEnd),
      frame(FROM_RUNTIME.responseAndNext, Buffer.from([200]), "short"),
      frame(FROM_RUNTIME.error, id("id-1"), Buffer.from([255, 255])),
      frame(FROM_RUNTIME.streamBegin, id("id-1"), name("text/plain\r\nx: y")),
      Buffer.from("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n"),
    ];
    for (const bytes of hostile) await new RuntimeEnd(port, bytes).closed;
    assert.equal(environment.state, "idle");
  });

  test("a runtime that does not read what it is refused is not read from either", async () => {
    const { runtime } = await busy("id-1");
    runtime.socket.pause();
    const frames = 200_000;
    runtime.socket.write(Buffer.concat(Array.from({ length: frames }, () => frame(FROM_RUNTIME.next))));
    const platformEnd = connections.at(-1);
    let waiting = 0;
    for (let round = 0; round < 10; round++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      waiting = Math.max(waiting, platformEnd?.writableLength ?? 0);
    }
    assert.ok(waiting > 0 && waiting < 1_000_000, `${waiting} bytes wait to be written`);
    runtime.socket.destroy();
  });

  test("a runtime whose connection broke while it waited asks again on another", async () => {
    const gone = new RuntimeEnd(port);
    await untilIdle();
    gone.socket.destroy();
    // What is refused tells that the second one has been taken.
    const runtime = new RuntimeEnd(port, frame(FROM_RUNTIME.response, id("none"), "1"));
    await runtime.refusal();
    const result = invoke("id-1");
    assert.equal((await runtime.frame()).kind, TO_RUNTIME.event);
    runtime.socket.write(frame(FROM_RUNTIME.responseAndNext, id("id-1"), "1"));
    assert.equal(Buffer.from((await result).payload).toString(), "1");
    runtime.socket.destroy();
  });

  test("other upgrades are not taken: HTTP goes on", async () => {
    const call = request({
      port,
      path: "/2018-06-01/ping",
      headers: { Connection: "Upgrade, HTTP2-Settings", Upgrade: "h2c", "HTTP2-Settings": "AAMAAABkAAQ" },
    });
    call.end();
    const [response] = await once(call, "response");
    assert.equal(response.statusCode, 200);
    response.resume();
    call.destroy();
    const runtime = new RuntimeEnd(port);
    await untilIdle();
    void invoke("id-1");
    await untilBusy();
    assert.equal((await runtime.frame()).kind, TO_RUNTIME.event);
    runtime.socket.destroy();
  });
});

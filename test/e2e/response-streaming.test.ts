import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { CloudWatchLogsClient, FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import {
  InvokeCommand,
  InvokeWithResponseStreamCommand,
  type InvokeWithResponseStreamCommandInput,
} from "@aws-sdk/client-lambda";
import { clientConfiguration, deploy, invoke, lambdaClient } from "../support/deploy.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

const STREAMING_FUNCTION = `
import { setTimeout as wait } from "node:timers/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
let calls = 0;
export const handler = awslambda.streamifyResponse(async (event, stream, context) => {
  calls++;
  console.log("streaming", event.kind);
  if (event.kind === "early") throw new TypeError("before the first byte");
  if (event.kind === "calls") { stream.write(String(calls)); stream.end(); return; }
  if (event.kind === "big") {
    const piece = Buffer.alloc(1 << 16, "0123456789abcdef");
    await pipeline(Readable.from((function* () { for (let i = 0; i < event.pieces; i++) yield piece; })()), stream);
    return;
  }
  if (event.kind === "http") {
    const http = awslambda.HttpResponseStream.from(stream, { statusCode: 201, headers: { a: "b" }, cookies: ["c=d"] });
    http.write("body");
    http.end();
    return;
  }
  if (event.kind === "pipeline") {
    await pipeline(Readable.from((async function* () { yield "some"; await wait(50); throw new RangeError("source broke"); })()), stream);
    return;
  }
  stream.setContentType("text/plain");
  stream.write("first ");
  await wait(event.waitMs ?? 300);
  if (event.kind === "late") throw new RangeError("in the middle");
  if (event.kind === "exit") process.exit(7);
  if (event.kind === "uncaught") { setImmediate(() => { throw new Error("out of line"); }); await wait(1000); }
  if (event.kind === "hang") await wait(60_000);
  if (event.kind === "flood") for (let i = 0; i < 20; i++) if (!stream.write(Buffer.alloc(1 << 20))) await new Promise((go) => stream.once("drain", go));
  stream.write({ json: true });
  stream.end(" last");
});
`;

interface Streamed {
  readonly pieces: { readonly bytes: Buffer; readonly atMs: number }[];
  readonly text: string;
  readonly contentType: string | undefined;
  readonly complete: {
    ErrorCode?: string | undefined;
    ErrorDetails?: string | undefined;
    LogResult?: string | undefined;
  };
  readonly completeAtMs: number;
}

type Lambda = ReturnType<typeof lambdaClient>;

async function invokeStream(
  lambda: Lambda,
  FunctionName: string,
  event: unknown = {},
  more: Partial<InvokeWithResponseStreamCommandInput> = {},
): Promise<Streamed> {
  const command = new InvokeWithResponseStreamCommand({
    FunctionName,
    Payload: Buffer.from(JSON.stringify(event)),
    ...more,
  });
  let contentType: string | undefined;
  command.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      contentType = (result.response as { headers: Record<string, string> }).headers[
        "x-amzn-responsestream-content-type"
      ];
      return result;
    },
    { step: "deserialize", priority: "low" },
  );
  const { EventStream, StatusCode } = await lambda.send(command);
  assert.equal(StatusCode, 200);
  const pieces: Streamed["pieces"] = [];
  const completions: Streamed["complete"][] = [];
  for await (const { PayloadChunk, InvokeComplete } of EventStream ?? []) {
    if (PayloadChunk?.Payload) {
      assert.equal(completions.length, 0, "nothing comes after InvokeComplete");
      pieces.push({ bytes: Buffer.from(PayloadChunk.Payload), atMs: performance.now() });
    }
    if (InvokeComplete) completions.push(InvokeComplete);
  }
  assert.equal(completions.length, 1);
  return {
    pieces,
    text: Buffer.concat(pieces.map(({ bytes }) => bytes)).toString(),
    contentType,
    complete: completions[0] ?? {},
    completeAtMs: performance.now(),
  };
}

async function lambdaText(lambda: Lambda, FunctionName: string, event: unknown): Promise<string> {
  const answer = await lambda.send(new InvokeCommand({ FunctionName, Payload: JSON.stringify(event) }));
  assert.equal(answer.FunctionError, undefined);
  return Buffer.from(answer.Payload ?? []).toString();
}

/** Waits for an invocation's end, which its REPORT line tells. */
async function untilReported(endpoint: string, requestId: string): Promise<void> {
  const logs = new CloudWatchLogsClient(clientConfiguration(endpoint));
  for (let found = 0; found === 0; ) {
    const { events = [] } = await logs.send(
      new FilterLogEventsCommand({
        logGroupName: "/aws/lambda/streams",
        filterPattern: `"REPORT RequestId: ${requestId}"`,
      }),
    );
    found = events.length;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  logs.destroy();
}

async function peakMemoryMb(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
}

describe("a function that streams its response", { timeout: 100_000 }, () => {
  let lambent: RunningLambent;
  let lambda: Lambda;
  before(async () => {
    lambent = await startLambent();
    lambda = lambdaClient(lambent.endpoint);
    await deploy(lambda, "streams", { "index.mjs": STREAMING_FUNCTION }, { Timeout: 3, MemorySize: 256 });
  });
  after(async () => {
    lambda?.destroy();
    assert.equal(await lambent?.stop(), 0);
  });

  test("pieces arrive before the end, then comes exactly one InvokeComplete", async () => {
    const { pieces, text, contentType, complete, completeAtMs } = await invokeStream(lambda, "streams");
    assert.equal(text, 'first {"json":true} last');
    assert.equal(pieces[0]?.bytes.toString(), "first ");
    assert.ok(completeAtMs - (pieces[0]?.atMs ?? 0) > 250, "the first piece came early");
    assert.equal(contentType, "text/plain");
    assert.deepEqual(complete, {});
  });

  test("LogType=Tail gives the log in InvokeComplete", async () => {
    const { complete } = await invokeStream(lambda, "streams", { kind: "calls" }, { LogType: "Tail" });
    assert.match(
      Buffer.from(complete.LogResult ?? "", "base64").toString(),
      /^START .*\n.*\tINFO\tstreaming calls\nEND .*\nREPORT /,
    );
  });

  test("180 MB come through whole, and the platform does not hold them", async () => {
    await deploy(lambda, "large", { "index.mjs": STREAMING_FUNCTION }, { Timeout: 60, MemorySize: 256 });
    await invokeStream(lambda, "large", { kind: "big", pieces: 16 });
    const before = await peakMemoryMb(lambent.process.pid);
    const hash = createHash("sha256");
    let bytes = 0;
    const { EventStream } = await lambda.send(
      new InvokeWithResponseStreamCommand({
        FunctionName: "large",
        Payload: JSON.stringify({ kind: "big", pieces: 2880 }),
      }),
    );
    let reads = 0;
    for await (const { PayloadChunk } of EventStream ?? []) {
      hash.update(PayloadChunk?.Payload ?? "");
      bytes += PayloadChunk?.Payload?.length ?? 0;
      // A reader that takes its time: the writer has to wait for it.
      if (++reads % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.equal(bytes, 2880 << 16);
    const expected = createHash("sha256");
    for (let i = 0; i < 2880; i++) expected.update(Buffer.alloc(1 << 16, "0123456789abcdef"));
    assert.equal(hash.digest("hex"), expected.digest("hex"));
    const grownMb = (await peakMemoryMb(lambent.process.pid)) - before;
    assert.ok(grownMb < 100, `180 MB streamed made the platform grow by ${grownMb} MB`);
  });

  test("a prelude stands before the body of an HTTP response", async () => {
    const { text, contentType } = await invokeStream(lambda, "streams", { kind: "http" });
    assert.equal(contentType, "application/vnd.awslambda.http-integration-response");
    const [prelude = "", body] = text.split("\0".repeat(8));
    assert.deepEqual(JSON.parse(prelude), { statusCode: 201, headers: { a: "b" }, cookies: ["c=d"] });
    assert.equal(body, "body");
  });

  test("an error before the first byte is the invocation's error", async () => {
    const { text, complete } = await invokeStream(lambda, "streams", { kind: "early" });
    assert.equal(text, "");
    assert.equal(complete.ErrorCode, "TypeError");
    assert.equal(JSON.parse(complete.ErrorDetails ?? "").errorMessage, "before the first byte");
  });

  test("an error in the middle ends the stream, and the environment goes on", async () => {
    const calls = Number((await invokeStream(lambda, "streams", { kind: "calls" })).text);
    for (const [kind, text, code, message] of [
      ["late", "first ", "RangeError", "in the middle"],
      ["pipeline", "some", "RangeError", "source broke"],
    ] as const) {
      const streamed = await invokeStream(lambda, "streams", { kind });
      assert.equal(streamed.text, text);
      assert.equal(streamed.complete.ErrorCode, code);
      assert.equal(JSON.parse(streamed.complete.ErrorDetails ?? "").errorMessage, message);
    }
    assert.equal(Number((await invokeStream(lambda, "streams", { kind: "calls" })).text), calls + 3);
  });

  test("a crash or a time-out in the middle ends the stream with it", async () => {
    for (const [kind, code, details] of [
      ["exit", "Runtime.ExitError", /Runtime exited with error: exit status 7/],
      ["uncaught", "Error", /out of line/],
      ["hang", "Sandbox.Timedout", /Task timed out after 3\.00 seconds/],
    ] as const) {
      await deploy(
        lambda,
        `ends-by-${kind}`,
        { "index.mjs": STREAMING_FUNCTION },
        { Timeout: 3, MemorySize: 256 },
      );
      const { text, complete } = await invokeStream(lambda, `ends-by-${kind}`, { kind });
      assert.equal(text, "first ", kind);
      assert.equal(complete.ErrorCode, code);
      assert.match(complete.ErrorDetails ?? "", details);
      assert.equal((await invokeStream(lambda, `ends-by-${kind}`, { kind: "calls" })).text, "1");
    }
  });

  test("a caller who leaves does not stop the function, nor spoil its environment", async () => {
    const calls = Number((await invokeStream(lambda, "streams", { kind: "calls" })).text);
    for (const kind of ["flood", "whole"]) {
      const leaving = lambdaClient(lambent.endpoint);
      const { EventStream, $metadata } = await leaving.send(
        new InvokeWithResponseStreamCommand({ FunctionName: "streams", Payload: JSON.stringify({ kind }) }),
      );
      for await (const event of EventStream ?? []) {
        assert.equal(Buffer.from(event.PayloadChunk?.Payload ?? []).toString(), "first ");
        break;
      }
      leaving.destroy();
      await untilReported(lambent.endpoint, $metadata.requestId ?? "");
    }
    const { text, complete } = await invokeStream(lambda, "streams", { kind: "calls" });
    assert.deepEqual([Number(text), complete.ErrorCode], [calls + 3, undefined]);
  });

  test("Invoke collects the stream, up to 6 MB", async () => {
    const text = await lambdaText(lambda, "streams", {});
    assert.equal(text, 'first {"json":true} last');
    const late = await invoke(lambda, "streams", { kind: "late" });
    assert.deepEqual(
      [late.functionError, (late.body as { errorMessage: string }).errorMessage],
      ["Unhandled", "in the middle"],
    );
    const large = await invoke(lambda, "streams", { kind: "big", pieces: 100 });
    assert.equal((large.body as { errorType: string }).errorType, "Function.ResponseSizeTooLarge");
    assert.equal(
      await lambdaText(lambda, "streams", { kind: "big", pieces: 96 }).then((all) => all.length),
      96 << 16,
    );
  });

  test("a function that does not stream answers in one piece", async () => {
    await deploy(lambda, "plain", {
      "index.mjs":
        "export const handler = async (event) => { if (event.fail) throw new SyntaxError('no'); return event; };",
    });
    const { pieces, text, contentType, complete } = await invokeStream(lambda, "plain", { a: 1 });
    assert.deepEqual([pieces.length, text, contentType, complete], [1, '{"a":1}', "application/json", {}]);
    const failed = await invokeStream(lambda, "plain", { fail: true });
    assert.deepEqual([failed.text, failed.complete.ErrorCode], ["", "SyntaxError"]);
  });

  test("a custom runtime streams by a header, here in Python", async () => {
    const bootstrap = `#!/usr/bin/python3 -I
import base64, http.client, json, os, socket, time
host = os.environ["AWS_LAMBDA_RUNTIME_API"]
while True:
    connection = http.client.HTTPConnection(host)
    connection.request("GET", "/2018-06-01/runtime/invocation/next")
    event = connection.getresponse()
    kind = json.loads(event.read())["kind"]
    connection.putrequest("POST", "/2018-06-01/runtime/invocation/%s/response" % event.getheader("Lambda-Runtime-Aws-Request-Id"))
    connection.putheader("Lambda-Runtime-Function-Response-Mode", "streaming")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.putheader("Content-Type", "text/x-custom")
    connection.endheaders()
    connection.send(b"3\\r\\none\\r\\n")
    time.sleep(0.2)
    if kind == "break":
        connection.sock.shutdown(socket.SHUT_RDWR)
        time.sleep(60)
    connection.send(b"3\\r\\ntwo\\r\\n0\\r\\n")
    if kind == "fail":
        connection.send(b"Lambda-Runtime-Function-Error-Type: Custom.Error\\r\\nLambda-Runtime-Function-Error-Body: %s\\r\\n" % base64.b64encode(b'{"errorMessage":"by trailer"}'))
    connection.send(b"\\r\\n")
    connection.getresponse().read()
`;
    await deploy(lambda, "custom", { bootstrap }, { Runtime: "provided.al2023", Handler: "unused" });
    const whole = await invokeStream(lambda, "custom", { kind: "whole" });
    assert.deepEqual(
      [whole.pieces.map(({ bytes }) => bytes.toString()), whole.contentType, whole.complete],
      [["one", "two"], "text/x-custom", {}],
    );
    const failed = await invokeStream(lambda, "custom", { kind: "fail" });
    assert.deepEqual(
      [failed.text, failed.complete],
      ["onetwo", { ErrorCode: "Custom.Error", ErrorDetails: '{"errorMessage":"by trailer"}' }],
    );
    const broken = await invokeStream(lambda, "custom", { kind: "break" });
    assert.deepEqual([broken.text, broken.complete.ErrorCode], ["one", "Runtime.TruncatedResponse"]);
    assert.equal((await invokeStream(lambda, "custom", { kind: "whole" })).text, "onetwo");
  });
});

describe("a function that streams at AWS's pace", { timeout: 60_000 }, () => {
  test("6 MB come at once, the rest at 2 MB a second", async () => {
    const lambent = await startLambent({ environment: { LAMBENT_RESPONSE_STREAM_PACING: "true" } });
    const lambda = lambdaClient(lambent.endpoint);
    try {
      await deploy(lambda, "paced", { "index.mjs": STREAMING_FUNCTION }, { MemorySize: 256 });
      const { pieces, text, completeAtMs } = await invokeStream(lambda, "paced", {
        kind: "big",
        pieces: 128,
      });
      assert.equal(text.length, 128 << 16);
      const tookMs = completeAtMs - (pieces[0]?.atMs ?? 0);
      assert.ok(tookMs > 850, `8 MB took ${tookMs} ms`);
    } finally {
      lambda.destroy();
      await lambent.stop();
    }
  });
});

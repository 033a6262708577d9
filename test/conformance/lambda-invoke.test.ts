import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import {
  InvokeCommand,
  type InvokeCommandInput,
  InvokeWithResponseStreamCommand,
  type InvokeWithResponseStreamCommandInput,
  PublishVersionCommand,
  ResourceNotFoundException,
} from "@aws-sdk/client-lambda";
import { AwsError } from "../../src/core/errors.ts";
import { createActiveFunction, createFunction } from "../support/created-functions.ts";
import { arnOf, type LambdaEndpoint, openLambdaEndpoint } from "../support/lambda-endpoint.ts";

const FunctionName = "f";
let lambda: LambdaEndpoint;

before(async () => {
  lambda = await openLambdaEndpoint();
  await createActiveFunction(lambda, FunctionName);
  await lambda.client.send(new PublishVersionCommand({ FunctionName }));
});
after(() => lambda.close());
beforeEach(() => {
  lambda.invocations.length = 0;
  lambda.answer = ({ payload }) => ({ payload, functionError: undefined, logTail: undefined });
});

const invoke = (more: Partial<InvokeCommandInput> = {}) =>
  lambda.client.send(new InvokeCommand({ FunctionName, ...more }));

describe("Invoke", () => {
  test("hands over the payload and answers with what the function answered", async () => {
    const answer = await invoke({ Payload: '{"a":"ä"}' });
    assert.deepEqual(
      [answer.StatusCode, answer.ExecutedVersion, answer.Payload?.transformToString(), answer.FunctionError],
      [200, "$LATEST", '{"a":"ä"}', undefined],
    );
    const [request] = lambda.invocations;
    assert.equal(request?.requestId, answer.$metadata.requestId);
    assert.deepEqual(
      [request?.invokedFunctionArn, request?.wantsLogTail, request?.clientContext],
      [arnOf("f"), false, undefined],
    );
    assert.match(
      request?.traceHeader ?? "",
      /^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0;Lineage=1:[0-9a-f]{8}:0$/,
    );
  });

  test("runs the version that the qualifier names", async () => {
    for (const more of [{ Qualifier: "1" }, { FunctionName: "f:1" }, { FunctionName: `${arnOf("f")}:1` }]) {
      assert.equal((await invoke(more)).ExecutedVersion, "1");
      assert.equal(lambda.invocations.at(-1)?.version.version, "1");
      assert.equal(lambda.invocations.at(-1)?.invokedFunctionArn, `${arnOf("f")}:1`);
    }
  });

  test("passes an empty payload as an empty object", async () => {
    await invoke();
    await invoke({ Payload: "" });
    assert.deepEqual(
      lambda.invocations.map(({ payload }) => Buffer.from(payload).toString()),
      ["{}", "{}"],
    );
  });

  test("passes trace header, client context and the wish for a log tail", async () => {
    lambda.answer = ({ payload }) => ({ payload, functionError: undefined, logTail: "END\tä\n" });
    const context = { custom: { a: "b" } };
    const command = new InvokeCommand({
      FunctionName,
      LogType: "Tail",
      ClientContext: Buffer.from(JSON.stringify(context)).toString("base64"),
    });
    command.middlewareStack.add(
      (next) => (args) => {
        (args.request as { headers: Record<string, string> }).headers["x-amzn-trace-id"] =
          "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
        return next(args);
      },
      { step: "build" },
    );
    const answer = await lambda.client.send(command);
    assert.equal(Buffer.from(answer.LogResult ?? "", "base64").toString(), "END\tä\n");
    const [request] = lambda.invocations;
    assert.deepEqual(
      [request?.wantsLogTail, request?.clientContext, request?.traceHeader?.replace(/;Lineage=.*$/, "")],
      [
        true,
        JSON.stringify(context),
        "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
      ],
    );
  });

  test("tells a function's error beside its payload, with status 200", async () => {
    lambda.answer = () => ({
      payload: Buffer.from('{"errorType":"E"}'),
      functionError: "Unhandled",
      logTail: undefined,
    });
    const answer = await invoke();
    assert.deepEqual([answer.StatusCode, answer.FunctionError], [200, "Unhandled"]);
    assert.equal(answer.Payload?.transformToString(), '{"errorType":"E"}');
  });

  test("as a dry run answers 204 and runs nothing", async () => {
    const answer = await invoke({ InvocationType: "DryRun", Payload: "{}" });
    assert.deepEqual([answer.StatusCode, lambda.invocations.length], [204, 0]);
    await assert.rejects(
      invoke({ InvocationType: "DryRun", FunctionName: "absent" }),
      ResourceNotFoundException,
    );
  });

  test("refuses a payload that is no JSON, or is too large", async () => {
    await assert.rejects(invoke({ Payload: "hello" }), {
      name: "InvalidRequestContentException",
      message:
        /^Could not parse request body into json: Could not parse payload into json: Unrecognized token 'hello'/,
    });
    await assert.rejects(invoke({ Payload: Buffer.from([0x22, 0xff, 0x22]) }), {
      name: "InvalidRequestContentException",
    });
    const large = (bytes: number) => `"${"x".repeat(bytes - 2)}"`;
    assert.equal((await invoke({ Payload: large(6_291_456) })).StatusCode, 200);
    await assert.rejects(invoke({ Payload: large(6_291_457) }), (error: Error & { $metadata?: unknown }) => {
      assert.equal(error.name, "RequestEntityTooLargeException");
      assert.equal(
        error.message,
        "6291457 byte payload is too large for the RequestResponse invocation type (limit 6291456 bytes)",
      );
      assert.equal((error.$metadata as { httpStatusCode: number }).httpStatusCode, 413);
      return true;
    });
    await assert.rejects(invoke({ ClientContext: "!!" }), { name: "InvalidRequestContentException" });
  });

  test("refuses what is not there, not ready or not supported", async () => {
    await assert.rejects(invoke({ FunctionName: "absent" }), {
      name: "ResourceNotFoundException",
      message: `Function not found: ${arnOf("absent")}:$LATEST`,
    });
    const release = lambda.hold();
    await createFunction(lambda, "pending");
    await assert.rejects(invoke({ FunctionName: "pending" }), {
      name: "ResourceConflictException",
      message:
        "The operation cannot be performed at this time. The function is currently in the following state: Pending",
    });
    release();
    await assert.rejects(invoke({ TenantId: "t" }), /TenantId is not supported/);
  });
});

const invokeStream = async (more: Partial<InvokeWithResponseStreamCommandInput> = {}) => {
  const answer = await lambda.client.send(new InvokeWithResponseStreamCommand({ FunctionName, ...more }));
  return { ...answer, events: await Array.fromAsync(answer.EventStream ?? []) };
};

describe("InvokeWithResponseStream", () => {
  beforeEach(() => {
    lambda.stream = (request) => lambda.answer(request);
  });

  test("tells the version, hands over what Invoke would, and ends with one InvokeComplete", async () => {
    lambda.answer = ({ payload }) => ({ payload, functionError: undefined, logTail: "END\n" });
    const { StatusCode, ExecutedVersion, ResponseStreamContentType, events } = await invokeStream({
      Payload: '{"a":1}',
      Qualifier: "1",
      LogType: "Tail",
      ClientContext: Buffer.from('{"custom":{}}').toString("base64"),
    });
    assert.deepEqual(
      [StatusCode, ExecutedVersion, ResponseStreamContentType],
      [200, "1", "application/vnd.amazon.eventstream"],
    );
    assert.deepEqual(
      events.map(({ PayloadChunk, InvokeComplete }) =>
        PayloadChunk ? Buffer.from(PayloadChunk.Payload ?? []).toString() : InvokeComplete?.LogResult,
      ),
      ['{"a":1}', Buffer.from("END\n").toString("base64")],
    );
    const [request] = lambda.invocations;
    assert.deepEqual(
      [request?.version.version, request?.wantsLogTail, request?.clientContext],
      ["1", true, '{"custom":{}}'],
    );
  });

  test("pieces stay pieces, a failure says what and why", async () => {
    lambda.stream = async (_request, sink) => {
      sink.start("text/plain");
      await sink.write(Buffer.from("one"));
      await sink.write(Buffer.alloc(0));
      await sink.write(Buffer.from("two"));
      const payload = Buffer.from('{"errorType":"E","errorMessage":"m"}');
      return { payload, functionError: "Unhandled", logTail: undefined };
    };
    const { events } = await invokeStream();
    assert.deepEqual(
      events.slice(0, 2).map((event) => Buffer.from(event.PayloadChunk?.Payload ?? []).toString()),
      ["one", "two"],
    );
    assert.deepEqual(events.slice(2), [
      {
        InvokeComplete: { ErrorCode: "E", ErrorDetails: '{"errorType":"E","errorMessage":"m"}' },
      },
    ]);
  });

  test("refuses what Invoke refuses, as an HTTP error before the stream", async () => {
    await assert.rejects(invokeStream({ FunctionName: "absent" }), ResourceNotFoundException);
    await assert.rejects(invokeStream({ Payload: "hello" }), { name: "InvalidRequestContentException" });
    await assert.rejects(invokeStream({ TenantId: "t" }), /TenantId is not supported/);
    await assert.rejects(invokeStream({ InvocationType: "Event" as "DryRun" }), {
      name: "ValidationException",
    });
    await assert.rejects(invokeStream({ Payload: `"${"x".repeat(6_291_455)}"` }), {
      name: "RequestEntityTooLargeException",
    });
    lambda.stream = () => {
      throw new AwsError("TooManyRequestsException", "Rate Exceeded.", 429, {
        Reason: "CallerRateLimitExceeded",
      });
    };
    await assert.rejects(invokeStream(), { name: "TooManyRequestsException" });
  });

  test("as a dry run answers 204 and runs nothing", async () => {
    const { StatusCode, events } = await invokeStream({ InvocationType: "DryRun" });
    assert.deepEqual([StatusCode, events.length, lambda.invocations.length], [204, 0, 0]);
  });
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  CreateAliasCommand,
  DeleteFunctionCommand,
  DeleteFunctionEventInvokeConfigCommand,
  InvokeAsyncCommand,
  InvokeCommand,
  PublishVersionCommand,
  PutFunctionRecursionConfigCommand,
} from "@aws-sdk/client-lambda";
import { AwsError } from "../../src/core/errors.ts";
import {
  configure,
  counted,
  create,
  FunctionName,
  failure,
  lambda,
  MINUTE_MS,
  pass,
  QUEUE,
  quiet,
  record,
  send,
  useAsyncEndpoint,
} from "../support/async-endpoint.ts";
import { arnOf } from "../support/lambda-endpoint.ts";

useAsyncEndpoint();

describe("InvocationType Event", () => {
  test("answers 202 with nothing in it, and runs the function with the same request id", async () => {
    const answer = await send({ Payload: '{"n":12345678901234567890}' });
    assert.equal(answer.StatusCode, 202);
    assert.equal(answer.Payload?.byteLength ?? 0, 0);
    assert.deepEqual([answer.FunctionError, answer.ExecutedVersion], [undefined, undefined]);
    await quiet();
    const [request, ...others] = lambda.invocations;
    assert.equal(others.length, 0);
    assert.equal(request?.requestId, answer.$metadata.requestId);
    assert.equal(Buffer.from(request?.payload ?? []).toString(), '{"n":12345678901234567890}');
    assert.equal(request?.invokedFunctionArn, arnOf("f"));
    assert.match(request?.traceHeader ?? "", /^Root=1-.*;Sampled=0;Lineage=1:[0-9a-f]{8}:0$/);
    assert.equal(counted("AsyncEventsReceived"), 1);
    assert.deepEqual(lambda.events.counted.get("AsyncEventAge"), [0]);
    assert.deepEqual(await lambda.events.queue.queues("async-events/"), []);
  });

  test("no payload is an empty object; InvokeAsync does the same", async () => {
    await lambda.client.send(new InvokeCommand({ FunctionName, InvocationType: "Event" }));
    const answer = await lambda.client.send(
      new InvokeAsyncCommand({ FunctionName, InvokeArgs: '{"old":true}' }),
    );
    assert.equal(answer.Status, 202);
    await quiet();
    assert.deepEqual(
      lambda.invocations.map(({ payload }) => Buffer.from(payload).toString()),
      ["{}", '{"old":true}'],
    );
  });

  test("refuses what is too large, no JSON, or for nobody; nothing is queued", async () => {
    await assert.rejects(send({ Payload: JSON.stringify("x".repeat(1_048_575)) }), {
      name: "RequestEntityTooLargeException",
      message: "1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)",
    });
    const old = lambda.client.send(
      new InvokeAsyncCommand({ FunctionName, InvokeArgs: JSON.stringify("x".repeat(262_143)) }),
    );
    await assert.rejects(old, { name: "RequestEntityTooLargeException", message: /limit 262144 bytes/ });
    await assert.rejects(send({ Payload: "{" }), { name: "InvalidRequestContentException" });
    await assert.rejects(send({ FunctionName: "nobody" }), {
      name: "ResourceNotFoundException",
      message: `Function not found: ${arnOf("nobody")}:$LATEST`,
    });
    await assert.rejects(send({ Qualifier: "9" }), { name: "ResourceNotFoundException" });
    await assert.rejects(send({ TenantId: "t" }), /TenantId is not supported/);
    await quiet();
    assert.equal(lambda.invocations.length, 0);
    assert.equal(counted("AsyncEventsReceived"), 0);
  });

  test("takes the largest event there can be", async () => {
    await send({ Payload: JSON.stringify("x".repeat(1_048_574)) });
    await quiet();
    assert.equal(lambda.invocations[0]?.payload.byteLength, 1_048_576);
  });

  test("an event that cannot be stored is not acknowledged", async () => {
    lambda.events.queue.failNext = new AwsError("ServiceException", "no disk", 500);
    await assert.rejects(send(), { name: "ServiceException" });
    await quiet();
    assert.equal(lambda.invocations.length, 0);
  });

  test("an alias is resolved when the event runs", async () => {
    await lambda.client.send(new PublishVersionCommand({ FunctionName, Description: "one" }));
    await lambda.client.send(new CreateAliasCommand({ FunctionName, Name: "live", FunctionVersion: "1" }));
    await send({ Qualifier: "live" });
    await quiet();
    assert.equal(lambda.invocations[0]?.version.version, "1");
    assert.equal(lambda.invocations[0]?.invokedFunctionArn, `${arnOf("f")}:live`);
  });
});

describe("retries", () => {
  test("of function errors come after one and two minutes, with the same request id; then the event is dropped", async () => {
    lambda.answer = () => failure("bad");
    const { $metadata } = await send();
    await quiet();
    assert.equal(lambda.invocations.length, 1);
    await pass(MINUTE_MS - 1);
    assert.equal(lambda.invocations.length, 1);
    await pass(1);
    assert.equal(lambda.invocations.length, 2);
    await pass(2 * MINUTE_MS - 1);
    assert.equal(lambda.invocations.length, 2);
    await pass(1);
    assert.deepEqual(
      lambda.invocations.map(({ requestId }) => requestId),
      Array.from({ length: 3 }, () => $metadata.requestId),
    );
    // The chain is no longer for it: these are attempts at one invocation.
    assert.equal(new Set(lambda.invocations.map(({ traceHeader }) => traceHeader)).size, 1);
    assert.equal(counted("AsyncEventsDropped"), 1);
    await pass(10 * MINUTE_MS);
    assert.equal(lambda.invocations.length, 3);
    assert.deepEqual(await lambda.events.queue.queues("async-events/"), []);
  });

  test("as many as MaximumRetryAttempts says", async () => {
    await configure({ MaximumRetryAttempts: 1 });
    lambda.answer = () => failure("bad");
    await send();
    await pass(20 * MINUTE_MS);
    await pass(20 * MINUTE_MS);
    assert.equal(lambda.invocations.length, 2);
    await lambda.client.send(new DeleteFunctionEventInvokeConfigCommand({ FunctionName }));
  });

  test("of throttles back off from a second to five minutes, for six hours", async () => {
    await configure({ DestinationConfig: { OnFailure: { Destination: QUEUE } } });
    const atMs: number[] = [];
    const startMs = lambda.clock.monotonicMs();
    lambda.answer = () => {
      atMs.push(lambda.clock.monotonicMs() - startMs);
      throw new AwsError("TooManyRequestsException", "Rate Exceeded.", 429);
    };
    await send();
    await quiet();
    for (let minute = 0; minute < 12; minute++) for (let s = 0; s < 60; s++) await pass(1000);
    const waitsMs = atMs.map((ms, index) => ms - (atMs[index - 1] ?? 0)).slice(1);
    assert.deepEqual(waitsMs.slice(0, 4), [1000, 2000, 4000, 8000]);
    for (let hour = 0; hour < 6 * 60; hour++) await pass(MINUTE_MS);
    const { requestContext, ...rest } = record();
    assert.deepEqual(requestContext, {
      requestId: lambda.invocations[0]?.requestId,
      functionArn: `${arnOf("f")}:$LATEST`,
      condition: "EventAgeExceeded",
      approximateInvokeCount: 0,
    });
    assert.deepEqual([rest.responseContext, rest.responsePayload], [undefined, undefined]);
    const count = lambda.invocations.length;
    assert.ok(count > 60 && count < 90, `${count} attempts`);
    await lambda.client.send(new DeleteFunctionEventInvokeConfigCommand({ FunctionName }));
  });

  test("throttles take none of the function's own retries", async () => {
    const answers = ["throttle", "bad", "throttle", "bad", "bad"];
    lambda.answer = () => {
      if (answers.shift() === "throttle")
        throw new AwsError("TooManyRequestsException", "Rate Exceeded.", 429);
      return failure("bad");
    };
    await send();
    await quiet();
    for (let minute = 0; minute < 12; minute++) for (let s = 0; s < 6; s++) await pass(10_000);
    assert.equal(lambda.invocations.length, 5);
  });

  test("an event that gets too old before its next attempt is not kept for it", async () => {
    await configure({
      MaximumEventAgeInSeconds: 60,
      DestinationConfig: { OnFailure: { Destination: QUEUE } },
    });
    lambda.answer = () => failure("bad");
    await send();
    await quiet();
    await pass(MINUTE_MS);
    await pass(30 * MINUTE_MS);
    const { requestContext } = record();
    const { condition, approximateInvokeCount } = requestContext as Record<string, unknown>;
    // One minute after the first attempt it is exactly as old as it may be.
    assert.deepEqual([condition, approximateInvokeCount], ["EventAgeExceeded", 2]);
    await lambda.client.send(new DeleteFunctionEventInvokeConfigCommand({ FunctionName }));
  });

  test("a store that fails for a moment does not run the event again", async () => {
    lambda.answer = ({ payload }) => {
      lambda.events.queue.failNext = new Error("no disk");
      return { payload, functionError: undefined, logTail: undefined, durationMs: 1 };
    };
    await send();
    await quiet();
    await pass(1000);
    assert.deepEqual(await lambda.events.queue.queues("async-events/"), []);
    assert.equal(lambda.invocations.length, 1);
  });
});

describe("recursive loops", () => {
  const invokeAs = async (
    traceHeader: string,
    InvocationType: "Event" | "RequestResponse",
  ): Promise<void> => {
    const command = new InvokeCommand({ FunctionName, InvocationType });
    command.middlewareStack.add(
      (next) => (args) => {
        (args.request as { headers: Record<string, string> }).headers["x-amzn-trace-id"] = traceHeader;
        return next(args);
      },
      { step: "build" },
    );
    await lambda.client.send(command);
    await quiet();
  };

  test("end after 16 invocations, events and calls alike, unless the function allows them", async () => {
    await send();
    await quiet();
    for (let invocation = 2; invocation <= 16; invocation++)
      await invokeAs(
        lambda.invocations.at(-1)?.traceHeader ?? "",
        invocation % 2 === 0 ? "Event" : "RequestResponse",
      );
    assert.equal(lambda.invocations.length, 16);
    const last = lambda.invocations.at(-1)?.traceHeader ?? "";
    await configure({ DestinationConfig: { OnFailure: { Destination: QUEUE } } });
    await invokeAs(last, "Event");
    assert.equal(lambda.invocations.length, 16);
    assert.equal(lambda.events.delivered.length, 1);
    await assert.rejects(invokeAs(last, "RequestResponse"), { name: "RecursiveInvocationException" });
    assert.equal(counted("RecursiveInvocationsDropped"), 2);
    await lambda.client.send(new PutFunctionRecursionConfigCommand({ FunctionName, RecursiveLoop: "Allow" }));
    await invokeAs(last, "Event");
    await invokeAs(last, "RequestResponse");
    assert.equal(lambda.invocations.length, 18);
    await lambda.client.send(new DeleteFunctionEventInvokeConfigCommand({ FunctionName }));
  });
});

describe("a function that is deleted", () => {
  test("takes its events with it; one of the same name gets none of them", async () => {
    await create("gone");
    lambda.answer = () => failure("bad");
    await send({ FunctionName: "gone" });
    await quiet();
    await lambda.client.send(new DeleteFunctionCommand({ FunctionName: "gone" }));
    await create("gone");
    await pass(MINUTE_MS);
    assert.equal(lambda.invocations.length, 1);
    assert.deepEqual(await lambda.events.queue.queues("async-events/"), []);
    assert.equal(counted("AsyncEventsDropped"), 1);
  });
});

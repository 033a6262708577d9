import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import {
  CreateAliasCommand,
  CreateFunctionCommand,
  DeleteFunctionCommand,
  DeleteFunctionConcurrencyCommand,
  DeleteFunctionEventInvokeConfigCommand,
  GetFunctionConfigurationCommand,
  InvokeAsyncCommand,
  InvokeCommand,
  type InvokeCommandInput,
  PublishVersionCommand,
  PutFunctionConcurrencyCommand,
  PutFunctionEventInvokeConfigCommand,
  PutFunctionRecursionConfigCommand,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionActiveV2,
} from "@aws-sdk/client-lambda";
import { AwsError } from "../../src/core/errors.ts";
import { DeliveryRefused, type QueueDelivery } from "../../src/ports/event-targets.ts";
import {
  ACCOUNT,
  arnOf,
  type LambdaEndpoint,
  openLambdaEndpoint,
  REGION,
  ROLE_ARN,
} from "../support/lambda-endpoint.ts";
import { zipOf } from "../support/zip.ts";

const FunctionName = "f";
const QUEUE = `arn:aws:sqs:${REGION}:${ACCOUNT}:outcomes`;
const DEAD_LETTERS = `arn:aws:sqs:${REGION}:${ACCOUNT}:dead-letters`;
const TOPIC = `arn:aws:sns:${REGION}:${ACCOUNT}:outcomes`;
const BUS = `arn:aws:events:${REGION}:${ACCOUNT}:event-bus/outcomes`;
const MINUTE_MS = 60_000;
let lambda: LambdaEndpoint;

const create = async (name: string): Promise<void> => {
  await lambda.client.send(
    new CreateFunctionCommand({
      FunctionName: name,
      Runtime: "nodejs24.x",
      Handler: "index.handler",
      Role: ROLE_ARN,
      Code: { ZipFile: await zipOf({ "index.js": "" }) },
    }),
  );
  const limits = { client: lambda.client, maxWaitTime: 10, minDelay: 1, maxDelay: 1 };
  await waitUntilFunctionActiveV2(limits, { FunctionName: name });
};

const send = (more: Partial<InvokeCommandInput> = {}) =>
  lambda.client.send(
    new InvokeCommand({ FunctionName, InvocationType: "Event", Payload: '{"n":1}', ...more }),
  );

const failure = (errorMessage: string) => ({
  payload: Buffer.from(JSON.stringify({ errorMessage, errorType: "Error" })),
  functionError: "Unhandled" as const,
  errorType: "Error",
  durationMs: 1,
  logTail: undefined,
});

/** Everything that can happen without time passing has happened. */
async function quiet(): Promise<void> {
  for (let turns = 0; turns < 50; turns++) await turn();
}

async function pass(durationMs: number): Promise<void> {
  lambda.clock.advance(durationMs);
  await quiet();
}

const record = (): Record<string, unknown> => {
  const [first] = lambda.events.delivered;
  return JSON.parse((first?.delivery as QueueDelivery).body) as Record<string, unknown>;
};

const configure = (more: object) =>
  lambda.client.send(new PutFunctionEventInvokeConfigCommand({ FunctionName, ...more }));

const counted = (name: Parameters<typeof lambda.events.counted.get>[0]): number =>
  (lambda.events.counted.get(name) ?? []).length;

before(async () => {
  lambda = await openLambdaEndpoint();
  await create(FunctionName);
});
after(() => lambda.close());
beforeEach(async () => {
  await quiet();
  lambda.invocations.length = 0;
  lambda.events.delivered.length = 0;
  lambda.events.counted.clear();
  lambda.events.answer = () => undefined;
  lambda.answer = ({ payload }) => ({ payload, functionError: undefined, logTail: undefined, durationMs: 1 });
});

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

describe("destinations", () => {
  after(() => lambda.client.send(new DeleteFunctionEventInvokeConfigCommand({ FunctionName })));

  test("a success is recorded as AWS does", async () => {
    await configure({ DestinationConfig: { OnSuccess: { Destination: QUEUE } } });
    lambda.answer = () => ({
      payload: Buffer.from('{"big":12345678901234567890}'),
      functionError: undefined,
      logTail: undefined,
    });
    const { $metadata } = await send();
    await quiet();
    const [{ delivery, sender, to, arn } = assert.fail("nothing was delivered")] = lambda.events.delivered;
    assert.deepEqual([to, arn], ["toQueue", QUEUE]);
    assert.equal(
      (delivery as QueueDelivery).body,
      `{"version":"1.0","timestamp":"${new Date(lambda.clock.nowMs()).toISOString()}",` +
        `"requestContext":{"requestId":"${$metadata.requestId}","functionArn":"${arnOf("f")}:$LATEST",` +
        `"condition":"Success","approximateInvokeCount":1},"requestPayload":{"n":1},` +
        `"responseContext":{"statusCode":200,"executedVersion":"$LATEST"},"responsePayload":{"big":12345678901234567890}}`,
    );
    assert.match((delivery as QueueDelivery).traceHeader ?? "", /Lineage=1:/);
    assert.deepEqual(sender, {
      servicePrincipal: "lambda.amazonaws.com",
      sourceArn: arnOf("f"),
      sourceAccount: ACCOUNT,
      roleArn: ROLE_ARN,
    });
  });

  test("a failure is recorded with the last answer, in every kind of target", async () => {
    lambda.answer = () => failure("bad");
    const other = arnOf("other");
    for (const [Destination, to] of [
      [QUEUE, "toQueue"],
      [TOPIC, "toTopic"],
      [other, "toFunction"],
      [BUS, "toBus"],
      ["arn:aws:s3:::outcomes", "toBucket"],
    ] as const) {
      lambda.events.delivered.length = 0;
      await configure({ MaximumRetryAttempts: 0, DestinationConfig: { OnFailure: { Destination } } });
      await send();
      await quiet();
      const [{ delivery, ...where } = assert.fail(`nothing for ${to}`)] = lambda.events.delivered;
      assert.deepEqual([where.to, where.arn], [to, Destination]);
      const { body, message, payload, detail, key, ...more } = delivery as Record<string, string>;
      const text = Buffer.from(body ?? message ?? payload ?? detail ?? "").toString();
      const { requestContext, responseContext, responsePayload } = JSON.parse(text) as Record<string, object>;
      assert.deepEqual(
        [responseContext, responsePayload],
        [
          { statusCode: 200, executedVersion: "$LATEST", functionError: "Unhandled" },
          { errorMessage: "bad", errorType: "Error" },
        ],
      );
      assert.partialDeepStrictEqual(requestContext, {
        condition: "RetriesExhausted",
        approximateInvokeCount: 1,
      });
      if (to === "toBus")
        assert.deepEqual(more, {
          source: "lambda",
          detailType: "Lambda Function Invocation Result - Failure",
          resources: [BUS, `${arnOf("f")}:$LATEST`],
          timeMs: lambda.clock.nowMs(),
        });
      if (to === "toBucket")
        assert.match(
          key ?? "",
          /^aws\/lambda\/async\/f\/2023\/11\/\d\d\/2023-11-\d\dT\d\d\.\d\d\.\d\d-[0-9a-f-]{36}$/,
        );
    }
  });

  test("a target that refuses is counted; one that cannot now is tried again", async () => {
    await configure({ DestinationConfig: { OnSuccess: { Destination: QUEUE } } });
    lambda.events.answer = () => {
      throw new DeliveryRefused("AWS.SimpleQueueService.NonExistentQueue", "no queue");
    };
    await send();
    await quiet();
    assert.equal(counted("DestinationDeliveryFailures"), 1);
    let failures = 2;
    lambda.events.answer = () => {
      if (failures-- > 0) throw new Error("busy");
    };
    await send();
    await quiet();
    await pass(1_000);
    await pass(5_000);
    assert.equal(lambda.events.delivered.length, 1);
    assert.equal(lambda.invocations.length, 2);
    assert.equal(counted("DestinationDeliveryFailures"), 1);
  });
});

describe("DeadLetterConfig", () => {
  test("is kept, changed and taken away; it must be a standard queue or topic", async () => {
    const update = (TargetArn: string) =>
      lambda.client.send(
        new UpdateFunctionConfigurationCommand({ FunctionName, DeadLetterConfig: { TargetArn } }),
      );
    assert.deepEqual((await update(TOPIC)).DeadLetterConfig, { TargetArn: TOPIC });
    await lambda.functions.idle();
    for (const wrong of ["arn:aws:s3:::bucket", `${QUEUE}.fifo`, arnOf("f")])
      await assert.rejects(update(wrong), { name: "InvalidParameterValueException" });
    await update("");
    await lambda.functions.idle();
    const read = await lambda.client.send(new GetFunctionConfigurationCommand({ FunctionName }));
    assert.equal(Object.hasOwn(read, "DeadLetterConfig"), false);
  });

  test("gets the event itself with AWS's attributes, beside the destination", async () => {
    await lambda.client.send(
      new UpdateFunctionConfigurationCommand({ FunctionName, DeadLetterConfig: { TargetArn: DEAD_LETTERS } }),
    );
    await lambda.functions.idle();
    await configure({ MaximumRetryAttempts: 0, DestinationConfig: { OnFailure: { Destination: QUEUE } } });
    lambda.answer = () => failure("é".repeat(1000));
    const { $metadata } = await send({ Payload: '{ "as": "it came" }' });
    await quiet();
    assert.deepEqual(lambda.events.delivered.map(({ arn }) => arn).toSorted(), [DEAD_LETTERS, QUEUE]);
    const letter = lambda.events.delivered.find(({ arn }) => arn === DEAD_LETTERS)?.delivery as QueueDelivery;
    assert.equal(letter.body, '{ "as": "it came" }');
    assert.deepEqual(letter.attributes, {
      RequestID: { type: "String", stringValue: $metadata.requestId },
      ErrorCode: { type: "Number", stringValue: "200" },
      ErrorMessage: { type: "String", stringValue: "é".repeat(512) },
    });
    lambda.events.answer = () => {
      throw new DeliveryRefused("AccessDeniedException", "no");
    };
    await send();
    await quiet();
    assert.equal(counted("DeadLetterErrors"), 1);
  });

  test("and the destination get events at once where nothing may run", async () => {
    await lambda.client.send(
      new PutFunctionConcurrencyCommand({ FunctionName, ReservedConcurrentExecutions: 0 }),
    );
    await send();
    await quiet();
    assert.equal(lambda.invocations.length, 0);
    const destination = lambda.events.delivered.find(({ arn }) => arn === QUEUE)?.delivery as QueueDelivery;
    const { requestContext, responseContext } = JSON.parse(destination.body) as Record<string, object>;
    assert.partialDeepStrictEqual(requestContext, {
      condition: "ZeroReservedConcurrency",
      approximateInvokeCount: 0,
    });
    assert.equal(responseContext, undefined);
    assert.equal(lambda.events.delivered.length, 2);
    await lambda.client.send(new DeleteFunctionConcurrencyCommand({ FunctionName }));
    await lambda.client.send(new DeleteFunctionEventInvokeConfigCommand({ FunctionName }));
    await lambda.client.send(
      new UpdateFunctionConfigurationCommand({ FunctionName, DeadLetterConfig: { TargetArn: "" } }),
    );
    await lambda.functions.idle();
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

import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import {
  DeleteFunctionConcurrencyCommand,
  DeleteFunctionEventInvokeConfigCommand,
  GetFunctionConfigurationCommand,
  PutFunctionConcurrencyCommand,
  UpdateFunctionConfigurationCommand,
} from "@aws-sdk/client-lambda";
import { DeliveryRefused, type QueueDelivery } from "../../src/ports/event-targets.ts";
import {
  BUS,
  configure,
  counted,
  DEAD_LETTERS,
  FunctionName,
  failure,
  lambda,
  pass,
  QUEUE,
  quiet,
  send,
  TOPIC,
  useAsyncEndpoint,
} from "../support/async-endpoint.ts";
import { ACCOUNT, arnOf, ROLE_ARN } from "../support/lambda-endpoint.ts";

useAsyncEndpoint();

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

  test("a target that takes its time holds no other event up", async () => {
    await configure({ DestinationConfig: { OnSuccess: { Destination: QUEUE } } });
    lambda.events.answer = () => {
      throw new Error("busy");
    };
    for (let n = 0; n < 40; n++) await send();
    await quiet();
    assert.equal(lambda.invocations.length, 40);
    assert.equal(lambda.events.delivered.length, 0);
    lambda.events.answer = () => undefined;
    await pass(1_000);
    assert.equal(lambda.events.delivered.length, 40);
    assert.deepEqual(await lambda.events.queue.queues("async-events/"), []);
  });

  test("FIFO queues are none, and buckets take failures only", async () => {
    for (const destinations of [
      { OnSuccess: { Destination: "arn:aws:s3:::outcomes" } },
      { OnFailure: { Destination: `${QUEUE}.fifo` } },
    ])
      await assert.rejects(configure({ DestinationConfig: destinations }), {
        name: "InvalidParameterValueException",
      });
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

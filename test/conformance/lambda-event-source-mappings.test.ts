import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import {
  CreateAliasCommand,
  CreateEventSourceMappingCommand,
  type CreateEventSourceMappingCommandInput,
  DeleteEventSourceMappingCommand,
  DeleteFunctionCommand,
  GetEventSourceMappingCommand,
  ListEventSourceMappingsCommand,
  ListTagsCommand,
  PublishVersionCommand,
  ResourceConflictException,
  ResourceInUseException,
  ResourceNotFoundException,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateEventSourceMappingCommand,
  type UpdateEventSourceMappingCommandInput,
} from "@aws-sdk/client-lambda";
import { createActiveFunction } from "../support/created-functions.ts";
import { ACCESS, BROKER, CLUSTER, DATABASE, STREAM, TABLE } from "../support/event-sources.ts";
import { arnOf, type LambdaEndpoint, openLambdaEndpoint } from "../support/lambda-endpoint.ts";
import { quiet } from "../support/scripted-mapping.ts";

const QUEUE = "arn:aws:sqs:eu-west-1:000000000000:orders";
const FIFO = "arn:aws:sqs:eu-west-1:000000000000:orders.fifo";
const FunctionName = "f";

let lambda: LambdaEndpoint;
beforeEach(async () => {
  lambda = await openLambdaEndpoint();
  lambda.queues.add(QUEUE);
  lambda.queues.add(FIFO);
  await createActiveFunction(lambda, FunctionName, { Timeout: 20 });
});
afterEach(() => lambda.close());

const create = (input: Partial<CreateEventSourceMappingCommandInput> = {}) =>
  lambda.client.send(new CreateEventSourceMappingCommand({ FunctionName, EventSourceArn: QUEUE, ...input }));
const get = (UUID: string | undefined) => lambda.client.send(new GetEventSourceMappingCommand({ UUID }));
const update = (UUID: string | undefined, input: Partial<UpdateEventSourceMappingCommandInput>) =>
  lambda.client.send(new UpdateEventSourceMappingCommand({ ...input, UUID }));
const remove = (UUID: string | undefined) =>
  lambda.client.send(new DeleteEventSourceMappingCommand({ UUID }));

const refused = (name: string, message: string | RegExp) => (error: Error) => {
  assert.equal(error.name, name, error.message);
  if (typeof message === "string") assert.equal(error.message, message);
  else assert.match(error.message, message);
  return true;
};
const invalid = (message: string | RegExp) => refused("InvalidParameterValueException", message);

describe("event source mappings", () => {
  test("a queue's mapping is made, runs, is changed, disabled and deleted", async () => {
    const created = await create({ Tags: { team: "a" } });
    const { UUID, $metadata, LastModified, ...shown } = created;
    assert.equal($metadata.httpStatusCode, 202);
    assert.ok(LastModified instanceof Date);
    assert.match(UUID ?? "", /^[0-9a-f-]{36}$/);
    // Recorded from the service.
    assert.deepEqual(shown, {
      BatchSize: 10,
      EventSourceArn: QUEUE,
      EventSourceMappingArn: `arn:aws:lambda:eu-west-1:000000000000:event-source-mapping:${UUID}`,
      FunctionArn: arnOf("f"),
      FunctionResponseTypes: [],
      MaximumBatchingWindowInSeconds: 0,
      State: "Creating",
      StateTransitionReason: "USER_INITIATED",
    });
    assert.equal((await get(UUID)).State, "Enabled");

    lambda.queues.send(QUEUE, "hello");
    await quiet();
    assert.deepEqual(lambda.queues.bodies(QUEUE), []);
    assert.equal(lambda.invocations[0]?.invokedFunctionArn, arnOf("f"));
    assert.equal((await get(UUID)).LastProcessingResult, "OK");

    const updated = await update(UUID, {
      BatchSize: 5,
      FilterCriteria: { Filters: [{ Pattern: '{"body":{"a":[1]}}' }] },
      ScalingConfig: { MaximumConcurrency: 3 },
      FunctionResponseTypes: ["ReportBatchItemFailures"],
    });
    assert.equal(updated.$metadata.httpStatusCode, 202);
    assert.equal(updated.State, "Updating");
    const { BatchSize, FilterCriteria, ScalingConfig, FunctionResponseTypes, State } = await get(UUID);
    assert.deepEqual(
      { BatchSize, FilterCriteria, ScalingConfig, FunctionResponseTypes, State },
      {
        BatchSize: 5,
        FilterCriteria: { Filters: [{ Pattern: '{"body":{"a":[1]}}' }] },
        ScalingConfig: { MaximumConcurrency: 3 },
        FunctionResponseTypes: ["ReportBatchItemFailures"],
        State: "Enabled",
      },
    );
    lambda.queues.send(QUEUE, '{"a":2}');
    await quiet();
    assert.deepEqual(lambda.queues.bodies(QUEUE), []);
    assert.equal(lambda.invocations.length, 1);

    // AWS: empty structures take away.
    const cleared = await update(UUID, {
      Enabled: false,
      FilterCriteria: {},
      ScalingConfig: {},
      FunctionResponseTypes: [],
    });
    assert.equal(cleared.State, "Disabling");
    assert.equal(cleared.FilterCriteria, undefined);
    assert.equal(cleared.ScalingConfig, undefined);
    assert.deepEqual(cleared.FunctionResponseTypes, []);
    await quiet();
    assert.equal((await get(UUID)).State, "Disabled");
    lambda.queues.send(QUEUE, "later");
    await quiet();
    assert.deepEqual(lambda.queues.bodies(QUEUE), ["later"]);
    assert.equal((await update(UUID, { Enabled: true })).State, "Enabling");
    await quiet();
    assert.deepEqual(lambda.queues.bodies(QUEUE), []);

    const deleted = await remove(UUID);
    assert.equal(deleted.$metadata.httpStatusCode, 202);
    assert.equal(deleted.State, "Deleting");
    await quiet();
    await assert.rejects(get(UUID), (error: Error) => {
      assert.ok(error instanceof ResourceNotFoundException);
      return refused("ResourceNotFoundException", "The resource you requested does not exist.")(error);
    });
    await assert.rejects(remove(UUID), ResourceNotFoundException);
    await assert.rejects(update(UUID, {}), ResourceNotFoundException);
  });

  test("a mapping that is being deleted waits for what runs, and can neither be changed nor deleted again", async () => {
    const { UUID } = await create();
    const release = lambda.holdInvocations();
    lambda.queues.send(QUEUE, "slow");
    await quiet();
    assert.equal(lambda.invocations.length, 1);
    assert.equal((await remove(UUID)).State, "Deleting");
    assert.equal((await get(UUID)).State, "Deleting");
    await assert.rejects(remove(UUID), (error: Error) => {
      assert.ok(error instanceof ResourceInUseException);
      return refused(
        "ResourceInUseException",
        "Cannot delete the event source mapping because it is in use.",
      )(error);
    });
    await assert.rejects(
      update(UUID, { BatchSize: 1 }),
      refused("ResourceInUseException", "Cannot update the event source mapping because it is in use."),
    );
    release();
    await quiet();
    await assert.rejects(get(UUID), ResourceNotFoundException);
    assert.deepEqual(lambda.queues.bodies(QUEUE), []);
  });

  test("one that is made disabled is so at once", async () => {
    assert.equal((await create({ Enabled: false })).State, "Disabled");
  });

  test("a function has one mapping of a queue; its versions and aliases have their own", async () => {
    const { UUID } = await create();
    await assert.rejects(create({ FunctionName: arnOf("f") }), (error: Error) => {
      assert.ok(error instanceof ResourceConflictException);
      return refused(
        "ResourceConflictException",
        `An event source mapping with SQS arn (" ${QUEUE} ") and function (" f ") already exists. Please update or delete the existing mapping with UUID ${UUID}`,
      )(error);
    });
    await lambda.client.send(new PublishVersionCommand({ FunctionName }));
    await lambda.client.send(new CreateAliasCommand({ FunctionName, Name: "live", FunctionVersion: "1" }));
    const alias = await create({ FunctionName: "f:live" });
    assert.equal(alias.FunctionArn, `${arnOf("f")}:live`);
    await update(UUID, { Enabled: false });
    await quiet();
    lambda.queues.send(QUEUE, "to the alias");
    await quiet();
    assert.equal(lambda.invocations.at(-1)?.invokedFunctionArn, `${arnOf("f")}:live`);
    assert.equal(lambda.invocations.at(-1)?.version.version, "1");
    await assert.rejects(
      update(alias.UUID, { FunctionName }),
      refused("ResourceConflictException", /already exists/),
    );
  });

  test("two that are made at the same time are one", async () => {
    const made = await Promise.allSettled([create(), create(), create()]);
    assert.equal(made.filter(({ status }) => status === "fulfilled").length, 1);
  });

  test("lists by function and by source, in pages", async () => {
    const queues = Array.from({ length: 5 }, (_, index) => `${QUEUE}${index}`);
    for (const queue of queues) {
      lambda.queues.add(queue);
      await create({ EventSourceArn: queue });
    }
    const list = (input: object) => lambda.client.send(new ListEventSourceMappingsCommand(input));
    const first = await list({ MaxItems: 3 });
    assert.equal(first.EventSourceMappings?.length, 3);
    const second = await list({ MaxItems: 3, Marker: first.NextMarker });
    assert.equal(second.EventSourceMappings?.length, 2);
    assert.equal(second.NextMarker, undefined);
    const sources = [...(first.EventSourceMappings ?? []), ...(second.EventSourceMappings ?? [])];
    assert.deepEqual(new Set(sources.map(({ EventSourceArn }) => EventSourceArn)), new Set(queues));
    assert.equal(sources.length, queues.length);
    const one = await list({ EventSourceArn: queues[2], FunctionName: arnOf("f") });
    assert.deepEqual(
      one.EventSourceMappings?.map(({ EventSourceArn }) => EventSourceArn),
      [queues[2]],
    );
    assert.deepEqual((await list({ FunctionName: "other" })).EventSourceMappings, []);
  });

  test("metrics of events, until they are not wanted any more", async () => {
    const Metrics: ["EventCount"] = ["EventCount"];
    const { UUID, MetricsConfig } = await create({ MetricsConfig: { Metrics } });
    assert.deepEqual(MetricsConfig, { Metrics });
    const update = (input: object) =>
      lambda.client.send(new UpdateEventSourceMappingCommand({ UUID, ...input }));
    assert.deepEqual((await update({ BatchSize: 5 })).MetricsConfig, { Metrics });
    assert.equal((await update({ MetricsConfig: { Metrics: [] } })).MetricsConfig, undefined);
  });

  test("tags", async () => {
    const { EventSourceMappingArn: Resource } = await create({ Tags: { a: "1", b: "2" } });
    await lambda.client.send(new TagResourceCommand({ Resource, Tags: { c: "3" } }));
    await lambda.client.send(new UntagResourceCommand({ Resource, TagKeys: ["a"] }));
    assert.deepEqual((await lambda.client.send(new ListTagsCommand({ Resource }))).Tags, { b: "2", c: "3" });
    const many = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`k${index}`, "v"]));
    await assert.rejects(
      lambda.client.send(new TagResourceCommand({ Resource, Tags: many })),
      invalid("Number of tags exceeds resource tag limit."),
    );
  });

  test("the mapping of a function that is deleted stays, and serves the next function of that name", async () => {
    const { UUID } = await create();
    await lambda.client.send(new DeleteFunctionCommand({ FunctionName }));
    lambda.queues.send(QUEUE, "nobody");
    await quiet();
    assert.equal((await get(UUID)).State, "Enabled");
  });
});

describe("what a mapping may not be", () => {
  const UNSUPPORTED = (member: string) =>
    `Unsupported '${member}' parameter for given event source mapping type.`;
  const ON_FAILURE = { OnFailure: { Destination: QUEUE } };
  const stream = { EventSourceArn: STREAM, StartingPosition: "LATEST" } as const;
  const CASES: readonly [Partial<CreateEventSourceMappingCommandInput>, string | RegExp][] = [
    [{ EventSourceArn: undefined }, "Unrecognized event source."],
    [{ EventSourceArn: "arn:aws:sns:eu-west-1:000000000000:topic" }, "Unrecognized event source."],
    [{ FunctionName: "missing" }, "Function does not exist"],
    [{ FunctionName: "f:missing" }, "Function does not exist"],
    [
      { EventSourceArn: `${QUEUE}-missing` },
      "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified queue does not exist.",
    ],
    [
      { BatchSize: 11 },
      "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
    ],
    [{ EventSourceArn: FIFO, BatchSize: 11 }, /FIFO/],
    [{ EventSourceArn: FIFO, MaximumBatchingWindowInSeconds: 1 }, /FIFO/],
    [{ StartingPosition: "LATEST" }, "StartingPosition is not valid for SQS event sources."],
    [
      { DestinationConfig: ON_FAILURE },
      "Unsupported DestinationConfig parameter for given event source mapping type.",
    ],
    [{ ParallelizationFactor: 2 }, UNSUPPORTED("parallelizationFactor")],
    [{ MaximumRetryAttempts: 2 }, UNSUPPORTED("maximumRetryAttempts")],
    [{ MaximumRecordAgeInSeconds: 60 }, UNSUPPORTED("maximumRecordAgeInSeconds")],
    [{ BisectBatchOnFunctionError: true }, UNSUPPORTED("bisectBatchOnFunctionError")],
    [{ TumblingWindowInSeconds: 2 }, UNSUPPORTED("tumblingWindowInSeconds")],
    [{ Topics: ["topic"] }, UNSUPPORTED("topics")],
    [{ Queues: ["q"] }, UNSUPPORTED("queues")],
    [{ SourceAccessConfigurations: [...ACCESS] }, UNSUPPORTED("sourceAccessConfigurations")],
    [{ LoggingConfig: { SystemLogLevel: "INFO" } }, UNSUPPORTED("loggingConfig")],
    [{ MetricsConfig: { Metrics: ["KafkaMetrics"] } }, UNSUPPORTED("metricsConfig")],
    [
      { AmazonManagedKafkaEventSourceConfig: { ConsumerGroupId: "g" } },
      UNSUPPORTED("amazonManagedKafkaEventSourceConfig"),
    ],
    [{ DocumentDBEventSourceConfig: { DatabaseName: "d" } }, UNSUPPORTED("documentDBEventSourceConfig")],
    [{ ProvisionedPollerConfig: { MinimumPollers: 1 } }, /at least 2/],
    [{ ProvisionedPollerConfig: { MinimumPollers: 9, MaximumPollers: 8 } }, /MaximumPollers/],
    [
      { ProvisionedPollerConfig: { MinimumPollers: 2 }, ScalingConfig: { MaximumConcurrency: 2 } },
      /cannot be specified together/,
    ],
    [{ FilterCriteria: { Filters: [{ Pattern: "{" }] } }, "Invalid filter pattern definition."],
    [{ FilterCriteria: { Filters: [{}] } }, "Invalid filter pattern definition."],
    [
      { FilterCriteria: { Filters: Array.from({ length: 6 }, () => ({ Pattern: '{"a":[1]}' })) } },
      /limit of 5/,
    ],
    [{ KMSKeyArn: "arn:aws:kms:eu-west-1:000000000000:key/k" }, /^KMSKeyArn is not supported/],
    [
      {
        EventSourceArn: CLUSTER,
        Topics: ["topic"],
        StartingPosition: "LATEST",
        MetricsConfig: { Metrics: ["KafkaMetrics"] },
      },
      /^MetricsConfig KafkaMetrics is not supported/,
    ],
    [
      { EventSourceArn: STREAM },
      "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.",
    ],
    [
      { EventSourceArn: TABLE, StartingPosition: "AT_TIMESTAMP", StartingPositionTimestamp: undefined },
      `Unsupported starting position for arn type: ${TABLE}`,
    ],
    [{ ...stream, StartingPosition: "AT_TIMESTAMP" }, /StartingPositionTimestamp/],
    [{ ...stream, ScalingConfig: { MaximumConcurrency: 2 } }, UNSUPPORTED("scalingConfig")],
    [{ ...stream, MaximumRecordAgeInSeconds: 30 }, /at least 60/],
    [{ ...stream, DestinationConfig: { OnFailure: { Destination: arnOf("f") } } }, /is invalid/],
    [
      { ...stream, DestinationConfig: { ...ON_FAILURE, OnSuccess: { Destination: QUEUE } } },
      "Unsupported DestinationConfig parameter for given event source mapping type.",
    ],
    [{ EventSourceArn: CLUSTER }, "Required 'topics' parameter is missing."],
    [
      { EventSourceArn: BROKER, Queues: ["q"] },
      "Required 'sourceAccessConfigurations' parameter is missing.",
    ],
    [
      { EventSourceArn: DATABASE, SourceAccessConfigurations: [...ACCESS] },
      "Required 'documentDBEventSourceConfig' parameter is missing.",
    ],
    [
      { ...stream, BisectBatchOnFunctionError: true, ParallelizationFactor: 2 },
      "An event source mapping of Amazon Kinesis that is enabled is not supported by this version of Lambent.",
    ],
    [
      { EventSourceArn: TABLE, StartingPosition: "TRIM_HORIZON" },
      "An event source mapping of Amazon DynamoDB Streams that is enabled is not supported by this version of Lambent.",
    ],
    [
      { EventSourceArn: CLUSTER, Topics: ["topic"] },
      "An event source mapping of Amazon MSK that is enabled is not supported by this version of Lambent.",
    ],
    [
      {
        EventSourceArn: undefined,
        SelfManagedEventSource: { Endpoints: { KAFKA_BOOTSTRAP_SERVERS: ["a.example:9092"] } },
        SourceAccessConfigurations: [...ACCESS],
        Topics: ["topic"],
      },
      "An event source mapping of self-managed Apache Kafka that is enabled is not supported by this version of Lambent.",
    ],
    [
      { EventSourceArn: BROKER, Queues: ["queue"], SourceAccessConfigurations: [...ACCESS] },
      "An event source mapping of Amazon MQ that is enabled is not supported by this version of Lambent.",
    ],
    [
      {
        EventSourceArn: DATABASE,
        SourceAccessConfigurations: [...ACCESS],
        DocumentDBEventSourceConfig: { DatabaseName: "d" },
      },
      "An event source mapping of Amazon DocumentDB that is enabled is not supported by this version of Lambent.",
    ],
  ];
  for (const [input, message] of CASES)
    test(`${JSON.stringify(input)} is refused`, async () => {
      await assert.rejects(create(input), invalid(message));
    });

  test("a queue whose messages come again before the function is out of time", async () => {
    lambda.queues.add(QUEUE, 19);
    await assert.rejects(
      create(),
      invalid("Queue visibility timeout: 19 seconds is less than Function timeout: 20 seconds"),
    );
  });

  test("a queue that the function's role may not read", async () => {
    lambda.deniedToRoles.add("sqs:ReceiveMessage");
    await assert.rejects(
      create(),
      invalid("The provided execution role does not have permissions to call ReceiveMessage on SQS"),
    );
  });

  test("changes are judged like new mappings, together with what stays", async () => {
    const { UUID } = await create({ BatchSize: 20, MaximumBatchingWindowInSeconds: 5 });
    await assert.rejects(
      update(UUID, { MaximumBatchingWindowInSeconds: 0 }),
      invalid(
        "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
      ),
    );
    await assert.rejects(
      update(UUID, { ParallelizationFactor: 2 }),
      invalid(UNSUPPORTED("parallelizationFactor")),
    );
    await assert.rejects(update(UUID, { FunctionName: "missing" }), invalid("Function does not exist"));
    assert.equal((await get(UUID)).BatchSize, 20);
  });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CreateEventSourceMappingCommand,
  type CreateEventSourceMappingCommandInput,
  DeleteEventSourceMappingCommand,
  GetEventSourceMappingCommand,
  UpdateEventSourceMappingCommand,
} from "@aws-sdk/client-lambda";
import { createActiveFunction } from "../support/created-functions.ts";
import { ACCESS, BROKER, CLUSTER, DATABASE, STREAM, TABLE } from "../support/event-sources.ts";
import { openLambdaEndpoint } from "../support/lambda-endpoint.ts";

const FunctionName = "f";

test("mappings of sources that nothing reads yet are kept, shown, changed and deleted, and cannot be enabled", async (t) => {
  const lambda = await openLambdaEndpoint();
  t.after(() => lambda.close());
  await createActiveFunction(lambda, FunctionName, { Timeout: 20 });
  const create = (input: Partial<CreateEventSourceMappingCommandInput>) =>
    lambda.client.send(new CreateEventSourceMappingCommand({ FunctionName, ...input }));
  const get = (UUID: string | undefined) => lambda.client.send(new GetEventSourceMappingCommand({ UUID }));
  const inputs: Partial<CreateEventSourceMappingCommandInput>[] = [
    {
      EventSourceArn: STREAM,
      StartingPosition: "AT_TIMESTAMP",
      StartingPositionTimestamp: new Date(1_700_000_000_000),
    },
    {
      EventSourceArn: TABLE,
      StartingPosition: "LATEST",
      ParallelizationFactor: 3,
      BisectBatchOnFunctionError: true,
    },
    { EventSourceArn: CLUSTER, StartingPosition: "TRIM_HORIZON", Topics: ["topic"] },
    { EventSourceArn: BROKER, Queues: ["queue"], SourceAccessConfigurations: [...ACCESS] },
    {
      EventSourceArn: DATABASE,
      StartingPosition: "LATEST",
      SourceAccessConfigurations: [...ACCESS],
      DocumentDBEventSourceConfig: { DatabaseName: "d" },
    },
  ];
  for (const input of inputs) {
    const made = await create({ ...input, Enabled: false });
    assert.equal(made.State, "Disabled");
    const shown = await get(made.UUID);
    for (const [name, value] of Object.entries(input))
      assert.deepEqual(shown[name as keyof typeof shown], value, `${name} of ${input.EventSourceArn}`);
    assert.equal(shown.BatchSize, 100);
    await assert.rejects(create({ ...input, Enabled: false }), { name: "ResourceConflictException" });
    const enable = new UpdateEventSourceMappingCommand({ UUID: made.UUID, Enabled: true });
    await assert.rejects(lambda.client.send(enable), /that is enabled is not supported/);
    const changed = await lambda.client.send(
      new UpdateEventSourceMappingCommand({ UUID: made.UUID, BatchSize: 7 }),
    );
    assert.equal(changed.BatchSize, 7);
    assert.equal((await get(made.UUID)).StartingPosition, input.StartingPosition);
    await lambda.client.send(new DeleteEventSourceMappingCommand({ UUID: made.UUID }));
  }
  const { ParallelizationFactor, MaximumRetryAttempts } = await create({
    EventSourceArn: STREAM,
    StartingPosition: "LATEST",
    Enabled: false,
  });
  assert.deepEqual(
    { ParallelizationFactor, MaximumRetryAttempts },
    { ParallelizationFactor: 1, MaximumRetryAttempts: -1 },
  );
});

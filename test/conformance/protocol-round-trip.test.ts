import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import * as logs from "@aws-sdk/client-cloudwatch-logs";
import * as lambda from "@aws-sdk/client-lambda";
import { AwsSmithyRpcV2CborProtocol } from "@aws-sdk/core/protocols";
import type { Operation } from "../../src/aws-api/protocol/service-model.ts";
import { buildServiceModel } from "../../src/aws-api/protocol/service-model.ts";
import { AwsError } from "../../src/core/errors.ts";
import {
  allOperations,
  clientConfiguration,
  type ProtocolServer,
  sdkServices,
  startProtocolServer,
} from "../support/protocol-server.ts";
import { comparable, RandomValues, seededRandom } from "../support/random-values.ts";

/**
 * The gate for upgrading the SDK: every operation, with random input and output, from the JS SDK's client through
 * the server and back. What a handler sees and what the client returns must be what was sent.
 * LAMBENT_TEST_SEED repeats a run.
 */
const seed = Number(process.env["LAMBENT_TEST_SEED"] ?? Date.now() % 2 ** 31);
const repetitions = 2;

type AnyClient = { send(command: unknown): Promise<Record<string, unknown>> };
type AnyModule = Record<string, new (input: unknown) => unknown>;

describe(`every operation, JS SDK to server and back (LAMBENT_TEST_SEED=${seed})`, () => {
  const values = new RandomValues(seededRandom(seed));
  let server: ProtocolServer;
  let seen: Record<string, unknown> | undefined;
  let answer: Record<string, unknown> = {};

  before(async () => {
    const services = allOperations((_operation, input) => {
      seen = input;
      return structuredClone(answer);
    });
    server = await startProtocolServer(services, { validates: false });
  });
  after(() => server.close());

  async function roundTrip(client: AnyClient, module: AnyModule, operation: Operation): Promise<void> {
    const Command = module[`${operation.name}Command`];
    assert.ok(Command, `the SDK has a command for ${operation.name}`);
    const input = (values.value(operation.input) ?? {}) as Record<string, unknown>;
    answer = (values.value(operation.output) ?? {}) as Record<string, unknown>;
    seen = undefined;
    const output = await client.send(new Command(structuredClone(input)));
    const received: Record<string, unknown> = { ...(seen as Record<string, unknown> | undefined) };
    // The client makes up idempotency tokens that were not given.
    if (operation.input.kind === "structure")
      for (const { name, schema } of operation.input.members)
        if (schema.isIdempotencyToken() && !(name in input)) delete received[name];
    assert.deepEqual(comparable(received), comparable(input), "the input as the handler sees it");
    assert.deepEqual(comparable(output), comparable(answer), "the output as the client returns it");
  }

  for (const { signingName, module, Client } of sdkServices) {
    const model = buildServiceModel({
      signingName,
      module,
      client: new Client(clientConfiguration),
      handlers: {},
    });
    const operations = [...model.operations.values()].filter(
      ({ inputBindings, outputBindings }) =>
        !inputBindings.payload?.streaming && !outputBindings.payload?.streaming,
    );
    const newClient = (options: object = {}): AnyClient =>
      new Client({
        // The client of SQS compares sums that random answers do not have.
        ...(signingName === "sqs" && { md5: false }),
        ...clientConfiguration,
        endpoint: server.endpoint,
        disableHostPrefix: true,
        ...options,
      }) as unknown as AnyClient;

    test(`${signingName}: ${operations.length} operations over ${model.protocol}`, async (t) => {
      const client = newClient();
      for (const operation of operations)
        await t.test(operation.name, async () => {
          for (let count = 0; count < repetitions; count += 1)
            await roundTrip(client, module as unknown as AnyModule, operation);
        });
    });

    if (signingName !== "logs") continue;
    test(`${signingName}: ${operations.length} operations over rpcv2Cbor`, async (t) => {
      const settings = new Client(clientConfiguration).config.protocolSettings;
      const client = newClient({ protocol: new AwsSmithyRpcV2CborProtocol(settings as never) });
      for (const operation of operations)
        await t.test(operation.name, async () => {
          await roundTrip(client, module as unknown as AnyModule, operation);
        });
    });
  }
});

describe("event streams to the JS SDK", () => {
  const chunks = ["first", "é", "x".repeat(200_000)].map((text) => new TextEncoder().encode(text));

  async function* lambdaEvents(): AsyncGenerator<lambda.InvokeWithResponseStreamResponseEvent> {
    for (const Payload of chunks) yield { PayloadChunk: { Payload } };
    yield { InvokeComplete: { LogResult: "bG9n", ErrorCode: "Unhandled" } };
  }
  async function* failingEvents(): AsyncGenerator<logs.StartLiveTailResponseStream> {
    yield {
      sessionStart: { sessionId: "s", logGroupIdentifiers: ["g"] },
    } as logs.StartLiveTailResponseStream;
    throw new AwsError("SessionTimeoutException", "The session is over");
  }

  let server: ProtocolServer;
  before(async () => {
    server = await startProtocolServer(
      allOperations((operation) =>
        operation === "InvokeWithResponseStream"
          ? {
              StatusCode: 200,
              ExecutedVersion: "7",
              ResponseStreamContentType: "text/plain",
              EventStream: lambdaEvents(),
            }
          : { responseStream: failingEvents() },
      ),
    );
  });
  after(() => server.close());

  test("InvokeWithResponseStream carries chunks and completion", async () => {
    const client = new lambda.Lambda({ ...clientConfiguration, endpoint: server.endpoint });
    const output = await client.invokeWithResponseStream({ FunctionName: "f", Payload: "{}" });
    assert.equal(output.ExecutedVersion, "7");
    assert.equal(output.ResponseStreamContentType, "text/plain");
    const events = await Array.fromAsync(output.EventStream ?? []);
    const payloads = events.flatMap(({ PayloadChunk }) =>
      PayloadChunk?.Payload ? [PayloadChunk.Payload] : [],
    );
    assert.deepEqual(payloads.map(comparable), chunks.map(comparable));
    assert.deepEqual(events.at(-1)?.InvokeComplete, { LogResult: "bG9n", ErrorCode: "Unhandled" });
  });

  test("an error on the way arrives as the modelled exception", async () => {
    const client = new logs.CloudWatchLogs({
      ...clientConfiguration,
      endpoint: server.endpoint,
      disableHostPrefix: true,
    });
    const output = await client.startLiveTail({
      logGroupIdentifiers: ["arn:aws:logs:eu-west-1:000000000000:log-group:g"],
    });
    const events: logs.StartLiveTailResponseStream[] = [];
    await assert.rejects(
      async () => {
        for await (const event of output.responseStream ?? []) events.push(event);
      },
      { name: "SessionTimeoutException", message: "The session is over" },
    );
    assert.equal(events[0]?.sessionStart?.sessionId, "s");
    assert.deepEqual(server.logged, []);
  });
});

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import * as lambdaModule from "@aws-sdk/client-lambda";
import { buildServiceModel, type Operation } from "../../src/aws-api/protocol/service-model.ts";
import { lambdaService } from "../../src/aws-api/services/lambda/lambda-service.ts";
import { unusedDependencies } from "../support/handled-operations.ts";
import {
  ACCOUNT,
  arnOf,
  type LambdaEndpoint,
  openLambdaEndpoint,
  ROLE_ARN,
} from "../support/lambda-endpoint.ts";
import { MemberReads } from "../support/member-reads.ts";
import { RandomValues, seededRandom } from "../support/random-values.ts";
import { ValidValues } from "../support/valid-values.ts";
import { zipOf } from "../support/zip.ts";

/** LAMBENT_TEST_SEED repeats a run. */
const seed = Number(process.env["LAMBENT_TEST_SEED"] ?? Date.now() % 2 ** 31);
const VALID_MS = 12_000;
/** However long they take: fewer do not meet every member. */
const VALID_ROUNDS_MIN = 12;
const VALID_ROUNDS_MAX = 60;
const RANDOM_ROUNDS = 2;
const CALL_LIMIT_MS = 10_000;

interface Answer {
  readonly status: number;
  readonly error: string | undefined;
  readonly message: string;
  readonly output?: lambdaModule.CreateCodeSigningConfigResponse;
}

const uuidOf = ({ output }: Answer): string[] => {
  const { UUID } = (output ?? {}) as { readonly UUID?: string };
  return UUID === undefined ? [] : [UUID];
};

describe(`the handlers of the Lambda API with random input (LAMBENT_TEST_SEED=${seed})`, () => {
  const operations = [...buildServiceModel(lambdaService(unusedDependencies)).operations.values()].filter(
    ({ handler }) => handler !== undefined,
  );
  let lambda: LambdaEndpoint;
  let zip: Buffer;
  const reads = new MemberReads();
  before(async () => {
    lambda = await openLambdaEndpoint({ observe: (operation, input) => reads.watch(operation, input) });
    zip = await zipOf({ "index.mjs": "export const handler = async () => 1;" });
  });
  after(() => lambda.close());

  const create = (FunctionName: string): Promise<unknown> =>
    lambda.client
      .send(
        new lambdaModule.CreateFunctionCommand({
          FunctionName,
          Runtime: "nodejs24.x",
          Handler: "index.handler",
          Role: ROLE_ARN,
          Code: { ZipFile: zip },
          Publish: true,
        }),
      )
      .then(() => lambda.functions.idle())
      .catch((error: Error) => assert.equal(error.name, "ResourceConflictException", error.message));

  /** The answer of an operation; rejects when it takes too long. */
  async function call(operation: Operation, input: Record<string, unknown>): Promise<Answer> {
    const Command = (lambdaModule as unknown as Record<string, new (value: unknown) => never>)[
      `${operation.name}Command`
    ];
    assert.ok(Command);
    try {
      const abortSignal = AbortSignal.timeout(CALL_LIMIT_MS);
      const output = (await lambda.client.send(new Command(input), { abortSignal })) as {
        $metadata: { httpStatusCode?: number };
      };
      return {
        status: output.$metadata.httpStatusCode ?? 0,
        error: undefined,
        message: "",
        output: output as never,
      };
    } catch (error) {
      const { name, message, $metadata } = error as Error & { $metadata?: { httpStatusCode?: number } };
      // Without a status the client itself refused the input, or nobody answered.
      if ($metadata?.httpStatusCode === undefined) {
        if (/AbortError|TimeoutError/.test(name))
          throw new Error(`${operation.name} hangs`, { cause: error });
        return { status: 400, error: "ClientRefusedException", message };
      }
      return { status: $metadata.httpStatusCode, error: name, message };
    }
  }

  function check(operation: Operation, input: unknown, { status, error, message }: Answer): void {
    const about = `${operation.name}: ${status} ${error} ${message} for ${JSON.stringify(input)?.slice(0, 1000)}`;
    assert.ok(status >= 200 && status < 500, about);
    if (error === undefined) assert.ok(status < 300, about);
    else assert.match(error, /^[A-Z][A-Za-z]+Exception$/, about);
  }

  test("what the model allows is done, or refused with one of AWS's errors", async () => {
    const names = ["one", "one", "two", arnOf("one"), arnOf("two"), "missing"];
    const codeSigning = [`arn:aws:lambda:eu-west-1:${ACCOUNT}:code-signing-config:csc-0123456789abcdef0`];
    const queues = ["a", "b", "c", "d"].map((name) => `arn:aws:sqs:eu-west-1:${ACCOUNT}:${name}`);
    for (const queue of queues) lambda.queues.add(queue, 900);
    const mappings = ["00000000-0000-4000-8000-000000000000"];
    // Others than those that are changed, or there would soon be nothing to change.
    const doomedMappings = [...mappings];
    const random = seededRandom(seed);
    const values = new ValidValues(random, "lambda", {
      FunctionName: names,
      LayerName: ["layer"],
      VersionNumber: [1, 2, 0, -1],
      Qualifier: ["$LATEST", "live", "1", "2"],
      "CreateAliasRequest.Name": ["live", "next"],
      Name: ["live", "next"],
      FunctionVersion: ["$LATEST", "1", "2"],
      "ListFunctionsRequest.FunctionVersion": ["ALL"],
      Role: [ROLE_ARN],
      Runtime: ["nodejs24.x", "nodejs24.x", "nodejs4.3"],
      Handler: ["index.handler"],
      ZipFile: [zip, zip, zip, Buffer.from("no zip")],
      Resource: [arnOf("one"), arnOf("missing")],
      ResourceArn: [arnOf("one"), `${arnOf("one")}:live`],
      StatementId: ["s", "t"],
      Policy: ["{}", '{"Version":"2012-10-17","Statement":[]}'],
      CodeSigningConfigArn: codeSigning,
      EventSourceArn: [...queues, `arn:aws:kinesis:eu-west-1:${ACCOUNT}:stream/s`],
      UUID: mappings,
      "DeleteEventSourceMappingRequest.UUID": doomedMappings,
      BatchSize: [1, 10, 10, 11],
      FilterCriteria: [undefined, {}, { Filters: [{ Pattern: '{"body":{"a":[1]}}' }] }],
      Arn: [`arn:aws:lambda:eu-west-1:${ACCOUNT}:layer:layer:1`],
      SigningProfileVersionArns: [[`arn:aws:signer:eu-west-1:${ACCOUNT}:/signing-profiles/p/abcdefghij`]],
      Action: ["lambda:InvokeFunction", "lambda:InvokeFunctionUrl", "*"],
      "AddLayerVersionPermissionRequest.Action": ["lambda:GetLayerVersion"],
      Tags: [{ a: "b" }, {}],
      TagKeys: [["a"]],
      Content: [{ ZipFile: zip }],
      Code: [{ ZipFile: zip }, { ZipFile: zip }, {}],
      Marker: [undefined, "", "one", "AAAA", "!"],
      RevisionId: [undefined, undefined, "stale"],
      ...Object.fromEntries(
        [
          "DeadLetterConfig",
          "DurableExecutionName",
          "TenantId",
          "VpcConfig",
          "CapacityProviderConfig",
          "DurableConfig",
          "KMSKeyArn",
          "PublishTo",
          "ImageUri",
          "SourceKMSKeyArn",
          "S3Bucket",
          "S3Key",
          "S3ObjectVersion",
          "S3ObjectStorageMode",
          "PackageType",
          "SnapStart",
          "Layers",
          "CodeSha256",
          "ImageConfig",
          "FileSystemConfigs",
          "TenancyConfig",
          "StartingPosition",
          "StartingPositionTimestamp",
          "DestinationConfig",
          "MaximumRecordAgeInSeconds",
          "BisectBatchOnFunctionError",
          "CreateEventSourceMappingRequest.MaximumRetryAttempts",
          "UpdateEventSourceMappingRequest.MaximumRetryAttempts",
          "ParallelizationFactor",
          "TumblingWindowInSeconds",
          "Topics",
          "Queues",
          "MetricsConfig",
          "CreateEventSourceMappingRequest.LoggingConfig",
          "UpdateEventSourceMappingRequest.LoggingConfig",
          "SourceAccessConfigurations",
          "SelfManagedEventSource",
          "AmazonManagedKafkaEventSourceConfig",
          "SelfManagedKafkaEventSourceConfig",
          "DocumentDBEventSourceConfig",
          "ProvisionedPollerConfig",
        ].map((name) => [name, [undefined]]),
      ),
    });
    const done = new Map<string, number>();
    const until = Date.now() + VALID_MS;
    const showsEnough = (): boolean => done.size > 0.8 * operations.length;
    const goesOn = (round: number): boolean =>
      round < VALID_ROUNDS_MIN || !showsEnough() || Date.now() < until;
    for (let round = 0; round < VALID_ROUNDS_MAX && goesOn(round); round += 1) {
      // A deletion ends what many operations are about.
      for (const FunctionName of ["one", "two"]) await create(FunctionName);
      for (const operation of operations) {
        if (operation.input.kind !== "structure") continue;
        const input = values.structure(operation.input);
        const answer = await call(operation, input);
        check(operation, input, answer);
        const { CodeSigningConfigArn } = answer.output?.CodeSigningConfig ?? {};
        if (CodeSigningConfigArn !== undefined) codeSigning.push(CodeSigningConfigArn);
        if (operation.name === "CreateEventSourceMapping")
          (mappings.length > 3 ? doomedMappings : mappings).push(...uuidOf(answer));
        if (answer.error === undefined) done.set(operation.name, (done.get(operation.name) ?? 0) + 1);
      }
      await lambda.functions.idle();
    }
    // A generator whose every input is refused would show nothing.
    assert.ok(showsEnough(), `only ${[...done.keys()].join(", ")} ever succeeded`);
  });

  test("no member of an input is accepted and ignored", () => {
    const ignored = operations.flatMap(({ name, input }) =>
      input.kind === "structure"
        ? input.members
            .filter((member) => !reads.has(name, member.name))
            .map((member) => `${name}.${member.name}`)
        : [],
    );
    assert.deepEqual(ignored, []);
  });

  test("what the model forbids is refused with a 4xx and one of AWS's errors", async () => {
    const values = new RandomValues(seededRandom(seed));
    for (let round = 0; round < RANDOM_ROUNDS; round += 1) {
      for (const operation of operations) {
        const input = (values.value(operation.input) ?? {}) as Record<string, unknown>;
        check(operation, input, await call(operation, input));
      }
    }
  });
});

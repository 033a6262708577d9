import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import {
  CodeSigningConfigNotFoundException,
  CodeVerificationFailedException,
  CreateAliasCommand,
  CreateCodeSigningConfigCommand,
  CreateFunctionUrlConfigCommand,
  DeleteAliasCommand,
  DeleteCodeSigningConfigCommand,
  DeleteFunctionCodeSigningConfigCommand,
  DeleteFunctionCommand,
  DeleteFunctionEventInvokeConfigCommand,
  DeleteFunctionUrlConfigCommand,
  GetCodeSigningConfigCommand,
  GetFunctionCodeSigningConfigCommand,
  GetFunctionEventInvokeConfigCommand,
  GetFunctionRecursionConfigCommand,
  GetFunctionUrlConfigCommand,
  ListCodeSigningConfigsCommand,
  ListFunctionEventInvokeConfigsCommand,
  ListFunctionsByCodeSigningConfigCommand,
  ListFunctionUrlConfigsCommand,
  ListTagsCommand,
  PublishVersionCommand,
  PutFunctionCodeSigningConfigCommand,
  PutFunctionEventInvokeConfigCommand,
  type PutFunctionEventInvokeConfigCommandInput,
  PutFunctionRecursionConfigCommand,
  ResourceConflictException,
  ResourceNotFoundException,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateCodeSigningConfigCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionEventInvokeConfigCommand,
  UpdateFunctionUrlConfigCommand,
} from "@aws-sdk/client-lambda";
import { CODE, createActiveFunction } from "../support/created-functions.ts";
import { arnOf, type LambdaEndpoint, openLambdaEndpoint } from "../support/lambda-endpoint.ts";

const QUEUE = "arn:aws:sqs:eu-west-1:000000000000:failures";
const TOPIC = "arn:aws:sns:eu-west-1:000000000000:done";
const FunctionName = "f";

let lambda: LambdaEndpoint;
beforeEach(async () => {
  lambda = await openLambdaEndpoint();
  await create();
  await lambda.client.send(new PublishVersionCommand({ FunctionName }));
  await lambda.client.send(new CreateAliasCommand({ FunctionName, Name: "live", FunctionVersion: "1" }));
});
afterEach(() => lambda.close());

const create = (settings: object = {}): Promise<void> => createActiveFunction(lambda, FunctionName, settings);

const refused = (name: string, message: string | RegExp) => (error: Error) => {
  assert.equal(error.name, name, error.message);
  if (typeof message === "string") assert.equal(error.message, message);
  else assert.match(error.message, message);
  return true;
};

describe("event-invoke configuration", () => {
  const put = (input: Partial<PutFunctionEventInvokeConfigCommandInput>) =>
    lambda.client.send(new PutFunctionEventInvokeConfigCommand({ FunctionName, ...input }));
  const get = (Qualifier?: string) =>
    lambda.client.send(new GetFunctionEventInvokeConfigCommand({ FunctionName, Qualifier }));

  test("put replaces, update merges, get answers what was given, delete ends it", async () => {
    const first = await put({
      MaximumRetryAttempts: 1,
      DestinationConfig: { OnFailure: { Destination: QUEUE } },
    });
    const { $metadata: _, LastModified, ...rest } = first;
    assert.ok(LastModified instanceof Date);
    assert.deepEqual(rest, {
      FunctionArn: `${arnOf("f")}:$LATEST`,
      MaximumRetryAttempts: 1,
      DestinationConfig: { OnSuccess: {}, OnFailure: { Destination: QUEUE } },
    });
    const merged = await lambda.client.send(
      new UpdateFunctionEventInvokeConfigCommand({ FunctionName, MaximumEventAgeInSeconds: 60 }),
    );
    assert.equal(merged.MaximumRetryAttempts, 1);
    assert.equal(merged.MaximumEventAgeInSeconds, 60);
    await put({ DestinationConfig: { OnSuccess: { Destination: TOPIC } } });
    const replaced = await get();
    assert.equal(replaced.MaximumRetryAttempts, undefined);
    assert.deepEqual(replaced.DestinationConfig, { OnSuccess: { Destination: TOPIC }, OnFailure: {} });
    await lambda.client.send(new DeleteFunctionEventInvokeConfigCommand({ FunctionName }));
    await assert.rejects(
      get(),
      refused(
        "ResourceNotFoundException",
        `The function ${arnOf("f")}:$LATEST doesn't have an EventInvokeConfig`,
      ),
    );
  });

  test("each qualifier has its own, a published version inherits none, all go with the function", async () => {
    await put({ MaximumRetryAttempts: 0 });
    await assert.rejects(get("1"), /function:f:1 doesn't have an EventInvokeConfig/);
    await put({ MaximumRetryAttempts: 2, Qualifier: "live" });
    const listed = await lambda.client.send(
      new ListFunctionEventInvokeConfigsCommand({ FunctionName, MaxItems: 1 }),
    );
    assert.equal(listed.FunctionEventInvokeConfigs?.length, 1);
    const second = await lambda.client.send(
      new ListFunctionEventInvokeConfigsCommand({ FunctionName, Marker: listed.NextMarker }),
    );
    assert.deepEqual(
      [...(listed.FunctionEventInvokeConfigs ?? []), ...(second.FunctionEventInvokeConfigs ?? [])].map(
        ({ FunctionArn }) => FunctionArn,
      ),
      [`${arnOf("f")}:$LATEST`, `${arnOf("f")}:live`],
    );
    await lambda.client.send(new DeleteFunctionCommand({ FunctionName }));
    await create();
    await assert.rejects(get(), ResourceNotFoundException);
  });

  test("what makes no sense is refused in AWS's words and changes nothing", async () => {
    await assert.rejects(
      put({}),
      refused(
        "InvalidParameterValueException",
        "You must specify at least one of error handling or destination setting.",
      ),
    );
    await assert.rejects(
      put({ DestinationConfig: { OnFailure: { Destination: arnOf("f") } } }),
      refused(
        "InvalidParameterValueException",
        "You can't specify the function as a destination for itself.",
      ),
    );
    await assert.rejects(
      put({
        DestinationConfig: { OnFailure: { Destination: "arn:aws:kinesis:eu-west-1:000000000000:stream/s" } },
      }),
      refused("InvalidParameterValueException", /^The destination ARN .* is invalid\.$/),
    );
    await assert.rejects(
      put({ MaximumRetryAttempts: 3 }),
      refused("ValidationException", /less than or equal to 2/),
    );
    await assert.rejects(
      put({ MaximumRetryAttempts: 1, Qualifier: "none" }),
      refused("ResourceNotFoundException", "The function doesn't exist."),
    );
    await assert.rejects(
      lambda.client.send(
        new UpdateFunctionEventInvokeConfigCommand({ FunctionName, MaximumRetryAttempts: 1 }),
      ),
      ResourceNotFoundException,
    );
    await assert.rejects(get(), ResourceNotFoundException);
  });
});

describe("function URL configuration", () => {
  test("create, get, update, list and delete; the URL stays the same", async () => {
    const created = await lambda.client.send(
      new CreateFunctionUrlConfigCommand({
        FunctionName,
        AuthType: "NONE",
        Cors: { AllowOrigins: ["*"], MaxAge: 5 },
      }),
    );
    assert.match(created.FunctionUrl ?? "", /^http:\/\/[a-z0-9]{32}\.lambda-url\.eu-west-1\.localhost\/$/);
    assert.equal(created.FunctionArn, arnOf("f"));
    assert.equal(created.InvokeMode, undefined);
    assert.deepEqual(created.Cors, { AllowOrigins: ["*"], MaxAge: 5 });
    await assert.rejects(
      lambda.client.send(new CreateFunctionUrlConfigCommand({ FunctionName, AuthType: "NONE" })),
      (error) =>
        error instanceof ResourceConflictException &&
        error.message ===
          `Failed to create function url config for [functionArn = ${arnOf("f")}]. Error message:  FunctionUrlConfig exists for this Lambda function`,
    );
    const updated = await lambda.client.send(
      new UpdateFunctionUrlConfigCommand({
        FunctionName,
        AuthType: "AWS_IAM",
        InvokeMode: "RESPONSE_STREAM",
      }),
    );
    assert.equal(updated.FunctionUrl, created.FunctionUrl);
    const found = await lambda.client.send(new GetFunctionUrlConfigCommand({ FunctionName }));
    assert.equal(found.AuthType, "AWS_IAM");
    assert.equal(found.InvokeMode, "RESPONSE_STREAM");
    assert.deepEqual(found.Cors, { AllowOrigins: ["*"], MaxAge: 5 });
    await lambda.client.send(
      new CreateFunctionUrlConfigCommand({ FunctionName, Qualifier: "live", AuthType: "NONE" }),
    );
    const listed = await lambda.client.send(new ListFunctionUrlConfigsCommand({ FunctionName }));
    assert.deepEqual(
      listed.FunctionUrlConfigs?.map(({ FunctionArn }) => FunctionArn),
      [arnOf("f"), `${arnOf("f")}:live`],
    );
    await lambda.client.send(new DeleteAliasCommand({ FunctionName, Name: "live" }));
    await lambda.client.send(new GetFunctionUrlConfigCommand({ FunctionName, Qualifier: "live" }));
    await lambda.client.send(new DeleteFunctionUrlConfigCommand({ FunctionName }));
    await assert.rejects(
      lambda.client.send(new GetFunctionUrlConfigCommand({ FunctionName })),
      refused("ResourceNotFoundException", "The resource you requested does not exist."),
    );
  });

  test("only the function or an alias can have one", async () => {
    for (const Qualifier of ["1", "$LATEST"])
      await assert.rejects(
        lambda.client.send(new CreateFunctionUrlConfigCommand({ FunctionName, Qualifier, AuthType: "NONE" })),
        refused("ValidationException", /\(\(\?!\^\\d\+\$\)\^\[0-9a-zA-Z-_\]\+\$\)/),
      );
    for (const input of [{ FunctionName: "none" }, { FunctionName, Qualifier: "none" }])
      await assert.rejects(
        lambda.client.send(new CreateFunctionUrlConfigCommand({ AuthType: "NONE", ...input })),
        refused("ResourceNotFoundException", "Function does not exist"),
      );
  });
});

test("recursive loops are ended unless the function allows them", async () => {
  const get = () => lambda.client.send(new GetFunctionRecursionConfigCommand({ FunctionName }));
  assert.equal((await get()).RecursiveLoop, "Terminate");
  await lambda.client.send(new PutFunctionRecursionConfigCommand({ FunctionName, RecursiveLoop: "Allow" }));
  assert.equal((await get()).RecursiveLoop, "Allow");
  await assert.rejects(
    lambda.client.send(new GetFunctionRecursionConfigCommand({ FunctionName: "none" })),
    ResourceNotFoundException,
  );
});

describe("code signing", () => {
  const profile = "arn:aws:signer:eu-west-1:000000000000:/signing-profiles/p/1234567890";
  const makeConfig = async (policy: "Warn" | "Enforce"): Promise<string> => {
    const { CodeSigningConfig } = await lambda.client.send(
      new CreateCodeSigningConfigCommand({
        AllowedPublishers: { SigningProfileVersionArns: [profile] },
        CodeSigningPolicies: { UntrustedArtifactOnDeployment: policy },
        Tags: { team: "red" },
      }),
    );
    return CodeSigningConfig?.CodeSigningConfigArn ?? "";
  };

  test("a configuration's life, its tags, and the functions bound to it", async () => {
    const CodeSigningConfigArn = await makeConfig("Warn");
    assert.match(
      CodeSigningConfigArn,
      /^arn:aws:lambda:eu-west-1:000000000000:code-signing-config:csc-[a-z0-9]{17}$/,
    );
    await lambda.client.send(
      new TagResourceCommand({ Resource: CodeSigningConfigArn, Tags: { level: "2" } }),
    );
    await lambda.client.send(new UntagResourceCommand({ Resource: CodeSigningConfigArn, TagKeys: ["team"] }));
    assert.deepEqual(
      (await lambda.client.send(new ListTagsCommand({ Resource: CodeSigningConfigArn }))).Tags,
      {
        level: "2",
      },
    );
    await lambda.client.send(
      new UpdateCodeSigningConfigCommand({ CodeSigningConfigArn, Description: "new" }),
    );
    const found = await lambda.client.send(new GetCodeSigningConfigCommand({ CodeSigningConfigArn }));
    assert.equal(found.CodeSigningConfig?.Description, "new");
    assert.deepEqual(found.CodeSigningConfig?.AllowedPublishers, { SigningProfileVersionArns: [profile] });
    const listed = await lambda.client.send(new ListCodeSigningConfigsCommand({}));
    assert.equal(listed.CodeSigningConfigs?.length, 1);
    await lambda.client.send(new PutFunctionCodeSigningConfigCommand({ FunctionName, CodeSigningConfigArn }));
    const bound = await lambda.client.send(new GetFunctionCodeSigningConfigCommand({ FunctionName }));
    assert.equal(bound.CodeSigningConfigArn, CodeSigningConfigArn);
    const functions = await lambda.client.send(
      new ListFunctionsByCodeSigningConfigCommand({ CodeSigningConfigArn }),
    );
    assert.deepEqual(functions.FunctionArns, [arnOf("f")]);
    await assert.rejects(
      lambda.client.send(new DeleteCodeSigningConfigCommand({ CodeSigningConfigArn })),
      ResourceConflictException,
    );
    await lambda.client.send(new DeleteFunctionCodeSigningConfigCommand({ FunctionName }));
    await lambda.client.send(new DeleteCodeSigningConfigCommand({ CodeSigningConfigArn }));
    await assert.rejects(
      lambda.client.send(new GetCodeSigningConfigCommand({ CodeSigningConfigArn })),
      CodeSigningConfigNotFoundException,
    );
  });

  test("Enforce refuses every package, as none can be verified; Warn lets it pass", async () => {
    const update = () => lambda.client.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile: CODE }));
    await lambda.client.send(
      new PutFunctionCodeSigningConfigCommand({
        FunctionName,
        CodeSigningConfigArn: await makeConfig("Enforce"),
      }),
    );
    await assert.rejects(update(), CodeVerificationFailedException);
    await lambda.client.send(
      new PutFunctionCodeSigningConfigCommand({
        FunctionName,
        CodeSigningConfigArn: await makeConfig("Warn"),
      }),
    );
    await update();
    await lambda.functions.idle();
    await lambda.client.send(new DeleteFunctionCommand({ FunctionName }));
    await assert.rejects(
      create({ CodeSigningConfigArn: await makeConfig("Enforce") }),
      CodeVerificationFailedException,
    );
    await create({ CodeSigningConfigArn: await makeConfig("Warn") });
    const bound = await lambda.client.send(new GetFunctionCodeSigningConfigCommand({ FunctionName }));
    assert.match(bound.CodeSigningConfigArn ?? "", /csc-/);
  });
});

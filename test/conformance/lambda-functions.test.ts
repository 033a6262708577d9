import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, test } from "node:test";
import {
  type CreateFunctionCommandInput,
  DeleteFunctionCommand,
  GetAccountSettingsCommand,
  GetFunctionCodeSigningConfigCommand,
  GetFunctionCommand,
  GetFunctionConcurrencyCommand,
  GetFunctionConfigurationCommand,
  ListFunctionsCommand,
  ListTagsCommand,
  ResourceConflictException,
  ResourceNotFoundException,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionUpdatedV2,
} from "@aws-sdk/client-lambda";
import { CODE, createActiveFunction, createFunction } from "../support/created-functions.ts";
import { arnOf, type LambdaEndpoint, openLambdaEndpoint, ROLE_ARN } from "../support/lambda-endpoint.ts";
import { rawZip, zipOf } from "../support/zip.ts";

let lambda: LambdaEndpoint;
let otherZip: Buffer;
before(async () => {
  lambda = await openLambdaEndpoint();
  otherZip = await zipOf({ "index.js": "exports.handler = async () => 2;" });
});
after(() => lambda.close());

const create = (FunctionName: string, more: Partial<CreateFunctionCommandInput> = {}) =>
  createFunction(lambda, FunctionName, more);

const createActive = (FunctionName: string, more: Partial<CreateFunctionCommandInput> = {}) =>
  createActiveFunction(lambda, FunctionName, more);

const updated = (FunctionName: string) =>
  waitUntilFunctionUpdatedV2(
    { client: lambda.client, maxWaitTime: 10, minDelay: 1, maxDelay: 1 },
    { FunctionName },
  );

const get = (FunctionName: string, Qualifier?: string) =>
  lambda.client.send(new GetFunctionCommand({ FunctionName, Qualifier }));

/** An answer without what the SDK adds, and without what differs from run to run. */
function shape(answer: object): object {
  const { $metadata, RevisionId, LastModified, ...rest } = answer as Record<string, unknown>;
  assert.match(String(RevisionId), /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  assert.match(String(LastModified), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000$/);
  assert.ok($metadata === undefined || typeof $metadata === "object");
  return rest;
}

describe("CreateFunction", () => {
  test("answers 201 with the members AWS gives, and no others", async () => {
    const answer = await create("created");
    assert.equal(answer.$metadata.httpStatusCode, 201);
    assert.deepEqual(shape(answer), {
      FunctionName: "created",
      FunctionArn: arnOf("created"),
      Runtime: "nodejs24.x",
      Role: ROLE_ARN,
      Handler: "index.handler",
      CodeSize: CODE.byteLength,
      Description: "",
      Timeout: 3,
      MemorySize: 128,
      CodeSha256: createHash("sha256").update(CODE).digest("base64"),
      Version: "$LATEST",
      TracingConfig: { Mode: "PassThrough" },
      State: "Pending",
      StateReason: "The function is being created.",
      StateReasonCode: "Creating",
      PackageType: "Zip",
      Architectures: ["x86_64"],
      EphemeralStorage: { Size: 512 },
      SnapStart: { ApplyOn: "None", OptimizationStatus: "Off" },
      RuntimeVersionConfig: {
        RuntimeVersionArn: `arn:aws:lambda:eu-west-1::runtime:${createHash("sha256").update("nodejs24.x").digest("hex")}`,
      },
      LoggingConfig: { LogFormat: "Text", LogGroup: "/aws/lambda/created" },
    });
  });

  test("takes every member that is acted upon, and AWS's empty values of the others", async () => {
    await createActive("full", {
      Description: "d",
      Timeout: 900,
      MemorySize: 10_240,
      EphemeralStorage: { Size: 10_240 },
      Environment: { Variables: { KEY: "välue" } },
      LoggingConfig: { LogFormat: "JSON", SystemLogLevel: "DEBUG", LogGroup: "/own/group" },
      Tags: { team: "x" },
      Architectures: ["x86_64"],
      PackageType: "Zip",
      TracingConfig: { Mode: "PassThrough" },
      SnapStart: { ApplyOn: "None" },
      VpcConfig: { SubnetIds: [], SecurityGroupIds: [] },
      Layers: [],
      KMSKeyArn: "",
      DeadLetterConfig: { TargetArn: "" },
      FileSystemConfigs: [],
    });
    const { Configuration, Tags } = await get("full");
    assert.deepEqual(Tags, { team: "x" });
    assert.deepEqual(Configuration?.Environment, { Variables: { KEY: "välue" } });
    assert.deepEqual(Configuration?.LoggingConfig, {
      LogFormat: "JSON",
      ApplicationLogLevel: "INFO",
      SystemLogLevel: "DEBUG",
      LogGroup: "/own/group",
    });
    assert.deepEqual(
      [Configuration?.Timeout, Configuration?.MemorySize, Configuration?.EphemeralStorage?.Size],
      [900, 10_240, 10_240],
    );
    for (const absent of ["VpcConfig", "Layers", "DeadLetterConfig", "KMSKeyArn", "FileSystemConfigs"]) {
      assert.equal(Object.hasOwn(Configuration ?? {}, absent), false, absent);
    }
  });

  test("refuses what it does not act upon, by name", async () => {
    const unsupported: Partial<CreateFunctionCommandInput>[] = [
      { VpcConfig: { SubnetIds: ["subnet-1"], SecurityGroupIds: ["sg-1"] } },
      { KMSKeyArn: "arn:aws:kms:eu-west-1:123456789012:key/k" },
      { SnapStart: { ApplyOn: "PublishedVersions" } },
      { ImageConfig: { Command: ["x"] } },
      { TenancyConfig: { TenantIsolationMode: "PER_TENANT" } },
    ];
    for (const more of unsupported) {
      const [member = ""] = Object.keys(more);
      await assert.rejects(create("unsupported", more), (error: Error) => {
        assert.equal(error.name, "InvalidParameterValueException", member);
        assert.match(
          error.message,
          new RegExp(`^${member}\\b.* is not supported by this version of Lambent\\.$`),
        );
        return true;
      });
    }
    await assert.rejects(
      create("unsupported", { Code: { S3Bucket: "bucket", S3Key: "k" } }),
      /Code in S3 without the setting s3Endpoint/,
    );
    await assert.rejects(
      create("unsupported", { PackageType: "Image", Code: { ImageUri: "x" }, Runtime: undefined }),
      /PackageType Image is not supported/,
    );
    await assert.rejects(create("unsupported", { Architectures: ["arm64"] }), /Architecture arm64/);
    await assert.rejects(get("unsupported"), ResourceNotFoundException);
  });

  test("refuses more time and storage than a function can have in the model's words, memory in words of its own", async () => {
    const tooMuch = (path: string, value: number, max: number): string =>
      `1 validation error detected: Value '${value}' at '${path}' failed to satisfy constraint: Member must have value less than or equal to ${max}`;
    const memory =
      "'MemorySize' value failed to satisfy constraint: Member must have value less than or equal to 10240";
    const reserved = "System tags cannot be added/updated by requester";
    const refused: [Partial<CreateFunctionCommandInput>, string, string][] = [
      [{ Timeout: 901 }, "ValidationException", tooMuch("timeout", 901, 900)],
      [
        { EphemeralStorage: { Size: 10_241 } },
        "ValidationException",
        tooMuch("ephemeralStorage.size", 10_241, 10_240),
      ],
      [{ MemorySize: 10_241 }, "InvalidParameterValueException", memory],
      [{ Tags: { "aws:owner": "x" } }, "InvalidParameterValueException", reserved],
    ];
    for (const [more, name, message] of refused)
      await assert.rejects(create("much", more), { name, message });
  });

  test("refuses what the model forbids with AWS's validation text", async () => {
    await assert.rejects(create("bad name"), {
      name: "ValidationException",
      message:
        /^1 validation error detected: Value 'bad name' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: /,
    });
    await assert.rejects(create("x", { MemorySize: 64 }), {
      message:
        /Value '64' at 'memorySize' failed to satisfy constraint: Member must have value greater than or equal to 128$/,
    });
    await assert.rejects(create("x", { Runtime: "cobol85" as "nodejs24.x" }), {
      name: "InvalidParameterValueException",
      message:
        /^Value cobol85 at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: \[.*\] or be a valid ARN$/,
    });
    await assert.rejects(create("a".repeat(65)), { name: "InvalidParameterValueException" });
    await assert.rejects(create("x", { Code: {} }), {
      message: "Please provide a source for function code.",
    });
  });

  test("refuses hostile and damaged packages, and leaves no function", async () => {
    const message = "Could not unzip uploaded file. Please check your file, then try to upload again.";
    for (const ZipFile of [Buffer.from("no zip"), rawZip([{ name: "../evil", contents: "x" }])]) {
      await assert.rejects(create("hostile", { Code: { ZipFile } }), {
        name: "InvalidParameterValueException",
        message,
      });
    }
    await assert.rejects(get("hostile"), ResourceNotFoundException);
  });

  test("refuses an existing name as a typed exception", async () => {
    await createActive("twice");
    await assert.rejects(create("twice"), (error) => {
      assert.ok(error instanceof ResourceConflictException);
      assert.equal(error.message, "Function already exist: twice");
      assert.equal(error.$metadata.httpStatusCode, 409);
      return true;
    });
  });
});

describe("GetFunction", () => {
  test("gives a link to the code that works for ten minutes without credentials", async () => {
    await createActive("linked");
    const { Code } = await get("linked");
    assert.equal(Code?.RepositoryType, "S3");
    const location = Code?.Location ?? "";
    const download = await fetch(location);
    assert.deepEqual(Buffer.from(await download.arrayBuffer()), CODE);
    const forged = await fetch(location.replace(/Expires=\d+/, "Expires=99999999999"));
    assert.equal(forged.status, 403);
    assert.match(await forged.text(), /<Code>AccessDenied<\/Code>/);
    lambda.clock.advance(11 * 60 * 1000);
    const late = await fetch(location);
    assert.equal(late.status, 403);
    assert.match(await late.text(), /Request has expired/);
  });

  test("carries the qualifier in the ARN when it was given", async () => {
    await createActive("qualified");
    assert.equal((await get("qualified")).Configuration?.FunctionArn, arnOf("qualified"));
    assert.equal(
      (await get("qualified", "$LATEST")).Configuration?.FunctionArn,
      `${arnOf("qualified")}:$LATEST`,
    );
    assert.equal((await get(`${arnOf("qualified")}:$LATEST`)).Configuration?.Version, "$LATEST");
  });

  test("of an absent function is a typed 404", async () => {
    await assert.rejects(get("absent"), (error) => {
      assert.ok(error instanceof ResourceNotFoundException);
      assert.equal(error.message, `Function not found: ${arnOf("absent")}`);
      assert.equal(error.Type, "User");
      return true;
    });
    await assert.rejects(get("absent", "3"), { message: `Function not found: ${arnOf("absent")}:3` });
    await assert.rejects(get("arn:aws:lambda:us-east-1:000000000000:function:f"), {
      name: "ResourceNotFoundException",
      message: "Functions from 'us-east-1' are not reachable in this region ('eu-west-1')",
    });
    await assert.rejects(get("arn:aws:lambda:eu-west-1:999999999999:function:f"), {
      name: "AccessDeniedException",
    });
  });

  test("goes with the small reads that Terraform makes", async () => {
    await createActive("read");
    const FunctionName = "read";
    const signing = await lambda.client.send(new GetFunctionCodeSigningConfigCommand({ FunctionName }));
    assert.deepEqual([signing.FunctionName, signing.CodeSigningConfigArn], ["read", undefined]);
    const concurrency = await lambda.client.send(new GetFunctionConcurrencyCommand({ FunctionName }));
    assert.equal(concurrency.ReservedConcurrentExecutions, undefined);
  });
});

describe("an update", () => {
  test("goes through InProgress and changes the revision id twice", async () => {
    await createActive("updating");
    const FunctionName = "updating";
    const before = await lambda.client.send(new GetFunctionConfigurationCommand({ FunctionName }));
    const release = lambda.hold();
    const during = await lambda.client.send(
      new UpdateFunctionConfigurationCommand({ FunctionName, Description: "new" }),
    );
    assert.equal(during.$metadata.httpStatusCode, 200);
    assert.deepEqual(
      [
        during.State,
        during.LastUpdateStatus,
        during.LastUpdateStatusReason,
        during.LastUpdateStatusReasonCode,
      ],
      ["Active", "InProgress", "The function is being created.", "Creating"],
    );
    await assert.rejects(
      lambda.client.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile: otherZip })),
      {
        name: "ResourceConflictException",
        message: `The operation cannot be performed at this time. An update is in progress for resource: ${arnOf("updating")}`,
      },
    );
    release();
    await updated(FunctionName);
    const after = await lambda.client.send(new GetFunctionConfigurationCommand({ FunctionName }));
    assert.equal(after.Description, "new");
    assert.equal(new Set([before.RevisionId, during.RevisionId, after.RevisionId]).size, 3);
    assert.equal(after.LastUpdateStatusReason, undefined);
  });

  test("of the code takes a dry run, a revision id and a new package", async () => {
    await createActive("code");
    const FunctionName = "code";
    const send = (more: object) =>
      lambda.client.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile: otherZip, ...more }));
    const expected = createHash("sha256").update(otherZip).digest("base64");
    assert.equal((await send({ DryRun: true })).CodeSha256, expected);
    const before = (await get(FunctionName)).Configuration;
    assert.notEqual(before?.CodeSha256, expected);
    await assert.rejects(send({ RevisionId: "stale" }), { name: "PreconditionFailedException" });
    assert.equal((await send({ RevisionId: before?.RevisionId })).CodeSha256, expected);
    await updated(FunctionName);
    await assert.rejects(send({ ZipFile: undefined, ImageUri: "x.dkr.ecr.eu-west-1.amazonaws.com/i:1" }), {
      message: "Please don't provide ImageUri when updating a function with packageType Zip.",
    });
    await assert.rejects(send({ ZipFile: undefined }), {
      message: "Please provide a source for function code.",
    });
  });

  test("of a whole function names no qualifier", async () => {
    await createActive("whole");
    const FunctionName = `${arnOf("whole")}:1`;
    await assert.rejects(lambda.client.send(new UpdateFunctionConfigurationCommand({ FunctionName })), {
      message:
        "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please specify either a function name or an unqualified function ARN.",
    });
  });
});

describe("ListFunctions", () => {
  test("pages, and leaves out states and the runtime's version", async () => {
    await createActive("listed-1");
    await createActive("listed-2");
    const names: (string | undefined)[] = [];
    let Marker: string | undefined;
    do {
      const page = await lambda.client.send(new ListFunctionsCommand({ MaxItems: 1, Marker }));
      for (const listed of page.Functions ?? []) {
        names.push(listed.FunctionName);
        for (const absent of ["State", "LastUpdateStatus", "RuntimeVersionConfig"]) {
          assert.equal(Object.hasOwn(listed, absent), false);
        }
      }
      Marker = page.NextMarker;
    } while (Marker !== undefined);
    assert.deepEqual(
      names.filter((name) => name?.startsWith("listed")),
      ["listed-1", "listed-2"],
    );
    assert.ok(names.every((name = "", index) => index === 0 || (names[index - 1] ?? "") < name));
    const all = await lambda.client.send(new ListFunctionsCommand({ FunctionVersion: "ALL" }));
    assert.ok(all.Functions?.every(({ FunctionArn }) => FunctionArn?.endsWith(":$LATEST")));
  });
});

describe("DeleteFunction", () => {
  test("answers 204, and 404 the second time", async () => {
    await createActive("deleted");
    const command = new DeleteFunctionCommand({ FunctionName: "deleted" });
    const answer = await lambda.client.send(command);
    assert.equal(answer.$metadata.httpStatusCode, 204);
    await assert.rejects(get("deleted"), ResourceNotFoundException);
    await assert.rejects(lambda.client.send(command), ResourceNotFoundException);
  });
});

describe("tags and account settings", () => {
  test("are added, listed and removed by ARN", async () => {
    await createActive("tagged");
    const Resource = arnOf("tagged");
    const added = await lambda.client.send(new TagResourceCommand({ Resource, Tags: { a: "1", b: "2" } }));
    assert.equal(added.$metadata.httpStatusCode, 204);
    const removed = await lambda.client.send(new UntagResourceCommand({ Resource, TagKeys: ["a", "zz"] }));
    assert.equal(removed.$metadata.httpStatusCode, 204);
    assert.deepEqual((await lambda.client.send(new ListTagsCommand({ Resource }))).Tags, { b: "2" });
    await assert.rejects(lambda.client.send(new ListTagsCommand({ Resource: `${Resource}:1` })), {
      message: "Tags on function aliases and versions are not supported. Please specify a function ARN.",
    });
  });

  test("tell AWS's limits and what is used", async () => {
    const before = await lambda.client.send(new GetAccountSettingsCommand({}));
    assert.deepEqual(before.AccountLimit, {
      TotalCodeSize: 80_530_636_800,
      CodeSizeUnzipped: 262_144_000,
      CodeSizeZipped: 52_428_800,
      ConcurrentExecutions: 1000,
      UnreservedConcurrentExecutions: 1000,
    });
    await createActive("counted");
    const after = await lambda.client.send(new GetAccountSettingsCommand({}));
    assert.equal(after.AccountUsage?.FunctionCount, (before.AccountUsage?.FunctionCount ?? 0) + 1);
    assert.equal(
      after.AccountUsage?.TotalCodeSize,
      (before.AccountUsage?.TotalCodeSize ?? 0) + CODE.byteLength,
    );
  });
});

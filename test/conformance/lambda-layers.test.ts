import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import {
  AddLayerVersionPermissionCommand,
  type Architecture,
  DeleteLayerVersionCommand,
  GetFunctionConfigurationCommand,
  GetLayerVersionByArnCommand,
  GetLayerVersionCommand,
  GetLayerVersionPolicyCommand,
  InvalidParameterValueException,
  ListLayersCommand,
  ListLayerVersionsCommand,
  PublishLayerVersionCommand,
  type PublishLayerVersionCommandInput,
  PublishVersionCommand,
  RemoveLayerVersionPermissionCommand,
  ResourceConflictException,
  ResourceNotFoundException,
  UpdateFunctionConfigurationCommand,
} from "@aws-sdk/client-lambda";
import { createFunction } from "../support/created-functions.ts";
import { ACCOUNT, type LambdaEndpoint, openLambdaEndpoint, REGION } from "../support/lambda-endpoint.ts";
import { zipOf } from "../support/zip.ts";

const layerZip = await zipOf({ "nodejs/node_modules/greet/index.js": "module.exports = 'hello';" });
const arnOfLayer = (name: string, version?: number): string =>
  `arn:aws:lambda:${REGION}:${ACCOUNT}:layer:${name}${version === undefined ? "" : `:${version}`}`;

let lambda: LambdaEndpoint;
beforeEach(async () => {
  lambda = await openLambdaEndpoint();
});
afterEach(() => lambda.close());

const publish = (LayerName: string, input: Partial<PublishLayerVersionCommandInput> = {}) =>
  lambda.client.send(new PublishLayerVersionCommand({ LayerName, Content: { ZipFile: layerZip }, ...input }));
const create = (Layers: string[]) => createFunction(lambda, "f", { Layers });

describe("layers", () => {
  test("versions are numbered, described, downloaded, found by name and ARN, and deleted; numbers are never given twice", async () => {
    const first = await publish("greet", {
      Description: "says hello",
      LicenseInfo: "MIT",
      CompatibleRuntimes: ["nodejs24.x"],
      CompatibleArchitectures: ["x86_64" as Architecture],
    });
    assert.equal(first.Version, 1);
    assert.equal(first.LayerArn, arnOfLayer("greet"));
    assert.equal(first.LayerVersionArn, arnOfLayer("greet", 1));
    assert.match(first.CreatedDate ?? "", /^\d{4}-\d\d-\d\dT[\d:.]+\+0000$/);
    assert.equal(first.Content?.CodeSize, layerZip.byteLength);
    const download = await fetch(first.Content?.Location ?? "");
    assert.deepEqual(Buffer.from(await download.arrayBuffer()), Buffer.from(layerZip));
    const second = await publish(arnOfLayer("greet"));
    assert.equal(second.Version, 2);
    assert.equal(second.Description, "");
    assert.equal(second.CompatibleRuntimes, undefined);
    const {
      $metadata: _,
      Content,
      ...found
    } = await lambda.client.send(new GetLayerVersionCommand({ LayerName: "greet", VersionNumber: 1 }));
    assert.deepEqual(
      { ...found, sha: Content?.CodeSha256 },
      {
        LayerArn: first.LayerArn,
        LayerVersionArn: first.LayerVersionArn,
        Version: 1,
        Description: "says hello",
        CreatedDate: first.CreatedDate,
        CompatibleRuntimes: ["nodejs24.x"],
        LicenseInfo: "MIT",
        CompatibleArchitectures: ["x86_64"],
        sha: first.Content?.CodeSha256,
      },
    );
    const byArn = await lambda.client.send(new GetLayerVersionByArnCommand({ Arn: arnOfLayer("greet", 2) }));
    assert.equal(byArn.Version, 2);
    for (const VersionNumber of [1, 2])
      await lambda.client.send(new DeleteLayerVersionCommand({ LayerName: "greet", VersionNumber }));
    await lambda.client.send(new DeleteLayerVersionCommand({ LayerName: "greet", VersionNumber: 1 }));
    await assert.rejects(
      lambda.client.send(new GetLayerVersionCommand({ LayerName: "greet", VersionNumber: 2 })),
      (error) =>
        error instanceof ResourceNotFoundException &&
        error.message === "The resource you requested does not exist.",
    );
    assert.equal((await publish("greet")).Version, 3);
  });

  test("lists have the newest version of each layer and all versions of one, by compatibility and in pages", async () => {
    await publish("b", { CompatibleRuntimes: ["python3.12"] });
    await publish("a", { CompatibleRuntimes: ["nodejs24.x"] });
    await publish("a");
    const all = await lambda.client.send(new ListLayersCommand({}));
    assert.deepEqual(
      all.Layers?.map(({ LayerName, LatestMatchingVersion }) => [LayerName, LatestMatchingVersion?.Version]),
      [
        ["a", 2],
        ["b", 1],
      ],
    );
    const node = await lambda.client.send(new ListLayersCommand({ CompatibleRuntime: "nodejs24.x" }));
    assert.deepEqual(
      node.Layers?.map(({ LayerName, LatestMatchingVersion }) => [LayerName, LatestMatchingVersion?.Version]),
      [["a", 1]],
    );
    const first = await lambda.client.send(new ListLayerVersionsCommand({ LayerName: "a", MaxItems: 1 }));
    assert.deepEqual(
      first.LayerVersions?.map(({ Version }) => Version),
      [2],
    );
    const rest = await lambda.client.send(
      new ListLayerVersionsCommand({ LayerName: "a", Marker: first.NextMarker }),
    );
    assert.deepEqual(
      rest.LayerVersions?.map(({ Version }) => Version),
      [1],
    );
    assert.equal(rest.NextMarker, undefined);
  });

  test("permissions are statements of the version's policy", async () => {
    await publish("greet");
    const target = { LayerName: "greet", VersionNumber: 1 };
    const add = (StatementId: string, Principal: string, input: object = {}) =>
      lambda.client.send(
        new AddLayerVersionPermissionCommand({
          ...target,
          StatementId,
          Action: "lambda:GetLayerVersion",
          Principal,
          ...input,
        }),
      );
    await assert.rejects(
      lambda.client.send(new GetLayerVersionPolicyCommand(target)),
      /No policy is associated with the given resource\./,
    );
    const added = await add("one", "111122223333");
    assert.deepEqual(JSON.parse(added.Statement ?? ""), {
      Sid: "one",
      Effect: "Allow",
      Principal: { AWS: "arn:aws:iam::111122223333:root" },
      Action: "lambda:GetLayerVersion",
      Resource: arnOfLayer("greet", 1),
    });
    await add("org", "*", { OrganizationId: "o-abcdefghij" });
    await assert.rejects(add("one", "*"), ResourceConflictException);
    await assert.rejects(add("two", "*", { RevisionId: added.RevisionId }), {
      name: "PreconditionFailedException",
    });
    const policy = await lambda.client.send(new GetLayerVersionPolicyCommand(target));
    assert.equal((JSON.parse(policy.Policy ?? "") as { Statement: unknown[] }).Statement.length, 2);
    for (const StatementId of ["one", "org"])
      await lambda.client.send(new RemoveLayerVersionPermissionCommand({ ...target, StatementId }));
    await assert.rejects(
      lambda.client.send(new RemoveLayerVersionPermissionCommand({ ...target, StatementId: "one" })),
      ResourceNotFoundException,
    );
  });

  test("versions that cannot be and versions that are not there are refused in AWS's words", async () => {
    await publish("greet");
    const impossible = { LayerName: "greet", VersionNumber: 0 };
    const less = { name: "InvalidParameterValueException", message: "Layer Version Cannot be less than 1" };
    await assert.rejects(lambda.client.send(new GetLayerVersionCommand(impossible)), less);
    await assert.rejects(lambda.client.send(new DeleteLayerVersionCommand(impossible)), less);
    const absent = { LayerName: "greet", VersionNumber: 7 };
    const missing = {
      name: "ResourceNotFoundException",
      message: `Layer version ${arnOfLayer("greet", 7)} does not exist.`,
    };
    const statement = { StatementId: "s", Action: "lambda:GetLayerVersion", Principal: "*" };
    await assert.rejects(
      lambda.client.send(new AddLayerVersionPermissionCommand({ ...absent, ...statement })),
      missing,
    );
    await assert.rejects(
      lambda.client.send(new RemoveLayerVersionPermissionCommand({ ...absent, StatementId: "s" })),
      missing,
    );
    await assert.rejects(lambda.client.send(new GetLayerVersionPolicyCommand(absent)), missing);
  });

  test("a version's policy has AWS's limit of 20,480 bytes", async () => {
    await publish("greet");
    const add = (count: number) =>
      lambda.client.send(
        new AddLayerVersionPermissionCommand({
          LayerName: "greet",
          VersionNumber: 1,
          StatementId: `${count}-`.padEnd(100, "x"),
          Action: "lambda:GetLayerVersion",
          Principal: "111122223333",
        }),
      );
    const fill = async (): Promise<void> => {
      for (let count = 0; count < 200; count++) await add(count);
    };
    await assert.rejects(fill(), { name: "PolicyLengthExceededException" });
    const { Policy = "" } = await lambda.client.send(
      new GetLayerVersionPolicyCommand({ LayerName: "greet", VersionNumber: 1 }),
    );
    assert.ok(Policy.length > 20_000 && Policy.length <= 20_480, `${Policy.length} bytes`);
  });

  test("hostile and damaged packages are refused", async () => {
    for (const ZipFile of [
      Buffer.from("no zip"),
      await zipOf({ "a/b": "x" }).then((bytes) => bytes.subarray(0, 40)),
    ])
      await assert.rejects(publish("bad", { Content: { ZipFile } }), InvalidParameterValueException);
    assert.deepEqual((await lambda.client.send(new ListLayersCommand({}))).Layers, []);
  });
});

describe("a function's layers", () => {
  test("are shown with their sizes, frozen into versions, replaced as a whole, and outlive their deletion", async () => {
    await publish("a");
    await publish("b");
    await create([arnOfLayer("a", 1), arnOfLayer("b", 1)]);
    await lambda.functions.idle();
    const configuration = (Qualifier?: string) =>
      lambda.client.send(new GetFunctionConfigurationCommand({ FunctionName: "f", Qualifier }));
    const both = [1, 2].map((_, index) => ({
      Arn: arnOfLayer(index === 0 ? "a" : "b", 1),
      CodeSize: layerZip.byteLength,
    }));
    assert.deepEqual((await configuration()).Layers, both);
    await lambda.client.send(new PublishVersionCommand({ FunctionName: "f" }));
    await lambda.client.send(new DeleteLayerVersionCommand({ LayerName: "a", VersionNumber: 1 }));
    await lambda.client.send(
      new UpdateFunctionConfigurationCommand({ FunctionName: "f", Layers: [arnOfLayer("b", 1)] }),
    );
    await lambda.functions.idle();
    assert.deepEqual((await configuration()).Layers, [both[1]]);
    assert.deepEqual((await configuration("1")).Layers, both);
    await lambda.client.send(new UpdateFunctionConfigurationCommand({ FunctionName: "f", Layers: [] }));
    await lambda.functions.idle();
    assert.equal((await configuration()).Layers, undefined);
  });

  test("what cannot be is refused in AWS's words", async () => {
    for (const name of ["a", "b", "c", "d", "e", "g"]) await publish(name);
    await publish("a");
    const refused = async (layers: string[], message: string | RegExp) =>
      assert.rejects(create(layers), (error: Error) => {
        assert.equal(error.name, "InvalidParameterValueException");
        if (typeof message === "string") assert.equal(error.message, message);
        else assert.match(error.message, message);
        return true;
      });
    await refused(
      ["a", "b", "c", "d", "e", "g"].map((name) => arnOfLayer(name, 1)),
      "Cannot reference more than 5 layers.",
    );
    await refused(
      [arnOfLayer("a", 1), arnOfLayer("a", 2)],
      /^Two different versions of the same layer are not allowed to be referenced in the same function\. /,
    );
    await refused([arnOfLayer("none", 1)], `Layer version ${arnOfLayer("none", 1)} does not exist.`);
    await refused(
      ["arn:aws:lambda:us-west-2:000000000000:layer:a:1"],
      "Layers are not in the same region as the function. Layers are expected to be in region eu-west-1.",
    );
  });
});

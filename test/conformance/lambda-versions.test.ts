import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  CreateAliasCommand,
  DeleteAliasCommand,
  DeleteFunctionCommand,
  GetAliasCommand,
  GetFunctionConfigurationCommand,
  ListAliasesCommand,
  ListVersionsByFunctionCommand,
  PublishVersionCommand,
  UpdateAliasCommand,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionUpdatedV2,
  waitUntilPublishedVersionActive,
} from "@aws-sdk/client-lambda";
import { createActiveFunction } from "../support/created-functions.ts";
import { arnOf, type LambdaEndpoint, openLambdaEndpoint } from "../support/lambda-endpoint.ts";
import { zipOf } from "../support/zip.ts";

const FunctionName = "f";
let lambda: LambdaEndpoint;
const limits = () => ({ client: lambda.client, maxWaitTime: 10, minDelay: 1, maxDelay: 1 });

before(async () => {
  lambda = await openLambdaEndpoint();
  await createActiveFunction(lambda, FunctionName, {
    Runtime: "python3.12",
    Handler: "m.handler",
    Code: { ZipFile: await zipOf({ "m.py": "def handler(event, context): pass" }) },
  });
});
after(() => lambda.close());

test("versions are published, listed, waited for and deleted", async () => {
  const first = await lambda.client.send(new PublishVersionCommand({ FunctionName, Description: "one" }));
  assert.equal(first.$metadata.httpStatusCode, 201);
  assert.deepEqual(
    [first.Version, first.FunctionArn, first.Description, first.State, first.LastUpdateStatus],
    ["1", `${arnOf("f")}:1`, "one", "Active", "Successful"],
  );
  await waitUntilPublishedVersionActive(limits(), { FunctionName, Qualifier: "1" });
  const again = await lambda.client.send(new PublishVersionCommand({ FunctionName, Description: "ignored" }));
  assert.deepEqual([again.Version, again.RevisionId, again.Description], ["1", first.RevisionId, "one"]);
  for (const Timeout of [4, 5]) {
    await lambda.client.send(new UpdateFunctionConfigurationCommand({ FunctionName, Timeout }));
    await waitUntilFunctionUpdatedV2(limits(), { FunctionName });
    await lambda.client.send(new PublishVersionCommand({ FunctionName }));
  }
  const listed = await lambda.client.send(
    new ListVersionsByFunctionCommand({ FunctionName, MaxItems: 10_000 }),
  );
  assert.deepEqual(
    listed.Versions?.map(({ FunctionArn, Timeout }) => [FunctionArn, Timeout]),
    [
      [`${arnOf("f")}:$LATEST`, 5],
      [`${arnOf("f")}:1`, 3],
      [`${arnOf("f")}:2`, 4],
      [`${arnOf("f")}:3`, 5],
    ],
  );
  await lambda.client.send(new DeleteFunctionCommand({ FunctionName, Qualifier: "3" }));
  const next = await lambda.client.send(new PublishVersionCommand({ FunctionName }));
  assert.equal(next.Version, "4");
  await assert.rejects(
    lambda.client.send(new PublishVersionCommand({ FunctionName, CodeSha256: "x" })),
    /CodeSHA256 \(x\) is different from current CodeSHA256 in \$LATEST/,
  );
  await assert.rejects(
    lambda.client.send(new DeleteFunctionCommand({ FunctionName, Qualifier: "$LATEST" })),
    {
      message: "$LATEST version cannot be deleted without deleting the function.",
    },
  );
});

test("aliases point to versions, with weights, as AWS shows them", async () => {
  const created = await lambda.client.send(
    new CreateAliasCommand({ FunctionName, Name: "live", FunctionVersion: "1" }),
  );
  assert.equal(created.$metadata.httpStatusCode, 201);
  const { $metadata: _metadata, RevisionId, ...rest } = created;
  assert.deepEqual(rest, {
    AliasArn: `${arnOf("f")}:live`,
    Name: "live",
    FunctionVersion: "1",
    Description: "",
  });
  const routed = await lambda.client.send(
    new UpdateAliasCommand({
      FunctionName,
      Name: "live",
      RevisionId,
      RoutingConfig: { AdditionalVersionWeights: { "2": 0.1 } },
    }),
  );
  assert.deepEqual(routed.RoutingConfig, { AdditionalVersionWeights: { "2": 0.1 } });
  const found = await lambda.client.send(new GetAliasCommand({ FunctionName, Name: "live" }));
  assert.deepEqual([found.RevisionId, found.RoutingConfig], [routed.RevisionId, routed.RoutingConfig]);
  const configuration = await lambda.client.send(
    new GetFunctionConfigurationCommand({ FunctionName, Qualifier: "live" }),
  );
  assert.deepEqual([configuration.FunctionArn, configuration.Version], [`${arnOf("f")}:live`, "1"]);
  const listed = await lambda.client.send(new ListAliasesCommand({ FunctionName, FunctionVersion: "2" }));
  assert.deepEqual(
    listed.Aliases?.map(({ Name }) => Name),
    ["live"],
  );
  const cleared = await lambda.client.send(
    new UpdateAliasCommand({ FunctionName, Name: "live", RoutingConfig: { AdditionalVersionWeights: {} } }),
  );
  assert.equal(cleared.RoutingConfig, undefined);
  await assert.rejects(lambda.client.send(new DeleteFunctionCommand({ FunctionName, Qualifier: "1" })), {
    name: "ResourceConflictException",
  });
  await assert.rejects(
    lambda.client.send(new CreateAliasCommand({ FunctionName, Name: "live", FunctionVersion: "1" })),
    { name: "ResourceConflictException", message: `Alias already exists: ${arnOf("f")}:live` },
  );
  await assert.rejects(
    lambda.client.send(
      new CreateAliasCommand({
        FunctionName,
        Name: "two",
        FunctionVersion: "1",
        RoutingConfig: { AdditionalVersionWeights: { "2": 0.1, "4": 0.1 } },
      }),
    ),
    { message: "Number of items in AdditionalVersionWeights cannot be greater than 1" },
  );
  const removed = await lambda.client.send(new DeleteAliasCommand({ FunctionName, Name: "live" }));
  assert.equal(removed.$metadata.httpStatusCode, 204);
  await assert.rejects(lambda.client.send(new GetAliasCommand({ FunctionName, Name: "live" })), {
    name: "ResourceNotFoundException",
    message: `Cannot find alias arn: ${arnOf("f")}:live`,
  });
});

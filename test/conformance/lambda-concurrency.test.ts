import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import {
  CreateAliasCommand,
  DeleteAliasCommand,
  DeleteFunctionCommand,
  DeleteFunctionConcurrencyCommand,
  DeleteProvisionedConcurrencyConfigCommand,
  GetAccountSettingsCommand,
  GetFunctionCommand,
  GetFunctionConcurrencyCommand,
  GetProvisionedConcurrencyConfigCommand,
  ListProvisionedConcurrencyConfigsCommand,
  ProvisionedConcurrencyConfigNotFoundException,
  PublishVersionCommand,
  PutFunctionConcurrencyCommand,
  PutProvisionedConcurrencyConfigCommand,
  UpdateAliasCommand,
  UpdateFunctionConfigurationCommand,
} from "@aws-sdk/client-lambda";
import { NOTHING_ALLOCATED } from "../../src/core/function-concurrency.ts";
import { createActiveFunction } from "../support/created-functions.ts";
import { arnOf, type LambdaEndpoint, openLambdaEndpoint } from "../support/lambda-endpoint.ts";

let lambda: LambdaEndpoint;
beforeEach(async () => {
  lambda = await openLambdaEndpoint();
  await create("f");
});
afterEach(() => lambda.close());

const create = (FunctionName: string): Promise<void> => createActiveFunction(lambda, FunctionName);

async function publish(Timeout: number): Promise<void> {
  await lambda.client.send(new UpdateFunctionConfigurationCommand({ FunctionName: "f", Timeout }));
  await lambda.functions.idle();
  await lambda.client.send(new PublishVersionCommand({ FunctionName: "f" }));
}

const reserve = (ReservedConcurrentExecutions: number, FunctionName = "f") =>
  lambda.client.send(new PutFunctionConcurrencyCommand({ FunctionName, ReservedConcurrentExecutions }));
const reserved = (FunctionName = "f") =>
  lambda.client.send(new GetFunctionConcurrencyCommand({ FunctionName }));
const release = (FunctionName = "f") =>
  lambda.client.send(new DeleteFunctionConcurrencyCommand({ FunctionName }));
const alias = (Name: string, FunctionVersion: string) =>
  lambda.client.send(new CreateAliasCommand({ FunctionName: "f", Name, FunctionVersion }));
const provision = (Qualifier: string, ProvisionedConcurrentExecutions = 2) =>
  lambda.client.send(
    new PutProvisionedConcurrencyConfigCommand({
      FunctionName: "f",
      Qualifier,
      ProvisionedConcurrentExecutions,
    }),
  );
const provisioned = (Qualifier: string) =>
  lambda.client.send(new GetProvisionedConcurrencyConfigCommand({ FunctionName: "f", Qualifier }));
const unprovision = (Qualifier: string) =>
  lambda.client.send(new DeleteProvisionedConcurrencyConfigCommand({ FunctionName: "f", Qualifier }));
const list = (more: { MaxItems?: number; Marker?: string | undefined } = {}) =>
  lambda.client.send(new ListProvisionedConcurrencyConfigsCommand({ FunctionName: "f", ...more }));
const unreserved = async () =>
  (await lambda.client.send(new GetAccountSettingsCommand({}))).AccountLimit?.UnreservedConcurrentExecutions;

const invalid = (message: string) => ({
  name: "InvalidParameterValueException",
  Type: "User",
  message,
});

describe("reserved concurrency", () => {
  test("is set, read, shown by GetFunction, counted in the account and taken away", async () => {
    const none = await reserved();
    assert.deepEqual([none.$metadata.httpStatusCode, none.ReservedConcurrentExecutions], [200, undefined]);
    const put = await reserve(5);
    assert.deepEqual([put.$metadata.httpStatusCode, put.ReservedConcurrentExecutions], [200, 5]);
    assert.equal((await reserved(arnOf("f"))).ReservedConcurrentExecutions, 5);
    const shown = await lambda.client.send(new GetFunctionCommand({ FunctionName: "f" }));
    assert.deepEqual(shown.Concurrency, { ReservedConcurrentExecutions: 5 });
    assert.equal(await unreserved(), 995);
    assert.equal((await release()).$metadata.httpStatusCode, 204);
    assert.equal((await release()).$metadata.httpStatusCode, 204);
    assert.equal((await reserved()).ReservedConcurrentExecutions, undefined);
    assert.equal(
      (await lambda.client.send(new GetFunctionCommand({ FunctionName: "f" }))).Concurrency,
      undefined,
    );
    assert.equal(await unreserved(), 1000);
  });

  test("of 0 is something else than none", async () => {
    assert.equal((await reserve(0)).ReservedConcurrentExecutions, 0);
    assert.equal((await reserved()).ReservedConcurrentExecutions, 0);
  });

  test("leaves 100 to the other functions, however many ask at once", async () => {
    const text =
      "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100].";
    await assert.rejects(reserve(901), invalid(text));
    await create("g");
    const answers = await Promise.allSettled([reserve(600), reserve(600, "g")]);
    assert.deepEqual(answers.map(({ status }) => status).toSorted(), ["fulfilled", "rejected"]);
    await release();
    await release("g");
    await reserve(900);
    await assert.rejects(reserve(1, "g"), invalid(text));
    await reserve(0, "g");
    await reserve(899);
    await reserve(1, "g");
    assert.equal(await unreserved(), 100);
  });

  test("belongs to the function, not to a version", async () => {
    const text =
      "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please specify either a function name or an unqualified function ARN.";
    await assert.rejects(reserve(1, "f:1"), invalid(text));
    await assert.rejects(release("f:1"), invalid(text));
    await assert.rejects(reserved("f:1"), invalid(text));
    for (const call of [() => reserve(1, "x"), () => release("x"), () => reserved("x")]) {
      await assert.rejects(call(), {
        name: "ResourceNotFoundException",
        message: `Function not found: ${arnOf("x")}`,
      });
    }
  });

  test("goes with its function", async () => {
    await reserve(5);
    await lambda.client.send(new DeleteFunctionCommand({ FunctionName: "f" }));
    assert.equal(await unreserved(), 1000);
    await create("f");
    assert.equal((await reserved()).ReservedConcurrentExecutions, undefined);
  });
});

describe("provisioned concurrency", () => {
  beforeEach(async () => {
    await publish(4);
    await publish(5);
  });

  test("goes from IN_PROGRESS to READY, and is listed and taken away", async () => {
    const { $metadata, LastModified, ...put } = await provision("1");
    assert.equal($metadata.httpStatusCode, 202);
    assert.match(LastModified ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000$/);
    assert.deepEqual(put, {
      RequestedProvisionedConcurrentExecutions: 2,
      AvailableProvisionedConcurrentExecutions: 0,
      AllocatedProvisionedConcurrentExecutions: 0,
      Status: "IN_PROGRESS",
    });
    lambda.allocation = { allocated: 1, available: 0, failure: undefined };
    const underWay = await provisioned("1");
    assert.equal(underWay.Status, "IN_PROGRESS");
    assert.equal(underWay.AllocatedProvisionedConcurrentExecutions, 1);
    lambda.allocation = { allocated: 2, available: 2, failure: undefined };
    const { $metadata: _, ...ready } = await provisioned("1");
    assert.deepEqual(ready, {
      RequestedProvisionedConcurrentExecutions: 2,
      AvailableProvisionedConcurrentExecutions: 2,
      AllocatedProvisionedConcurrentExecutions: 2,
      Status: "READY",
      LastModified,
    });
    await alias("live", "2");
    await provision("live", 1);
    const first = await list({ MaxItems: 1 });
    const second = await list({ MaxItems: 1, Marker: first.NextMarker });
    assert.deepEqual(
      [first, second].map(({ ProvisionedConcurrencyConfigs: [item] = [] }) => item?.FunctionArn),
      [`${arnOf("f")}:1`, `${arnOf("f")}:live`],
    );
    assert.equal(second.NextMarker, undefined);
    assert.equal((await unprovision("1")).$metadata.httpStatusCode, 204);
    assert.equal((await unprovision("1")).$metadata.httpStatusCode, 204);
    assert.equal((await list()).ProvisionedConcurrencyConfigs?.length, 1);
  });

  test("that failed says why", async () => {
    await provision("1");
    lambda.allocation = { ...NOTHING_ALLOCATED, failure: "FUNCTION_ERROR_INIT_FAILURE" };
    const { Status, StatusReason } = await provisioned("1");
    assert.deepEqual([Status, StatusReason], ["FAILED", "FUNCTION_ERROR_INIT_FAILURE"]);
  });

  test("is for published versions and aliases of them", async () => {
    const unpublished = "Provisioned Concurrency Configs cannot be applied to unpublished function versions.";
    const unqualified = "The function resource provided must be an alias or a published version.";
    await alias("latest", "$LATEST");
    await assert.rejects(provision("$LATEST"), invalid(unpublished));
    await assert.rejects(provision("latest"), invalid(unpublished));
    await assert.rejects(provisioned("$LATEST"), invalid(unqualified));
    await assert.rejects(unprovision("$LATEST"), invalid(unqualified));
    for (const call of [() => provision("9"), () => provisioned("9"), () => provision("no")]) {
      await assert.rejects(call(), { name: "ResourceNotFoundException" });
    }
    await assert.rejects(provisioned("1"), (error) => {
      assert.ok(error instanceof ProvisionedConcurrencyConfigNotFoundException);
      assert.equal(error.$metadata.httpStatusCode, 404);
      assert.equal(error.message, "No Provisioned Concurrency Config found for this function");
      return true;
    });
    await assert.rejects(provision("1", 0), { name: "ValidationException" });
  });

  test("is not for an alias and its version at once, nor for an alias with routing", async () => {
    await alias("live", "1");
    await provision("1");
    await assert.rejects(provision("live"), {
      name: "ResourceConflictException",
      message:
        "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version",
    });
    await unprovision("1");
    await provision("live");
    await assert.rejects(provision("1"), {
      name: "ResourceConflictException",
      message: "Version is pointed by a Provisioned Concurrency alias",
    });
    await assert.rejects(
      lambda.client.send(
        new UpdateAliasCommand({ FunctionName: "f", Name: "live", FunctionVersion: "$LATEST" }),
      ),
      invalid("Provisioned Concurrency Configs cannot be applied to unpublished function versions."),
    );
    await lambda.client.send(
      new UpdateAliasCommand({
        FunctionName: "f",
        Name: "live",
        RoutingConfig: { AdditionalVersionWeights: { "2": 0.5 } },
      }),
    );
    await assert.rejects(provision("live", 3), {
      message: /while it has a routing configuration is not supported/,
    });
  });

  test("fits into what is reserved, and what is reserved is not less", async () => {
    await reserve(3);
    await provision("1", 2);
    await assert.rejects(
      provision("2", 2),
      invalid(
        "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function",
      ),
    );
    await provision("1", 3);
    await provision("1", 2);
    await provision("2", 1);
    await unprovision("2");
    await assert.rejects(
      reserve(1),
      invalid(
        "ReservedConcurrentExecutions  1 should not be lower than function's total provisioned concurrency [2].",
      ),
    );
  });

  test("without reservation leaves 100 to the other functions", async () => {
    await assert.rejects(
      provision("1", 1001),
      invalid(
        "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [1000].",
      ),
    );
    await assert.rejects(
      provision("1", 901),
      invalid(
        "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100].",
      ),
    );
    await provision("1", 900);
    await create("g");
    await assert.rejects(reserve(1, "g"), { name: "InvalidParameterValueException" });
    assert.equal(await unreserved(), 1000, "provisioned concurrency is not reserved");
  });

  test("goes with its alias, version and function", async () => {
    await alias("live", "1");
    await provision("live");
    await provision("2");
    await lambda.client.send(new DeleteAliasCommand({ FunctionName: "f", Name: "live" }));
    await lambda.client.send(new DeleteFunctionCommand({ FunctionName: "f", Qualifier: "2" }));
    assert.deepEqual((await list()).ProvisionedConcurrencyConfigs, []);
    await alias("live", "1");
    await assert.rejects(provisioned("live"), { name: "ProvisionedConcurrencyConfigNotFoundException" });
    await provision("live");
    await lambda.client.send(new DeleteFunctionCommand({ FunctionName: "f" }));
    await assert.rejects(list(), { name: "ResourceNotFoundException" });
  });

  test("is told to the invocation side with aliases resolved, on every change", async () => {
    const told: [number | undefined, [string, number][]][] = [];
    await reserve(10);
    const stop = lambda.functions.onConcurrencyChanged(({ reserved: all, provisioned: each }) =>
      told.push([all, each.map(({ version, requested }) => [version.version, requested])]),
    );
    await alias("live", "1");
    await provision("live", 3);
    await lambda.client.send(
      new UpdateAliasCommand({ FunctionName: "f", Name: "live", FunctionVersion: "2" }),
    );
    await release();
    await lambda.client.send(new DeleteFunctionCommand({ FunctionName: "f" }));
    stop();
    const distinct = told.map((each) => JSON.stringify(each));
    assert.deepEqual(
      distinct.filter((each, index) => each !== distinct[index - 1]),
      [
        [10, []],
        [10, [["1", 3]]],
        [10, [["2", 3]]],
        [undefined, [["2", 3]]],
        [undefined, []],
      ].map((each) => JSON.stringify(each).replace("undefined", "null")),
    );
  });
});

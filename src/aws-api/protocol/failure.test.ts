import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as iam from "@aws-sdk/client-iam";
import * as lambda from "@aws-sdk/client-lambda";
import { AwsError, resourceNotFound } from "../../core/errors.ts";
import { failureOf } from "./failure.ts";
import { buildServiceModel } from "./service-model.ts";

const configuration = { region: "eu-west-1", credentials: { accessKeyId: "a", secretAccessKey: "b" } };
const lambdaModel = buildServiceModel({
  signingName: "lambda",
  client: new lambda.LambdaClient(configuration),
  module: lambda,
  handlers: {},
});
const iamModel = buildServiceModel({
  signingName: "iam",
  client: new iam.IAMClient(configuration),
  module: iam,
  handlers: {},
});

describe("failureOf", () => {
  test("the message stands in the member that the model has for it", () => {
    assert.deepEqual(failureOf(lambdaModel, resourceNotFound("gone")).members, {
      Type: "User",
      Message: "gone",
    });
    const throttle = new AwsError("TooManyRequestsException", "Rate Exceeded.", 429, {
      Reason: "ConcurrentInvocationLimitExceeded",
      retryAfterSeconds: "1",
      unmodelled: "dropped",
    });
    assert.deepEqual(failureOf(lambdaModel, throttle).members, {
      Type: "User",
      message: "Rate Exceeded.",
      Reason: "ConcurrentInvocationLimitExceeded",
      retryAfterSeconds: "1",
    });
  });

  test("the model's status wins, an error of no model keeps its own", () => {
    assert.equal(failureOf(lambdaModel, new AwsError("ResourceConflictException", "x", 400)).status, 409);
    const unmodelled = failureOf(lambdaModel, new AwsError("ValidationException", "x", 418));
    assert.equal(unmodelled.status, 418);
    assert.equal(unmodelled.members["Type"], undefined);
  });

  test("an exception of the SDK is what it says", () => {
    const error = new lambda.ResourceConflictException({ message: "busy", $metadata: {} });
    const failure = failureOf(lambdaModel, error);
    assert.deepEqual(
      {
        code: failure.code,
        status: failure.status,
        members: failure.members,
        unexpected: failure.unexpected,
      },
      {
        code: "ResourceConflictException",
        status: 409,
        members: { Type: "User", message: "busy" },
        unexpected: false,
      },
    );
  });

  test("query codes find their model", () => {
    assert.equal(failureOf(iamModel, new AwsError("NoSuchEntity", "x")).model?.name, "NoSuchEntityException");
    assert.equal(
      failureOf(iamModel, new AwsError("NoSuchEntityException", "x")).model?.queryCode,
      "NoSuchEntity",
    );
  });

  test("anything else says nothing of itself", () => {
    for (const thrown of [new Error("secret path"), "secret", undefined, { message: "secret" }]) {
      const failure = failureOf(lambdaModel, thrown);
      assert.deepEqual([failure.code, failure.status, failure.unexpected], ["ServiceException", 500, true]);
      assert.doesNotMatch(JSON.stringify(failure.members), /secret/);
    }
    assert.equal(failureOf(undefined, new Error("x")).code, "InternalFailure");
  });
});

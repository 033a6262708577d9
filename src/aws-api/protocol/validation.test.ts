import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as iam from "@aws-sdk/client-iam";
import * as lambda from "@aws-sdk/client-lambda";
import { AwsError } from "../../core/errors.ts";
import constraints from "./constraints.generated.json" with { type: "json" };
import { buildServiceModel, type ServiceModel } from "./service-model.ts";
import { validate } from "./validation.ts";

const configuration = { region: "eu-west-1", credentials: { accessKeyId: "a", secretAccessKey: "b" } };
const lambdaModel = buildServiceModel({
  signingName: "lambda",
  client: new lambda.LambdaClient(configuration),
  module: lambda,
  handlers: {},
  lenientMembers: ["CreateFunctionRequest.Runtime"],
});
const iamModel = buildServiceModel({
  signingName: "iam",
  client: new iam.IAMClient(configuration),
  module: iam,
  handlers: {},
});

function violations(
  service: ServiceModel,
  operation: string,
  input: Record<string, unknown>,
): string | undefined {
  const model = service.operations.get(operation);
  assert.ok(model);
  try {
    validate(model.input, input, service.leniency, service.dialect.validationErrorCode);
    return undefined;
  } catch (error) {
    assert.ok(error instanceof AwsError);
    assert.equal(error.status, 400);
    return `${error.code}: ${error.message}`;
  }
}
const create = { FunctionName: "f", Role: "arn:aws:iam::000000000000:role/r", Code: {} };

describe("validate", () => {
  test("a correct input passes", () =>
    assert.equal(
      violations(lambdaModel, "CreateFunction", { ...create, MemorySize: 128, Tags: { a: "b" } }),
      undefined,
    ));

  test("a pattern", () =>
    assert.match(
      violations(lambdaModel, "GetFunction", { FunctionName: "f!" }) ?? "",
      /^ValidationException: 1 validation error detected: Value 'f!' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: \(arn:/,
    ));

  test("several violations are listed together", () =>
    assert.equal(
      violations(lambdaModel, "CreateFunction", { FunctionName: "f", MemorySize: 1, Timeout: 0 }),
      "ValidationException: 4 validation errors detected: " +
        "Value null at 'role' failed to satisfy constraint: Member must not be null; " +
        "Value null at 'code' failed to satisfy constraint: Member must not be null; " +
        "Value '0' at 'timeout' failed to satisfy constraint: Member must have value greater than or equal to 1; " +
        "Value '1' at 'memorySize' failed to satisfy constraint: Member must have value greater than or equal to 128",
    ));

  test("an element of a list", () =>
    assert.match(
      violations(lambdaModel, "CreateFunction", { ...create, Layers: ["bad"] }) ?? "",
      /Value '\[bad\]' at 'layers' failed to satisfy constraint: Member must satisfy constraint: \[Member must have length less than or equal to \d+, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: .*, Member must not be null\]$/,
    ));

  test("a value of a map, floating-point, which Java prints as such, like its limit", () =>
    assert.equal(
      violations(lambdaModel, "CreateAlias", {
        FunctionName: "f",
        Name: "a",
        FunctionVersion: "1",
        RoutingConfig: { AdditionalVersionWeights: { 2: 2 } },
      }),
      "ValidationException: 1 validation error detected: Value '{2=2.0}' at 'routingConfig.additionalVersionWeights' " +
        "failed to satisfy constraint: Map value must satisfy constraint: [Member must have value less than or equal " +
        "to 1.0, Member must have value greater than or equal to 0.0, Member must not be null]",
    ));

  test("members of structures in lists are named by position", () =>
    assert.match(
      violations(iamModel, "TagRole", {
        RoleName: "r",
        Tags: [
          { Key: "a", Value: "b" },
          { Key: "", Value: "c" },
        ],
      }) ?? "",
      /^ValidationError: .*Value '' at 'tags\.2\.member\.key' failed to satisfy constraint: Member must have length greater than or equal to 1/,
    ));

  test("an enum, and one that the service checks itself", () => {
    assert.match(
      violations(lambdaModel, "Invoke", { FunctionName: "f", InvocationType: "Later" }) ?? "",
      /Value 'Later' at 'invocationType' failed to satisfy constraint: Member must satisfy enum value set: \[/,
    );
    assert.equal(violations(lambdaModel, "CreateFunction", { ...create, Runtime: "cobol" }), undefined);
  });

  test("the value of a sensitive member is not repeated", () => {
    const message = violations(lambdaModel, "CreateFunction", {
      ...create,
      Environment: { Variables: { "not-a-name": "secret" } },
    });
    assert.match(
      message ?? "",
      /Value at 'environment\.variables' failed to satisfy constraint: Map keys must/,
    );
    assert.doesNotMatch(message ?? "", /secret/);
  });

  test("a list of a million bad elements gives one bounded answer", () => {
    const tags = Array.from({ length: 1_000_000 }, () => ({ Key: "" }));
    assert.ok((violations(iamModel, "TagRole", { RoleName: "r", Tags: tags }) ?? "").length < 100_000);
  });

  test("no pattern backtracks without end on hostile values", () => {
    const patterns = new Set<string>();
    JSON.stringify(constraints, (key, value) => {
      if (key === "pattern") patterns.add(value);
      return value;
    });
    assert.ok(patterns.size > 50);
    const pieces = [
      "a",
      "a-",
      "/a",
      "a:",
      "1",
      "arn:aws:",
      "a.",
      "|a",
      " ",
      "aaa/",
      "a_",
      "-",
      "A1",
      "{",
      "\\",
    ];
    for (const pattern of patterns) {
      const expression = new RegExp(`^(?:${pattern})$`);
      for (const piece of pieces) {
        const startedMs = performance.now();
        expression.test(`${piece.repeat(2048 / piece.length)}\u0000`);
        assert.ok(performance.now() - startedMs < 1000, `${pattern} on ${piece}…`);
      }
    }
  });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { requiredPermissions } from "./request-actions.ts";

test("a layer version is read by its ARN with the permission to read it by its name", () => {
  const call = { service: "lambda", account: "123456789012", region: "eu-west-1" };
  const Arn = "arn:aws:lambda:eu-west-1:123456789012:layer:greet:3";
  const byName = { ...call, operation: "GetLayerVersion", input: { LayerName: "greet", VersionNumber: 3 } };
  const byArn = { ...call, operation: "GetLayerVersionByArn", input: { Arn } };
  assert.deepEqual(requiredPermissions(byName), [{ action: "lambda:GetLayerVersion", resources: [Arn] }]);
  assert.deepEqual(requiredPermissions(byArn), requiredPermissions(byName));
});

test("whoever gives a function layers needs the permission to read each of them", () => {
  const layers = [1, 2].map((version) => `arn:aws:lambda:eu-west-1:123456789012:layer:greet:${version}`);
  const permissions = requiredPermissions({
    service: "lambda",
    account: "123456789012",
    region: "eu-west-1",
    operation: "UpdateFunctionConfiguration",
    input: { FunctionName: "f", Layers: layers },
  });
  assert.deepEqual(
    permissions.filter(({ action }) => action === "lambda:GetLayerVersion").map(({ resources }) => resources),
    layers.map((layer) => [layer]),
  );
});

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

test("a resource has one name, in whichever form it is named", () => {
  const resourcesOf = (service: string, operation: string, input: Record<string, unknown>) =>
    requiredPermissions({ service, operation, input, account: "123456789012", region: "eu-west-1" }).map(
      ({ resources }) => resources,
    );
  const lambda = (operation: string, input: Record<string, unknown>) =>
    resourcesOf("lambda", operation, input);
  const own = "arn:aws:lambda:eu-west-1:123456789012";
  for (const FunctionName of [
    "prod",
    "function:prod",
    "123456789012:function:prod",
    "eu-west-1:123456789012:function:prod",
    `${own}:function:prod`,
    "arn:aws-CN:lambda:eu-west-1:123456789012:function:prod",
    "arn:aws-cn:lambda:prod",
  ])
    assert.deepEqual(lambda("DeleteFunction", { FunctionName }), [[`${own}:function:prod`]], FunctionName);
  const layer = (partition: string): string => `arn:${partition}:lambda:eu-west-1:123456789012:layer:prod`;
  assert.deepEqual(lambda("DeleteLayerVersion", { LayerName: layer("aws-x"), VersionNumber: 1 }), [
    [`${layer("aws")}:1`],
  ]);
  assert.deepEqual(lambda("TagResource", { Resource: `arn:aws-X${own.slice(7)}:function:prod` }), [
    [`${own}:function:prod`],
  ]);
  assert.deepEqual(
    resourcesOf("logs", "FilterLogEvents", {
      logGroupIdentifier: "arn:aws-x:logs:eu-west-1:123456789012:log-group:prod:*",
    }),
    [
      [
        "arn:aws:logs:eu-west-1:123456789012:log-group:prod:log-stream:",
        "arn:aws:logs:eu-west-1:123456789012:log-group:prod",
      ],
    ],
  );
  assert.deepEqual(
    resourcesOf("sns", "Unsubscribe", { SubscriptionArn: "arn:aws-x:sns:eu-west-1:123456789012:prod:id" }),
    [["arn:aws:sns:eu-west-1:123456789012:prod"]],
  );
});

test("a rule is its bus's, in the region of that", () => {
  const rule = (input: Record<string, unknown>): readonly string[] | undefined =>
    requiredPermissions({
      service: "events",
      operation: "PutRule",
      input: { Name: "r", ...input },
      account: "123456789012",
      region: "eu-west-1",
    })[0]?.resources;
  assert.deepEqual(rule({}), ["arn:aws:events:eu-west-1:123456789012:rule/r"]);
  assert.deepEqual(rule({ EventBusName: "a/event-bus/b" }), [
    "arn:aws:events:eu-west-1:123456789012:rule/a/event-bus/b/r",
  ]);
  assert.deepEqual(rule({ EventBusName: "arn:aws:events:us-east-1:123456789012:event-bus/prod" }), [
    "arn:aws:events:us-east-1:123456789012:rule/prod/r",
  ]);
  assert.deepEqual(
    requiredPermissions({
      service: "events",
      operation: "TagResource",
      input: { ResourceARN: "arn:aws:events:eu-west-1:123456789012:rule/default/r" },
      account: "123456789012",
      region: "eu-west-1",
    })[0]?.resources,
    rule({}),
  );
});

test("whoever moves messages needs to read and delete them there, and to send them where they go", () => {
  const arn = (name: string): string => `arn:aws:sqs:eu-west-1:123456789012:${name}`;
  const permissions = requiredPermissions({
    service: "sqs",
    operation: "StartMessageMoveTask",
    input: { SourceArn: arn("dead"), DestinationArn: arn("other") },
    account: "123456789012",
    region: "eu-west-1",
  });
  assert.deepEqual(
    permissions.map(({ action, resources }) => `${action} ${String(resources)}`),
    ["StartMessageMoveTask", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes"]
      .map((action) => `sqs:${action} ${arn("dead")}`)
      .concat(`sqs:SendMessage ${arn("other")}`),
  );
});

test("another name or path needs the permission for what has it then", () => {
  const permissions = requiredPermissions({
    service: "iam",
    operation: "UpdateGroup",
    input: { GroupName: "dev", Path: "/teams/", NewGroupName: "admins", NewPath: "/" },
    account: "123456789012",
    region: "eu-west-1",
  });
  assert.deepEqual(
    permissions.map(({ resources }) => resources[0]),
    ["arn:aws:iam::123456789012:group/teams/dev", "arn:aws:iam::123456789012:group/admins"],
  );
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

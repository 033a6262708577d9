import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import {
  AddPermissionCommand,
  type AddPermissionCommandInput,
  CreateAliasCommand,
  DeleteFunctionCommand,
  DeleteResourcePolicyCommand,
  GetFunctionConfigurationCommand,
  GetPolicyCommand,
  GetResourcePolicyCommand,
  PublishVersionCommand,
  PutResourcePolicyCommand,
  RemovePermissionCommand,
} from "@aws-sdk/client-lambda";
import { createActiveFunction } from "../support/created-functions.ts";
import { arnOf, type LambdaEndpoint, openLambdaEndpoint } from "../support/lambda-endpoint.ts";

const FunctionName = "f";
const BUCKET = "arn:aws:s3:::photos";

let lambda: LambdaEndpoint;
beforeEach(async () => {
  lambda = await openLambdaEndpoint();
  await create();
});
afterEach(() => lambda.close());

const create = (): Promise<void> => createActiveFunction(lambda, FunctionName);

const add = async (input: Partial<AddPermissionCommandInput> = {}): Promise<unknown> => {
  const { Statement } = await lambda.client.send(
    new AddPermissionCommand({
      FunctionName,
      StatementId: "s1",
      Action: "lambda:InvokeFunction",
      Principal: "s3.amazonaws.com",
      ...input,
    }),
  );
  return JSON.parse(Statement ?? "");
};
const remove = (input: object = {}) =>
  lambda.client.send(new RemovePermissionCommand({ FunctionName, StatementId: "s1", ...input }));
const policy = async (Qualifier?: string) => {
  const { Policy, RevisionId } = await lambda.client.send(new GetPolicyCommand({ FunctionName, Qualifier }));
  return {
    RevisionId,
    ...(JSON.parse(Policy ?? "") as { Version: string; Id: string; Statement: unknown[] }),
  };
};
const refused = (name: string, message: string | RegExp) => (error: Error) => {
  assert.equal(error.name, name, error.message);
  if (typeof message === "string") assert.equal(error.message, message);
  else assert.match(error.message, message);
  return true;
};

test("statements are written as AWS writes them", async () => {
  assert.deepEqual(await add({ SourceArn: BUCKET, SourceAccount: "111122223333" }), {
    Sid: "s1",
    Effect: "Allow",
    Principal: { Service: "s3.amazonaws.com" },
    Action: "lambda:InvokeFunction",
    Resource: arnOf("f"),
    Condition: {
      StringEquals: { "AWS:SourceAccount": "111122223333" },
      ArnLike: { "AWS:SourceArn": BUCKET },
    },
  });
  assert.deepEqual(
    ((await add({ StatementId: "s2", Principal: "111122223333" })) as { Principal: unknown }).Principal,
    {
      AWS: "arn:aws:iam::111122223333:root",
    },
  );
  const open = (await add({
    StatementId: "s3",
    Principal: "*",
    Action: "lambda:InvokeFunctionUrl",
    FunctionUrlAuthType: "NONE",
  })) as { Principal: unknown; Condition: unknown };
  assert.equal(open.Principal, "*");
  assert.deepEqual(open.Condition, { StringEquals: { "lambda:FunctionUrlAuthType": "NONE" } });
  const { Version, Id, Statement } = await policy();
  assert.equal(Version, "2012-10-17");
  assert.equal(Id, "default");
  assert.equal(Statement.length, 3);
});

test("a statement id is used once, what is not there cannot be removed, the last removal ends the policy", async () => {
  await assert.rejects(
    policy(),
    refused("ResourceNotFoundException", "The resource you requested does not exist."),
  );
  await assert.rejects(
    remove(),
    refused("ResourceNotFoundException", "No policy is associated with the given resource."),
  );
  await add();
  await assert.rejects(
    add(),
    refused(
      "ResourceConflictException",
      "The statement id (s1) provided already exists. Please provide a new statement id, or remove the existing statement.",
    ),
  );
  await assert.rejects(
    remove({ StatementId: "other" }),
    refused("ResourceNotFoundException", "Statement other is not found in resource policy."),
  );
  await remove();
  await assert.rejects(
    policy(),
    refused("ResourceNotFoundException", "The resource you requested does not exist."),
  );
});

test("versions and aliases have policies of their own, $LATEST by that name has none, all go with the function", async () => {
  await lambda.client.send(new PublishVersionCommand({ FunctionName }));
  await lambda.client.send(new CreateAliasCommand({ FunctionName, Name: "live", FunctionVersion: "1" }));
  for (const Qualifier of ["1", "live"])
    assert.equal(((await add({ Qualifier })) as { Resource: string }).Resource, `${arnOf("f")}:${Qualifier}`);
  await assert.rejects(policy(), /does not exist/);
  assert.equal((await policy("live")).Statement.length, 1);
  await assert.rejects(
    add({ Qualifier: "$LATEST" }),
    refused("InvalidParameterValueException", "We currently do not support adding policies for $LATEST."),
  );
  await assert.rejects(
    add({ Qualifier: "7" }),
    refused("ResourceNotFoundException", `Function not found: ${arnOf("f")}:7`),
  );
  await lambda.client.send(new DeleteFunctionCommand({ FunctionName }));
  await create();
  await lambda.client.send(new PublishVersionCommand({ FunctionName }));
  await assert.rejects(policy("1"), /does not exist/);
});

test("a revision id guards a policy, and a change of it is a change of the function's", async () => {
  const { RevisionId: before } = await lambda.client.send(
    new GetFunctionConfigurationCommand({ FunctionName }),
  );
  await add({ RevisionId: before });
  const { RevisionId: after } = await lambda.client.send(
    new GetFunctionConfigurationCommand({ FunctionName }),
  );
  assert.notEqual(after, before);
  assert.equal((await policy()).RevisionId, after);
  await assert.rejects(
    add({ StatementId: "s2", RevisionId: before }),
    refused(
      "PreconditionFailedException",
      "The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to retrieve the latest Revision Id",
    ),
  );
  await assert.rejects(remove({ RevisionId: before }), /does not match the latest Revision Id/);
  await remove({ RevisionId: after });
});

test("principals that are none and policies beyond 20 KB are refused", async () => {
  await assert.rejects(
    add({ Principal: "nobody" }),
    refused(
      "InvalidParameterValueException",
      "The provided principal was invalid. Please check the principal and try again.",
    ),
  );
  const SourceArn = `arn:aws:s3:::${"x".repeat(180)}`;
  const fill = async (): Promise<void> => {
    for (let index = 0; index < 100; index++) await add({ StatementId: `fill-${index}`, SourceArn });
  };
  await assert.rejects(
    fill(),
    refused(
      "PolicyLengthExceededException",
      /^The final policy size \(\d+\) is bigger than the limit \(20480\)\.$/,
    ),
  );
});

test("conditions on function URLs, tokens, organizations and sources are written and checked as AWS does", async () => {
  const conditionOf = async (input: Partial<AddPermissionCommandInput>, StatementId: string) =>
    ((await add({ StatementId, ...input })) as { Condition: unknown }).Condition;
  assert.deepEqual(await conditionOf({ InvokedViaFunctionUrl: true, Principal: "*" }, "a"), {
    Bool: { "lambda:InvokedViaFunctionUrl": "true" },
  });
  const alexa = { Principal: "alexa-connectedhome.amazon.com", EventSourceToken: "amzn1.ask.skill.x" };
  await assert.rejects(add({ StatementId: "b", ...alexa, Principal: "alexa.example.com" }), {
    message: "The provided principal was invalid. Please check the principal and try again.",
  });
  assert.deepEqual(await conditionOf(alexa, "b"), {
    StringEquals: { "lambda:EventSourceToken": "amzn1.ask.skill.x" },
  });
  assert.deepEqual(await conditionOf({ Principal: "*", PrincipalOrgID: "o-0123456789" }, "c"), {
    StringEquals: { "aws:PrincipalOrgID": "o-0123456789" },
  });
  for (const Action of ["lambda:*", "*", "lambda:GetFunction", "lambda:invokefunction"])
    await add({ StatementId: `any-${Action.replace(/\W/g, "-")}`, Action, Principal: "111122223333" });
  const only = (member: string, action: string) =>
    refused("InvalidParameterValueException", `${member} is only supported for ${action} action`);
  await assert.rejects(
    add({ StatementId: "d", FunctionUrlAuthType: "NONE" }),
    only("FunctionUrlAuthType", "lambda:InvokeFunctionUrl"),
  );
  await assert.rejects(
    add({ StatementId: "d", Action: "lambda:InvokeFunctionUrl", InvokedViaFunctionUrl: true }),
    only("InvokedViaFunctionUrl", "lambda:InvokeFunction"),
  );
  await assert.rejects(
    add({ StatementId: "d", Principal: "arn:aws:iam:000000000000:role/x" }),
    refused(
      "InvalidParameterValueException",
      "The provided input'arn:aws:iam:000000000000:role/x'was invalid. Member must satisfy expression: [\\w+=,.@-]* Please check your input and try again.",
    ),
  );
  await assert.rejects(
    add({ StatementId: "d", Action: "lambda:Fly" }),
    refused(
      "InvalidParameterValueException",
      "The provided action lambda:Fly is not an action on Lambda functions.",
    ),
  );
  const bad = { Action: "s3:GetObject", SourceAccount: "12", SourceArn: "photos", PrincipalOrgID: "org" };
  for (const [member, value] of Object.entries(bad))
    await assert.rejects(add({ StatementId: "d", [member]: value }), (error: Error) => {
      assert.equal(error.name, "ValidationException");
      assert.match(error.message, new RegExp(`at '${member[0]?.toLowerCase()}${member.slice(1)}' failed to`));
      return true;
    });
});

test("a whole policy is put, read and deleted, together with what AddPermission does", async () => {
  const ResourceArn = arnOf("f");
  const statement = (Resource: string, Action = "lambda:InvokeFunction") => ({
    Sid: "deny",
    Effect: "Deny",
    Principal: { AWS: "arn:aws:iam::111122223333:root" },
    Action,
    Resource,
  });
  const put = (Statement: object) =>
    lambda.client.send(
      new PutResourcePolicyCommand({
        ResourceArn,
        Policy: JSON.stringify({ Version: "2012-10-17", Statement }),
      }),
    );
  await add();
  await put([statement(ResourceArn)]);
  await add({ StatementId: "s2" });
  const whole = await lambda.client.send(new GetResourcePolicyCommand({ ResourceArn }));
  const { Statement } = JSON.parse(whole.Policy ?? "") as { Statement: { Sid: string }[] };
  assert.deepEqual(
    Statement.map(({ Sid }) => Sid),
    ["deny", "s2"],
  );
  await assert.rejects(put([statement(arnOf("g"))]), /The resource of each statement must be/);
  await assert.rejects(put([statement(ResourceArn, "s3:GetObject")]), /not Lambda's/);
  await lambda.client.send(new DeleteResourcePolicyCommand({ ResourceArn, RevisionId: whole.RevisionId }));
  await assert.rejects(policy(), /does not exist/);
});

test("a service may invoke when the policy says so, for this source and account alone", async () => {
  const ask = (sourceArn: string, sourceAccount: string, servicePrincipal = "s3.amazonaws.com") =>
    lambda.functions.policies.allows({ servicePrincipal, functionArn: arnOf("f"), sourceArn, sourceAccount });
  assert.equal(ask(BUCKET, "111122223333"), false);
  await add({ SourceArn: BUCKET, SourceAccount: "111122223333" });
  assert.equal(ask(BUCKET, "111122223333"), true);
  assert.equal(ask(`${BUCKET}2`, "111122223333"), false);
  assert.equal(ask(BUCKET, "999999999999"), false);
  assert.equal(ask(BUCKET, "111122223333", "sns.amazonaws.com"), false);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../test/support/manual-clock.ts";
import { MemoryKeyValueStore } from "../../test/support/memory-store.ts";
import { authorize } from "./authorize.ts";
import { openIam } from "./iam.ts";

const account = "123456789012";
const FUNCTION_TAGS = { team: "red" };

/** A user who may do everything under one condition. */
async function open(Condition: object) {
  const clock = new ManualClock();
  const iam = await openIam({ keyValue: new MemoryKeyValueStore(), clock });
  const { userId } = await iam.users.create({ account, userName: "ann", path: "/", tags: [] });
  const statement = { Effect: "Allow", Action: "*", Resource: "*", Condition };
  const document = JSON.stringify({ Version: "2012-10-17", Statement: statement });
  await iam.users.putInlinePolicy(account, "ann", { name: "p", document });
  const may = (service: string, operation: string, input: Record<string, unknown>): boolean => {
    try {
      authorize(iam.directory, {
        principal: { type: "user", account, path: "/", userName: "ann", userId },
        service,
        operation,
        input,
        region: "eu-west-1",
        nowMs: clock.nowMs(),
        resourceTags: (_service, arn) => (arn.endsWith(":function:tagged") ? FUNCTION_TAGS : undefined),
      });
      return true;
    } catch {
      return false;
    }
  };
  return { iam, may };
}

test("Lambda's own keys: principals, URLs' authentication, layers, code signing", async () => {
  const principal = await open({ StringEquals: { "lambda:Principal": "s3.amazonaws.com" } });
  const add = (Principal: string) => ({ FunctionName: "f", StatementId: "s", Principal });
  assert.equal(principal.may("lambda", "AddPermission", add("s3.amazonaws.com")), true);
  assert.equal(principal.may("lambda", "AddPermission", add("*")), false);

  const url = await open({ StringEquals: { "lambda:FunctionUrlAuthType": "AWS_IAM" } });
  const create = (AuthType: string) =>
    url.may("lambda", "CreateFunctionUrlConfig", { FunctionName: "f", AuthType });
  assert.equal(create("AWS_IAM"), true);
  assert.equal(create("NONE"), false);
  const permission = { ...add("*"), FunctionUrlAuthType: "AWS_IAM" };
  assert.equal(url.may("lambda", "AddPermission", permission), true);

  const own = `arn:aws:lambda:eu-west-1:${account}:layer:*:*`;
  const layer = await open({ "ForAllValues:StringLike": { "lambda:Layer": [own] } });
  const update = (...accounts: string[]) =>
    layer.may("lambda", "UpdateFunctionConfiguration", {
      FunctionName: "f",
      Layers: accounts.map((of) => `arn:aws:lambda:eu-west-1:${of}:layer:l:1`),
    });
  assert.equal(update(account, account), true);
  assert.equal(update(account, "999999999999"), false);

  const arn = `arn:aws:lambda:eu-west-1:${account}:code-signing-config:csc-0123456789abcdef0`;
  const signing = await open({ StringEquals: { "lambda:CodeSigningConfigArn": arn } });
  const put = (CodeSigningConfigArn: string) =>
    signing.may("lambda", "PutFunctionCodeSigningConfig", { FunctionName: "f", CodeSigningConfigArn });
  assert.equal(put(arn), true);
  assert.equal(put(`${arn.slice(0, -1)}1`), false);
});

test("tags of requests and of resources", async () => {
  const request = await open({
    StringEquals: { "aws:RequestTag/team": "red" },
    "ForAllValues:StringEquals": { "aws:TagKeys": ["team", "stage"] },
  });
  const create = (Tags: object) => request.may("lambda", "CreateFunction", { FunctionName: "f", Tags });
  assert.equal(create({ team: "red", stage: "live" }), true);
  assert.equal(create({ team: "blue" }), false);
  assert.equal(create({ team: "red", other: "x" }), false);
  assert.equal(create({}), false);
  const tags = [{ Key: "team", Value: "red" }];
  assert.equal(request.may("iam", "TagRole", { RoleName: "r", Tags: tags }), true);

  const untag = await open({ "ForAllValues:StringEquals": { "aws:TagKeys": ["stage"] } });
  const remove = (...TagKeys: string[]) =>
    untag.may("lambda", "UntagResource", {
      Resource: `arn:aws:lambda:eu-west-1:${account}:function:f`,
      TagKeys,
    });
  assert.equal(remove("stage"), true);
  assert.equal(remove("stage", "team"), false);

  const { iam, may } = await open({ StringEquals: { "aws:ResourceTag/team": "red" } });
  assert.equal(may("lambda", "DeleteFunction", { FunctionName: "tagged" }), true);
  assert.equal(may("lambda", "DeleteFunction", { FunctionName: "plain" }), false);
  for (const [userName, value] of [
    ["bob", "red"],
    ["eve", "blue"],
  ] as const)
    await iam.users.create({ account, userName, path: "/staff/", tags: [{ key: "team", value }] });
  assert.equal(may("iam", "DeleteUser", { UserName: "bob" }), true);
  assert.equal(may("iam", "DeleteUser", { UserName: "eve" }), false);
});

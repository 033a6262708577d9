import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../test/support/manual-clock.ts";
import { MemoryKeyValueStore } from "../../test/support/memory-store.ts";
import type { AwsError } from "../core/errors.ts";
import { parsePolicyDocument } from "../core/policy-document.ts";
import { assumeRole } from "./assume-role.ts";
import { authorize } from "./authorize.ts";
import { openIam } from "./iam.ts";
import type { RolePrincipal } from "./principal-entity.ts";
import { createSessionCredentials, unknownRoleId } from "./session-credentials.ts";

const ACCOUNT = "123456789012";
const POLICIES = "arn:aws:iam::aws:policy";

function trustPolicy(principal: object, condition?: object): string {
  const statement = { Effect: "Allow", Principal: principal, Action: "sts:AssumeRole" };
  return JSON.stringify({
    Version: "2012-10-17",
    Statement: { ...statement, ...(condition && { Condition: condition }) },
  });
}

async function open() {
  const clock = new ManualClock();
  const keyValue = new MemoryKeyValueStore();
  const iam = await openIam({ keyValue, clock });
  const credentials = await createSessionCredentials({
    keyValue,
    clock,
    directory: iam.directory,
    defaultAccount: "000000000000",
  });
  const makeRole = async (roleName: string, trust = trustPolicy({ Service: "lambda.amazonaws.com" })) => {
    const role = await iam.roles.create({
      account: ACCOUNT,
      roleName,
      path: "/",
      assumeRolePolicy: trust,
      description: undefined,
      maxSessionDurationSeconds: undefined,
      tags: [],
    });
    const principal: RolePrincipal = {
      type: "assumed-role",
      account: ACCOUNT,
      roleName,
      roleId: role.roleId,
      sessionName: "orders",
    };
    return principal;
  };
  const put = (roleName: string, ...statements: object[]) =>
    iam.roles.putInlinePolicy(ACCOUNT, roleName, {
      name: "p",
      document: JSON.stringify({ Version: "2012-10-17", Statement: statements }),
    });
  const call = (
    principal: RolePrincipal,
    service: string,
    operation: string,
    input: Record<string, unknown>,
  ) =>
    authorize(iam.directory, {
      principal,
      service,
      operation,
      input,
      region: "eu-west-1",
      nowMs: clock.nowMs(),
    });
  return { iam, clock, credentials, makeRole, put, call };
}

const isDenied = (code: string, status: number, message: RegExp) => (error: AwsError) => {
  assert.equal(error.code, code);
  assert.equal(error.status, status);
  assert.match(error.message, message);
  return true;
};

test("a role may do what its inline and attached policies allow, and nothing else", async () => {
  const { iam, makeRole, put, call } = await open();
  const principal = await makeRole("worker");
  const invoke = () => call(principal, "lambda", "Invoke", { FunctionName: "target" });
  const arn = `arn:aws:lambda:eu-west-1:${ACCOUNT}:function:target`;
  assert.throws(invoke, (error: AwsError) => {
    assert.equal(error.code, "AccessDeniedException");
    assert.equal(error.status, 403);
    assert.equal(
      error.message,
      `User: arn:aws:sts::${ACCOUNT}:assumed-role/worker/orders is not authorized to perform: lambda:InvokeFunction ` +
        `on resource: ${arn} because no identity-based policy allows the lambda:InvokeFunction action`,
    );
    return true;
  });
  await put("worker", { Effect: "Allow", Action: "lambda:InvokeFunction", Resource: arn });
  invoke();
  call(principal, "lambda", "Invoke", { FunctionName: arn });
  call(principal, "lambda", "InvokeWithResponseStream", { FunctionName: `${ACCOUNT}:function:target` });
  const qualified = () => call(principal, "lambda", "Invoke", { FunctionName: "target", Qualifier: "live" });
  assert.throws(qualified, isDenied("AccessDeniedException", 403, /function:target:live/));
  await iam.roles.attach(ACCOUNT, "worker", `${POLICIES}/service-role/AWSLambdaRole`);
  qualified();
  await put(
    "worker",
    { Effect: "Allow", Action: "*", Resource: "*" },
    { Effect: "Deny", Action: "lambda:Invoke*", Resource: "*" },
  );
  assert.throws(
    invoke,
    isDenied("AccessDeniedException", 403, /with an explicit deny in an identity-based policy$/),
  );
});

test("calls on logs and IAM are authorized on their resources, in their services' errors", async () => {
  const { iam, makeRole, put, call } = await open();
  const principal = await makeRole("worker");
  const write = (logGroupName: string) =>
    call(principal, "logs", "PutLogEvents", { logGroupName, logStreamName: "s" });
  assert.throws(
    () => write("/aws/lambda/a"),
    isDenied(
      "AccessDeniedException",
      400,
      /logs:PutLogEvents on resource: arn:aws:logs:eu-west-1:123456789012:log-group:\/aws\/lambda\/a:log-stream:s /,
    ),
  );
  const groups = `arn:aws:logs:eu-west-1:${ACCOUNT}:log-group:/aws/lambda/a`;
  await put("worker", { Effect: "Allow", Action: "logs:*", Resource: [`${groups}:*`, `${groups}b`] });
  write("/aws/lambda/a");
  call(principal, "logs", "CreateLogGroup", { logGroupName: "/aws/lambda/ab" });
  assert.throws(() => write("/aws/lambda/b"));
  const getRole = () => call(principal, "iam", "GetRole", { RoleName: "worker" });
  assert.throws(
    getRole,
    isDenied("AccessDenied", 403, /iam:GetRole on resource: arn:aws:iam::123456789012:role\/worker /),
  );
  await iam.roles.attach(ACCOUNT, "worker", `${POLICIES}/ReadOnlyAccess`);
  getRole();
});

test("metrics are authorized by namespace, live tail on each of its groups", async () => {
  const { makeRole, put, call } = await open();
  const principal = await makeRole("worker");
  const write = (Namespace: string) => call(principal, "monitoring", "PutMetricData", { Namespace });
  const groups = `arn:aws:logs:eu-west-1:${ACCOUNT}:log-group`;
  const tail = (...names: string[]) => {
    const logGroupIdentifiers = names.map((name) => `${groups}:${name}`);
    call(principal, "logs", "StartLiveTail", { logGroupIdentifiers });
  };
  assert.throws(
    () => write("Shop"),
    isDenied("AccessDenied", 403, /cloudwatch:PutMetricData on resource: \*/),
  );
  await put(
    "worker",
    {
      Effect: "Allow",
      Action: "cloudwatch:PutMetricData",
      Resource: "*",
      Condition: { StringEquals: { "cloudwatch:namespace": "Shop" } },
    },
    { Effect: "Allow", Action: "logs:StartLiveTail", Resource: [`${groups}:a`, `${groups}:b:*`] },
  );
  write("Shop");
  assert.throws(() => write("Other"));
  assert.throws(() => call(principal, "monitoring", "ListMetrics", {}));
  tail("a");
  tail("a", "b");
  assert.throws(() => tail("a", "c"));
});

test("giving a function a role needs iam:PassRole", async () => {
  const { makeRole, put, call } = await open();
  const principal = await makeRole("deployer");
  const Role = `arn:aws:iam::${ACCOUNT}:role/worker`;
  const create = () => call(principal, "lambda", "CreateFunction", { FunctionName: "f", Role });
  const lambda = { Effect: "Allow", Action: "lambda:*", Resource: "*" };
  await put("deployer", lambda);
  assert.throws(
    create,
    isDenied(
      "AccessDeniedException",
      403,
      /iam:PassRole on resource: arn:aws:iam::123456789012:role\/worker/,
    ),
  );
  const pass = (service: string) => ({
    Effect: "Allow",
    Action: "iam:PassRole",
    Resource: Role,
    Condition: { StringEquals: { "iam:PassedToService": service } },
  });
  await put("deployer", lambda, pass("ec2.amazonaws.com"));
  assert.throws(create);
  await put("deployer", lambda, pass("lambda.amazonaws.com"));
  create();
});

test("GetCallerIdentity is always allowed; a role that is not there may do nothing else", async () => {
  const { iam, makeRole, put, call } = await open();
  const roleId = unknownRoleId(ACCOUNT, "ghost");
  const ghost: RolePrincipal = {
    type: "assumed-role",
    account: ACCOUNT,
    roleName: "ghost",
    roleId,
    sessionName: "s",
  };
  call(ghost, "sts", "GetCallerIdentity", {});
  assert.throws(
    () => call(ghost, "lambda", "ListFunctions", {}),
    isDenied("AccessDeniedException", 403, /on resource: \* /),
  );
  const made = await makeRole("ghost");
  await put("ghost", { Effect: "Allow", Action: "lambda:*", Resource: "*" });
  call(ghost, "lambda", "ListFunctions", {});
  await iam.roles.deleteInlinePolicy(ACCOUNT, "ghost", "p");
  await iam.roles.remove(ACCOUNT, "ghost");
  await makeRole("ghost");
  await put("ghost", { Effect: "Allow", Action: "lambda:*", Resource: "*" });
  assert.throws(() => call(made, "lambda", "ListFunctions", {}), /not authorized/);
});

test("AssumeRole asks the role's trust policy and the caller's policies", async () => {
  const { iam, clock, credentials, makeRole, put } = await open();
  const deps = { directory: iam.directory, credentials, clock };
  const caller = await makeRole("caller");
  const request = { roleArn: `arn:aws:iam::${ACCOUNT}:role/target`, sessionName: "s", region: "eu-west-1" };
  const assume = (rest: object = {}) =>
    assumeRole(deps, {
      ...request,
      principal: caller,
      durationSeconds: undefined,
      externalId: undefined,
      ...rest,
    });
  const denied = isDenied(
    "AccessDenied",
    403,
    /is not authorized to perform: sts:AssumeRole on resource: .*role\/target$/,
  );
  assert.throws(assume, denied);
  await makeRole("target", trustPolicy({ AWS: ACCOUNT }));
  assert.throws(assume, denied, "the account is trusted, but the caller's policies allow nothing");
  const root = { type: "root", account: ACCOUNT };
  const assumed = assume({ principal: root });
  assert.equal(assumed.arn, `arn:aws:sts::${ACCOUNT}:assumed-role/target/s`);
  const { accessKeyId, sessionToken } = assumed.credentials;
  assert.equal(credentials.principalFor({ accessKeyId, sessionToken }).type, "assumed-role");
  assert.throws(() => assume({ principal: { ...root, account: "999999999999" } }), denied);
  await put("caller", { Effect: "Allow", Action: "sts:AssumeRole", Resource: request.roleArn });
  assume();
  assert.throws(() => assume({ durationSeconds: 7200 }), /1 hour session limit/);
  assert.throws(() => assume({ principal: root, durationSeconds: 7200 }), /exceeds the MaxSessionDuration/);
  await iam.roles.updateTrust(
    ACCOUNT,
    "target",
    trustPolicy({ AWS: ACCOUNT }, { StringEquals: { "sts:ExternalId": "secret" } }),
  );
  assert.throws(assume, denied);
  assume({ externalId: "secret" });
  await iam.roles.deleteInlinePolicy(ACCOUNT, "caller", "p");
  await iam.roles.updateTrust(ACCOUNT, "target", trustPolicy({ AWS: `arn:aws:iam::${ACCOUNT}:role/caller` }));
  assume();
});

test("the policy of a resource: alone enough within the account, both needed across accounts, a deny anywhere wins", async () => {
  const { iam, makeRole, put, clock } = await open();
  const principal = await makeRole("worker");
  const statement = (Effect: string, AWS: string) => ({
    Effect,
    Principal: { AWS },
    Action: "lambda:InvokeFunction",
    Resource: "*",
  });
  const invoke = (account: string, ...statements: object[]) => {
    const document = parsePolicyDocument(
      JSON.stringify({ Version: "2012-10-17", Statement: statements }),
      "resource",
    );
    assert.ok(!("problem" in document));
    authorize(iam.directory, {
      principal,
      service: "lambda",
      operation: "Invoke",
      input: { FunctionName: `arn:aws:lambda:eu-west-1:${account}:function:target` },
      region: "eu-west-1",
      nowMs: clock.nowMs(),
      resourcePolicies: () => ({ account, document }),
    });
  };
  const own = `arn:aws:iam::${ACCOUNT}:role/worker`;
  const root = `arn:aws:iam::${ACCOUNT}:root`;
  invoke(ACCOUNT, statement("Allow", own));
  invoke(ACCOUNT, statement("Allow", "*"));
  assert.throws(() => invoke(ACCOUNT, statement("Allow", root)), /no identity-based policy allows/);
  assert.throws(() => invoke("999999999999", statement("Allow", own)), /no identity-based policy allows/);
  await put("worker", { Effect: "Allow", Action: "lambda:*", Resource: "*" });
  invoke(ACCOUNT);
  invoke("999999999999", statement("Allow", root));
  assert.throws(() => invoke("999999999999"), /no resource-based policy allows/);
  for (const name of [own, root, "*"])
    assert.throws(
      () => invoke(ACCOUNT, statement("Allow", "*"), statement("Deny", name)),
      /explicit deny in a resource-based policy/,
    );
});

test("a user is limited by its own policies, and is nobody once it has been deleted", async () => {
  const { iam, clock } = await open();
  const user = await iam.users.create({ account: ACCOUNT, userName: "ann", path: "/staff/", tags: [] });
  const principal = { type: "user", account: ACCOUNT, path: "/staff/", userName: "ann" } as const;
  const list = (userId = user.userId) =>
    authorize(iam.directory, {
      principal: { ...principal, userId },
      service: "lambda",
      operation: "ListFunctions",
      input: {},
      region: "eu-west-1",
      nowMs: clock.nowMs(),
    });
  assert.throws(list, isDenied("AccessDeniedException", 403, /user\/staff\/ann is not authorized/));
  await iam.users.putInlinePolicy(ACCOUNT, "ann", {
    name: "p",
    document: JSON.stringify({
      Version: "2012-10-17",
      Statement: {
        Effect: "Allow",
        Action: "*",
        Resource: "*",
        Condition: { StringEquals: { "aws:username": "ann" } },
      },
    }),
  });
  list();
  assert.throws(() => list("AIDAAAAAAAAAAAAAAAAAA"), isDenied("AccessDeniedException", 403, /no identity/));
});

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  AttachRolePolicyCommand,
  CreatePolicyCommand,
  CreatePolicyVersionCommand,
  CreateRoleCommand,
  DeletePolicyCommand,
  DeletePolicyVersionCommand,
  DeleteRoleCommand,
  DeleteRolePolicyCommand,
  DetachRolePolicyCommand,
  EntityAlreadyExistsException,
  GetPolicyCommand,
  GetPolicyVersionCommand,
  GetRoleCommand,
  GetRolePolicyCommand,
  IAMClient,
  ListAttachedRolePoliciesCommand,
  ListEntitiesForPolicyCommand,
  ListInstanceProfilesForRoleCommand,
  ListPolicyTagsCommand,
  ListPolicyVersionsCommand,
  ListRolePoliciesCommand,
  ListRoleTagsCommand,
  MalformedPolicyDocumentException,
  NoSuchEntityException,
  PutRolePolicyCommand,
  paginateListPolicies,
  paginateListRoles,
  TagPolicyCommand,
  TagRoleCommand,
  UntagPolicyCommand,
  UntagRoleCommand,
  UpdateAssumeRolePolicyCommand,
  UpdateRoleCommand,
  UpdateRoleDescriptionCommand,
  waitUntilRoleExists,
} from "@aws-sdk/client-iam";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

const ACCOUNT = "111122223333";
const BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";
const TRUST = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" }],
});
const READ = JSON.stringify({
  Version: "2012-10-17",
  Statement: { Effect: "Allow", Action: "s3:GetObject", Resource: "arn:aws:s3:::b/*" },
});

describe("IAM with the JS SDK", () => {
  let lambent: RunningLambent;
  let iam: IAMClient;

  before(async () => {
    lambent = await startLambent();
    iam = client(ACCOUNT);
  });
  after(async () => {
    iam.destroy();
    await lambent.stop();
  });

  function client(account: string): IAMClient {
    return new IAMClient({
      endpoint: lambent.endpoint,
      region: "us-east-1",
      credentials: { accessKeyId: account, secretAccessKey: "any" },
      maxAttempts: 1,
    });
  }

  const createRole = (RoleName: string, rest: object = {}) =>
    iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: TRUST, ...rest }));

  test("a role's life", async () => {
    const RoleName = "worker";
    const created = await createRole(RoleName, {
      Path: "/service-role/",
      Description: "works",
      Tags: [{ Key: "team", Value: "red" }],
    });
    assert.match(created.Role?.RoleId ?? "", /^AROA[A-Z2-7]{17}$/);
    assert.equal(created.Role?.Arn, `arn:aws:iam::${ACCOUNT}:role/service-role/worker`);
    assert.equal(decodeURIComponent(created.Role?.AssumeRolePolicyDocument ?? ""), TRUST);
    assert.equal(created.Role?.MaxSessionDuration, undefined);
    await waitUntilRoleExists({ client: iam, maxWaitTime: 5 }, { RoleName });
    await assert.rejects(createRole(RoleName), (error: unknown) => {
      assert.ok(error instanceof EntityAlreadyExistsException);
      assert.equal(error.message, "Role with name worker already exists.");
      assert.equal(error.$metadata.httpStatusCode, 409);
      return true;
    });
    await iam.send(new UpdateRoleCommand({ RoleName, Description: "works more", MaxSessionDuration: 7200 }));
    const { Role } = await iam.send(new GetRoleCommand({ RoleName }));
    assert.equal(Role?.Description, "works more");
    assert.equal(Role?.MaxSessionDuration, 7200);
    assert.deepEqual(Role?.Tags, [{ Key: "team", Value: "red" }]);
    assert.equal(Role?.CreateDate?.getMilliseconds(), 0);
    await iam.send(
      new TagRoleCommand({
        RoleName,
        Tags: [
          { Key: "Team", Value: "blue" },
          { Key: "a", Value: "" },
        ],
      }),
    );
    const tags = await iam.send(new ListRoleTagsCommand({ RoleName }));
    assert.deepEqual(tags.Tags, [
      { Key: "a", Value: "" },
      { Key: "Team", Value: "blue" },
    ]);
    await iam.send(new UntagRoleCommand({ RoleName, TagKeys: ["a", "Team"] }));
    assert.equal((await iam.send(new GetRoleCommand({ RoleName }))).Role?.Tags, undefined);
    const profiles = await iam.send(new ListInstanceProfilesForRoleCommand({ RoleName }));
    assert.deepEqual(profiles.InstanceProfiles, []);
    await iam.send(new DeleteRoleCommand({ RoleName }));
    await assert.rejects(iam.send(new GetRoleCommand({ RoleName })), (error: unknown) => {
      assert.ok(error instanceof NoSuchEntityException);
      assert.equal(error.message, "The role with name worker cannot be found.");
      assert.equal(error.$metadata.httpStatusCode, 404);
      return true;
    });
  });

  test("roles belong to their account", async () => {
    await createRole("private");
    const other = client("444455556666");
    await assert.rejects(other.send(new GetRoleCommand({ RoleName: "private" })), NoSuchEntityException);
    other.destroy();
  });

  test("inline and attached policies, and what they hold back", async () => {
    const RoleName = "holder";
    await createRole(RoleName);
    await iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: "read", PolicyDocument: READ }));
    const inline = await iam.send(new GetRolePolicyCommand({ RoleName, PolicyName: "read" }));
    assert.equal(decodeURIComponent(inline.PolicyDocument ?? ""), READ);
    assert.deepEqual((await iam.send(new ListRolePoliciesCommand({ RoleName }))).PolicyNames, ["read"]);
    await iam.send(new AttachRolePolicyCommand({ RoleName, PolicyArn: BASIC }));
    await iam.send(new AttachRolePolicyCommand({ RoleName, PolicyArn: BASIC }));
    const attached = await iam.send(new ListAttachedRolePoliciesCommand({ RoleName }));
    assert.deepEqual(attached.AttachedPolicies, [
      { PolicyName: "AWSLambdaBasicExecutionRole", PolicyArn: BASIC },
    ]);
    const remove = () => iam.send(new DeleteRoleCommand({ RoleName }));
    await assert.rejects(remove(), {
      name: "DeleteConflictException",
      message: /must detach all policies first/,
    });
    await iam.send(new DetachRolePolicyCommand({ RoleName, PolicyArn: BASIC }));
    await assert.rejects(remove(), {
      name: "DeleteConflictException",
      message: /must delete policies first/,
    });
    await iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName: "read" }));
    await assert.rejects(iam.send(new GetRolePolicyCommand({ RoleName, PolicyName: "read" })), {
      name: "NoSuchEntityException",
      message: "The role policy with name read cannot be found.",
    });
    await assert.rejects(
      iam.send(new DetachRolePolicyCommand({ RoleName, PolicyArn: BASIC })),
      NoSuchEntityException,
    );
    const unknown = "arn:aws:iam::aws:policy/AmazonBraketFullAccess";
    await assert.rejects(iam.send(new AttachRolePolicyCommand({ RoleName, PolicyArn: unknown })), {
      name: "NoSuchEntityException",
      message: `Policy ${unknown} does not exist or is not attachable.`,
    });
    await remove();
  });

  test("malformed documents and what is not supported are refused", async () => {
    await assert.rejects(
      createRole("bad", { AssumeRolePolicyDocument: "{" }),
      MalformedPolicyDocumentException,
    );
    await createRole("good");
    const put = (PolicyDocument: string) =>
      iam.send(new PutRolePolicyCommand({ RoleName: "good", PolicyName: "p", PolicyDocument }));
    await assert.rejects(put(TRUST), {
      name: "MalformedPolicyDocumentException",
      message: "Policy document should not specify a principal.",
    });
    const update = new UpdateAssumeRolePolicyCommand({ RoleName: "good", PolicyDocument: READ });
    await assert.rejects(iam.send(update), { message: "Has prohibited field Resource" });
    const PermissionsBoundary = `arn:aws:iam::${ACCOUNT}:policy/none`;
    await assert.rejects(createRole("bounded", { PermissionsBoundary }), {
      name: "NoSuchEntityException",
      message: `Scope ARN: ${PermissionsBoundary} does not exist or is not attachable.`,
    });
    await assert.rejects(createRole("no spaces"), { name: "ValidationError" });
  });

  test("a role's description and a policy's tags change as Terraform changes them", async () => {
    await createRole("described");
    const described = { RoleName: "described", Description: "for orders" };
    const { Role } = await iam.send(new UpdateRoleDescriptionCommand(described));
    assert.equal(Role?.Description, "for orders");
    const { Policy } = await iam.send(
      new CreatePolicyCommand({
        PolicyName: "tagged",
        PolicyDocument: READ,
        Tags: [{ Key: "team", Value: "red" }],
      }),
    );
    const PolicyArn = Policy?.Arn;
    const blue = [{ Key: "TEAM", Value: "blue" }];
    await iam.send(new TagPolicyCommand({ PolicyArn, Tags: [...blue, { Key: "level", Value: "3" }] }));
    await iam.send(new UntagPolicyCommand({ PolicyArn, TagKeys: ["level"] }));
    assert.deepEqual((await iam.send(new ListPolicyTagsCommand({ PolicyArn }))).Tags, blue);
    await iam.send(new DeletePolicyCommand({ PolicyArn }));
  });

  test("managed policies and their versions", async () => {
    const { Policy } = await iam.send(
      new CreatePolicyCommand({ PolicyName: "reader", PolicyDocument: READ }),
    );
    const PolicyArn = `arn:aws:iam::${ACCOUNT}:policy/reader`;
    assert.equal(Policy?.Arn, PolicyArn);
    assert.match(Policy?.PolicyId ?? "", /^ANPA[A-Z2-7]{17}$/);
    const version = (SetAsDefault: boolean) =>
      iam.send(new CreatePolicyVersionCommand({ PolicyArn, PolicyDocument: READ, SetAsDefault }));
    assert.equal((await version(true)).PolicyVersion?.VersionId, "v2");
    for (const expected of ["v3", "v4", "v5"]) {
      assert.equal((await version(false)).PolicyVersion?.VersionId, expected);
    }
    await assert.rejects(version(false), { name: "LimitExceededException" });
    const versions = await iam.send(new ListPolicyVersionsCommand({ PolicyArn }));
    assert.deepEqual(
      versions.Versions?.map(({ VersionId }) => VersionId),
      ["v5", "v4", "v3", "v2", "v1"],
    );
    const second = await iam.send(new GetPolicyVersionCommand({ PolicyArn, VersionId: "v2" }));
    assert.equal(second.PolicyVersion?.IsDefaultVersion, true);
    assert.equal(decodeURIComponent(second.PolicyVersion?.Document ?? ""), READ);
    await createRole("uses-reader");
    await iam.send(new AttachRolePolicyCommand({ RoleName: "uses-reader", PolicyArn }));
    const read = await iam.send(new GetPolicyCommand({ PolicyArn }));
    assert.equal(read.Policy?.AttachmentCount, 1);
    assert.equal(read.Policy?.DefaultVersionId, "v2");
    const entities = await iam.send(new ListEntitiesForPolicyCommand({ PolicyArn }));
    assert.deepEqual(
      entities.PolicyRoles?.map(({ RoleName }) => RoleName),
      ["uses-reader"],
    );
    const remove = () => iam.send(new DeletePolicyCommand({ PolicyArn }));
    await assert.rejects(remove(), { message: "Cannot delete a policy attached to entities." });
    await iam.send(new DetachRolePolicyCommand({ RoleName: "uses-reader", PolicyArn }));
    await assert.rejects(remove(), { name: "DeleteConflictException" });
    for (const VersionId of ["v1", "v3", "v4", "v5"]) {
      await iam.send(new DeletePolicyVersionCommand({ PolicyArn, VersionId }));
    }
    await assert.rejects(iam.send(new DeletePolicyVersionCommand({ PolicyArn, VersionId: "v2" })), {
      message: "Cannot delete the default version of a policy.",
    });
    await remove();
    await assert.rejects(iam.send(new GetPolicyCommand({ PolicyArn })), {
      message: `Policy ${PolicyArn} was not found.`,
    });
  });

  test("lists are paged", async () => {
    const pager = client("777788889999");
    for (const name of ["a", "b", "c", "d", "e"]) {
      await pager.send(new CreateRoleCommand({ RoleName: name, AssumeRolePolicyDocument: TRUST }));
    }
    const pages: (string | undefined)[][] = [];
    for await (const page of paginateListRoles({ client: pager, pageSize: 2 }, {})) {
      pages.push((page.Roles ?? []).map(({ RoleName }) => RoleName));
    }
    assert.deepEqual(pages, [["a", "b"], ["c", "d"], ["e"]]);
    const names: (string | undefined)[] = [];
    for await (const page of paginateListPolicies({ client: pager, pageSize: 5 }, { Scope: "AWS" })) {
      names.push(...(page.Policies ?? []).map(({ PolicyName }) => PolicyName));
    }
    assert.ok(names.includes("AdministratorAccess") && names.includes("AWSLambdaVPCAccessExecutionRole"));
    assert.equal(new Set(names).size, names.length);
    pager.destroy();
  });
});

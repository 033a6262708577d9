import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  AddUserToGroupCommand,
  AttachGroupPolicyCommand,
  AttachRolePolicyCommand,
  CreateGroupCommand,
  CreatePolicyCommand,
  CreateRoleCommand,
  CreateUserCommand,
  DeleteConflictException,
  DeleteGroupCommand,
  DeleteGroupPolicyCommand,
  DeletePolicyCommand,
  DeleteRolePermissionsBoundaryCommand,
  DeleteUserCommand,
  DeleteUserPermissionsBoundaryCommand,
  DetachGroupPolicyCommand,
  EntityAlreadyExistsException,
  GetGroupCommand,
  GetGroupPolicyCommand,
  GetPolicyCommand,
  GetRoleCommand,
  GetUserCommand,
  IAMClient,
  LimitExceededException,
  ListAttachedGroupPoliciesCommand,
  ListEntitiesForPolicyCommand,
  ListGroupPoliciesCommand,
  ListGroupsForUserCommand,
  ListPoliciesCommand,
  ListUsersCommand,
  NoSuchEntityException,
  PutGroupPolicyCommand,
  PutRolePermissionsBoundaryCommand,
  PutUserPermissionsBoundaryCommand,
  paginateGetGroup,
  paginateListGroups,
  RemoveUserFromGroupCommand,
  UpdateGroupCommand,
} from "@aws-sdk/client-iam";
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

const ACCOUNT = "111122223333";
const READ_ONLY = "arn:aws:iam::aws:policy/service-role/AWSLambdaRole";
const documentOf = (Action: string) =>
  JSON.stringify({ Version: "2012-10-17", Statement: { Effect: "Allow", Action, Resource: "*" } });
const TRUST = JSON.stringify({
  Version: "2012-10-17",
  Statement: { Effect: "Allow", Principal: { AWS: ACCOUNT }, Action: "sts:AssumeRole" },
});

describe("IAM groups and permissions boundaries with the JS SDK", () => {
  let lambent: RunningLambent;
  let iam: IAMClient;
  const credentials = { accessKeyId: ACCOUNT, secretAccessKey: "any" };
  const configuration = () => ({
    endpoint: lambent.endpoint,
    region: "us-east-1",
    credentials,
    maxAttempts: 1,
  });
  before(async () => {
    lambent = await startLambent();
    iam = new IAMClient(configuration());
  });
  after(async () => {
    iam.destroy();
    await lambent.stop();
  });
  const conflict = (message: string) => (error: unknown) =>
    error instanceof DeleteConflictException && error.message === message;

  test("a group's life: members, policies, a new name, the end", async () => {
    const GroupName = "staff";
    const { Group } = await iam.send(new CreateGroupCommand({ GroupName, Path: "/team/" }));
    assert.equal(Group?.Arn, `arn:aws:iam::${ACCOUNT}:group/team/staff`);
    assert.match(Group?.GroupId ?? "", /^AGPA[A-Z2-7]{17}$/);
    await assert.rejects(
      iam.send(new CreateGroupCommand({ GroupName: "STAFF" })),
      (error) =>
        error instanceof EntityAlreadyExistsException &&
        error.message === "Group with name STAFF already exists.",
    );
    for (const UserName of ["bob", "ann"]) {
      await iam.send(new CreateUserCommand({ UserName }));
      await iam.send(new AddUserToGroupCommand({ GroupName, UserName }));
    }
    await iam.send(new AddUserToGroupCommand({ GroupName, UserName: "ann" }));
    const names: (string | undefined)[] = [];
    for await (const page of paginateGetGroup({ client: iam, pageSize: 1 }, { GroupName }))
      names.push(...(page.Users ?? []).map(({ UserName }) => UserName));
    assert.deepEqual(names, ["ann", "bob"]);
    await iam.send(
      new PutGroupPolicyCommand({ GroupName, PolicyName: "all", PolicyDocument: documentOf("lambda:*") }),
    );
    const inline = await iam.send(new GetGroupPolicyCommand({ GroupName, PolicyName: "all" }));
    assert.equal(decodeURIComponent(inline.PolicyDocument ?? ""), documentOf("lambda:*"));
    assert.equal(inline.GroupName, GroupName);
    assert.deepEqual((await iam.send(new ListGroupPoliciesCommand({ GroupName }))).PolicyNames, ["all"]);
    await iam.send(new AttachGroupPolicyCommand({ GroupName, PolicyArn: READ_ONLY }));
    const attached = await iam.send(new ListAttachedGroupPoliciesCommand({ GroupName }));
    assert.deepEqual(attached.AttachedPolicies, [{ PolicyName: "AWSLambdaRole", PolicyArn: READ_ONLY }]);
    const entities = await iam.send(new ListEntitiesForPolicyCommand({ PolicyArn: READ_ONLY }));
    assert.deepEqual(entities.PolicyGroups, [{ GroupName, GroupId: Group?.GroupId }]);

    await iam.send(new UpdateGroupCommand({ GroupName, NewGroupName: "crew", NewPath: "/" }));
    await assert.rejects(
      iam.send(new GetGroupCommand({ GroupName })),
      (error) =>
        error instanceof NoSuchEntityException &&
        error.message === "The group with name staff cannot be found.",
    );
    const groupsOfAnn = await iam.send(new ListGroupsForUserCommand({ UserName: "ann" }));
    assert.deepEqual(
      groupsOfAnn.Groups?.map(({ Arn, GroupId }) => ({ Arn, GroupId })),
      [{ Arn: `arn:aws:iam::${ACCOUNT}:group/crew`, GroupId: Group?.GroupId }],
    );

    const crew = { GroupName: "crew" };
    await assert.rejects(
      iam.send(new DeleteUserCommand({ UserName: "ann" })),
      conflict("Cannot delete entity, must remove users from group first."),
    );
    await assert.rejects(
      iam.send(new DeleteGroupCommand(crew)),
      conflict("Cannot delete entity, must remove users from group first."),
    );
    for (const UserName of ["ann", "bob"]) {
      await iam.send(new RemoveUserFromGroupCommand({ ...crew, UserName }));
      await iam.send(new DeleteUserCommand({ UserName }));
    }
    await assert.rejects(
      iam.send(new DeleteGroupCommand(crew)),
      conflict("Cannot delete entity, must detach all policies first."),
    );
    await iam.send(new DetachGroupPolicyCommand({ ...crew, PolicyArn: READ_ONLY }));
    await assert.rejects(
      iam.send(new DeleteGroupCommand(crew)),
      conflict("Cannot delete entity, must delete policies first."),
    );
    await iam.send(new DeleteGroupPolicyCommand({ ...crew, PolicyName: "all" }));
    await iam.send(new DeleteGroupCommand(crew));
    await assert.rejects(iam.send(new GetGroupCommand(crew)), NoSuchEntityException);
  });

  test("groups are listed in pages below a path, and a user is in ten at most", async () => {
    await iam.send(new CreateUserCommand({ UserName: "busy" }));
    const groups = Array.from({ length: 11 }, (_, index) => `g${String(index).padStart(2, "0")}`);
    for (const GroupName of groups) await iam.send(new CreateGroupCommand({ GroupName, Path: "/many/" }));
    const listed: (string | undefined)[] = [];
    for await (const page of paginateListGroups({ client: iam, pageSize: 4 }, { PathPrefix: "/many/" }))
      listed.push(...(page.Groups ?? []).map(({ GroupName }) => GroupName));
    assert.deepEqual(listed, groups);
    const join = (GroupName: string) => iam.send(new AddUserToGroupCommand({ GroupName, UserName: "busy" }));
    for (const GroupName of groups.slice(0, 10)) await join(GroupName);
    await assert.rejects(
      join("g10"),
      (error) =>
        error instanceof LimitExceededException &&
        error.message === "Cannot exceed quota for GroupsPerUser: 10",
    );
    await assert.rejects(join("none"), NoSuchEntityException);
  });

  test("boundaries are shown where AWS shows them, and keep their policy", async () => {
    const { Policy } = await iam.send(
      new CreatePolicyCommand({ PolicyName: "ceiling", PolicyDocument: documentOf("s3:*") }),
    );
    const PolicyArn = Policy?.Arn ?? "";
    const shown = { PermissionsBoundaryType: "Policy", PermissionsBoundaryArn: PolicyArn };
    const { User } = await iam.send(
      new CreateUserCommand({ UserName: "bound", PermissionsBoundary: PolicyArn }),
    );
    assert.deepEqual(User?.PermissionsBoundary, shown);
    const created = await iam.send(
      new CreateRoleCommand({
        RoleName: "bound",
        AssumeRolePolicyDocument: TRUST,
        PermissionsBoundary: PolicyArn,
      }),
    );
    assert.deepEqual(created.Role?.PermissionsBoundary, shown);
    const listed = await iam.send(new ListUsersCommand({}));
    assert.equal(listed.Users?.find(({ UserName }) => UserName === "bound")?.PermissionsBoundary, undefined);
    const policy = await iam.send(new GetPolicyCommand({ PolicyArn }));
    assert.equal(policy.Policy?.AttachmentCount, 0);
    assert.equal(policy.Policy?.PermissionsBoundaryUsageCount, 2);
    const bound = await iam.send(
      new ListPoliciesCommand({ Scope: "Local", PolicyUsageFilter: "PermissionsBoundary" }),
    );
    assert.deepEqual(
      bound.Policies?.map(({ Arn }) => Arn),
      [PolicyArn],
    );
    const entities = (PolicyUsageFilter: "PermissionsPolicy" | "PermissionsBoundary") =>
      iam.send(new ListEntitiesForPolicyCommand({ PolicyArn, PolicyUsageFilter }));
    assert.equal((await entities("PermissionsBoundary")).PolicyRoles?.[0]?.RoleName, "bound");
    assert.deepEqual((await entities("PermissionsPolicy")).PolicyUsers, []);
    await assert.rejects(
      iam.send(new DeletePolicyCommand({ PolicyArn })),
      conflict("Cannot delete a policy attached to entities."),
    );
    await iam.send(new DeleteUserPermissionsBoundaryCommand({ UserName: "bound" }));
    await iam.send(new DeleteRolePermissionsBoundaryCommand({ RoleName: "bound" }));
    const { Role } = await iam.send(new GetRoleCommand({ RoleName: "bound" }));
    assert.equal(Role?.PermissionsBoundary, undefined);
    const put = { PermissionsBoundary: READ_ONLY };
    await iam.send(new PutUserPermissionsBoundaryCommand({ UserName: "bound", ...put }));
    await iam.send(new PutRolePermissionsBoundaryCommand({ RoleName: "bound", ...put }));
    const found = await iam.send(new GetUserCommand({ UserName: "bound" }));
    assert.equal(found.User?.PermissionsBoundary?.PermissionsBoundaryArn, READ_ONLY);
    await iam.send(new DeletePolicyCommand({ PolicyArn }));
  });

  test("the credentials of a session may do what its policies and its role's allow both", async () => {
    const { Role } = await iam.send(
      new CreateRoleCommand({ RoleName: "lent", AssumeRolePolicyDocument: TRUST }),
    );
    const administrator = "arn:aws:iam::aws:policy/AdministratorAccess";
    await iam.send(new AttachRolePolicyCommand({ RoleName: "lent", PolicyArn: administrator }));
    const sts = new STSClient(configuration());
    const { Credentials, PackedPolicySize } = await sts.send(
      new AssumeRoleCommand({
        RoleArn: Role?.Arn,
        RoleSessionName: "visit",
        Policy: documentOf("iam:ListUsers"),
      }),
    );
    assert.equal(PackedPolicySize, 5);
    assert.ok(Credentials?.AccessKeyId && Credentials.SecretAccessKey);
    const { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, SessionToken } = Credentials;
    const guest = new IAMClient({
      ...configuration(),
      credentials: { accessKeyId, secretAccessKey, sessionToken: SessionToken ?? "" },
    });
    await guest.send(new ListUsersCommand({}));
    await assert.rejects(guest.send(new GetRoleCommand({ RoleName: "lent" })), {
      name: "AccessDenied",
      message:
        `User: arn:aws:sts::${ACCOUNT}:assumed-role/lent/visit is not authorized to perform: iam:GetRole on resource: ` +
        `arn:aws:iam::${ACCOUNT}:role/lent because no session policy allows the iam:GetRole action`,
    });
  });
});

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  AttachUserPolicyCommand,
  CreateAccessKeyCommand,
  CreateUserCommand,
  DeleteAccessKeyCommand,
  DeleteConflictException,
  DeleteLoginProfileCommand,
  DeleteUserCommand,
  DeleteUserPolicyCommand,
  DetachUserPolicyCommand,
  EntityAlreadyExistsException,
  GetUserCommand,
  GetUserPolicyCommand,
  IAMClient,
  LimitExceededException,
  ListAccessKeysCommand,
  ListAccountAliasesCommand,
  ListAttachedUserPoliciesCommand,
  ListEntitiesForPolicyCommand,
  ListGroupsForUserCommand,
  ListMFADevicesCommand,
  ListServiceSpecificCredentialsCommand,
  ListSigningCertificatesCommand,
  ListSSHPublicKeysCommand,
  ListUserPoliciesCommand,
  ListUsersCommand,
  ListUserTagsCommand,
  ListVirtualMFADevicesCommand,
  NoSuchEntityException,
  PutUserPolicyCommand,
  TagUserCommand,
  UntagUserCommand,
  UpdateAccessKeyCommand,
  UpdateUserCommand,
} from "@aws-sdk/client-iam";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

const ACCOUNT = "111122223333";
const READ_ONLY = "arn:aws:iam::aws:policy/service-role/AWSLambdaRole";
const DOCUMENT = JSON.stringify({
  Version: "2012-10-17",
  Statement: { Effect: "Allow", Action: "lambda:*", Resource: "*" },
});

describe("IAM users with the JS SDK", () => {
  let lambent: RunningLambent;
  let iam: IAMClient;
  before(async () => {
    lambent = await startLambent();
    iam = new IAMClient({
      endpoint: lambent.endpoint,
      region: "us-east-1",
      credentials: { accessKeyId: ACCOUNT, secretAccessKey: "any" },
      maxAttempts: 1,
    });
  });
  after(async () => {
    iam.destroy();
    await lambent.stop();
  });

  test("a user's life, with policies and tags", async () => {
    const UserName = "ann";
    const created = await iam.send(
      new CreateUserCommand({ UserName, Path: "/staff/", Tags: [{ Key: "team", Value: "red" }] }),
    );
    assert.equal(created.User?.Arn, `arn:aws:iam::${ACCOUNT}:user/staff/ann`);
    assert.match(created.User?.UserId ?? "", /^AIDA[A-Z2-7]{17}$/);
    await assert.rejects(
      iam.send(new CreateUserCommand({ UserName: "ANN" })),
      (error) =>
        error instanceof EntityAlreadyExistsException &&
        error.message === "User with name ANN already exists.",
    );
    await iam.send(new PutUserPolicyCommand({ UserName, PolicyName: "all", PolicyDocument: DOCUMENT }));
    const inline = await iam.send(new GetUserPolicyCommand({ UserName, PolicyName: "all" }));
    assert.equal(decodeURIComponent(inline.PolicyDocument ?? ""), DOCUMENT);
    assert.deepEqual((await iam.send(new ListUserPoliciesCommand({ UserName }))).PolicyNames, ["all"]);
    await iam.send(new AttachUserPolicyCommand({ UserName, PolicyArn: READ_ONLY }));
    const attached = await iam.send(new ListAttachedUserPoliciesCommand({ UserName }));
    assert.deepEqual(attached.AttachedPolicies, [{ PolicyName: "AWSLambdaRole", PolicyArn: READ_ONLY }]);
    const entities = await iam.send(new ListEntitiesForPolicyCommand({ PolicyArn: READ_ONLY }));
    assert.deepEqual(
      entities.PolicyUsers?.map((user) => user.UserName),
      ["ann"],
    );
    await iam.send(new TagUserCommand({ UserName, Tags: [{ Key: "level", Value: "3" }] }));
    await iam.send(new UntagUserCommand({ UserName, TagKeys: ["team"] }));
    assert.deepEqual((await iam.send(new ListUserTagsCommand({ UserName }))).Tags, [
      { Key: "level", Value: "3" },
    ]);
    await iam.send(new UpdateUserCommand({ UserName, NewPath: "/former/" }));
    const found = await iam.send(new GetUserCommand({ UserName }));
    assert.equal(found.User?.Arn, `arn:aws:iam::${ACCOUNT}:user/former/ann`);
    assert.deepEqual((await iam.send(new ListGroupsForUserCommand({ UserName }))).Groups, []);
    const listed = await iam.send(new ListUsersCommand({ PathPrefix: "/former/" }));
    assert.deepEqual(
      listed.Users?.map((user) => user.UserName),
      ["ann"],
    );
    await assert.rejects(iam.send(new DeleteUserCommand({ UserName })), DeleteConflictException);
    await iam.send(new DetachUserPolicyCommand({ UserName, PolicyArn: READ_ONLY }));
    await iam.send(new DeleteUserPolicyCommand({ UserName, PolicyName: "all" }));
    await iam.send(new DeleteUserCommand({ UserName }));
    await assert.rejects(
      iam.send(new GetUserCommand({ UserName })),
      (error) =>
        error instanceof NoSuchEntityException && error.message === "The user with name ann cannot be found.",
    );
  });

  test("passwords, devices, certificates and aliases are none", async () => {
    const UserName = "plain";
    await iam.send(new CreateUserCommand({ UserName }));
    const user = { UserName };
    await assert.rejects(
      iam.send(new DeleteLoginProfileCommand(user)),
      (error) =>
        error instanceof NoSuchEntityException &&
        error.message === "Login Profile for User plain cannot be found.",
    );
    assert.deepEqual((await iam.send(new ListMFADevicesCommand(user))).MFADevices, []);
    assert.deepEqual((await iam.send(new ListVirtualMFADevicesCommand({}))).VirtualMFADevices, []);
    assert.deepEqual((await iam.send(new ListSigningCertificatesCommand(user))).Certificates, []);
    assert.deepEqual((await iam.send(new ListSSHPublicKeysCommand(user))).SSHPublicKeys, []);
    const specific = await iam.send(new ListServiceSpecificCredentialsCommand(user));
    assert.deepEqual(specific.ServiceSpecificCredentials, []);
    assert.deepEqual((await iam.send(new ListAccountAliasesCommand({}))).AccountAliases, []);
    await assert.rejects(iam.send(new ListMFADevicesCommand({ UserName: "none" })), NoSuchEntityException);
    await iam.send(new DeleteUserCommand(user));
  });

  test("access keys: two at most, inactive ones, only their user's, gone before the user", async () => {
    const UserName = "keys";
    await iam.send(new CreateUserCommand({ UserName }));
    const first = (await iam.send(new CreateAccessKeyCommand({ UserName }))).AccessKey;
    assert.match(first?.AccessKeyId ?? "", /^AKIA[A-Z2-7]{16}$/);
    assert.equal(first?.SecretAccessKey?.length, 40);
    const AccessKeyId = first?.AccessKeyId ?? "";
    await iam.send(new CreateAccessKeyCommand({ UserName }));
    await assert.rejects(iam.send(new CreateAccessKeyCommand({ UserName })), LimitExceededException);
    await iam.send(new UpdateAccessKeyCommand({ UserName, AccessKeyId, Status: "Inactive" }));
    const listed = await iam.send(new ListAccessKeysCommand({ UserName }));
    assert.equal(listed.AccessKeyMetadata?.length, 2);
    assert.equal(
      listed.AccessKeyMetadata?.find((key) => key.AccessKeyId === AccessKeyId)?.Status,
      "Inactive",
    );
    assert.equal(JSON.stringify(listed).includes(first?.SecretAccessKey ?? "?"), false);
    await iam.send(new CreateUserCommand({ UserName: "other" }));
    await assert.rejects(
      iam.send(new DeleteAccessKeyCommand({ UserName: "other", AccessKeyId })),
      NoSuchEntityException,
    );
    await assert.rejects(iam.send(new DeleteUserCommand({ UserName })), DeleteConflictException);
    for (const key of listed.AccessKeyMetadata ?? [])
      await iam.send(new DeleteAccessKeyCommand({ UserName, AccessKeyId: key.AccessKeyId }));
    await iam.send(new DeleteUserCommand({ UserName }));
    await iam.send(new DeleteUserCommand({ UserName: "other" }));
  });
});

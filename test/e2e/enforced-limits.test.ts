import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  AddUserToGroupCommand,
  CreateAccessKeyCommand,
  CreateGroupCommand,
  CreatePolicyCommand,
  CreateUserCommand,
  DeleteUserPermissionsBoundaryCommand,
  IAMClient,
  ListUsersCommand,
  PutGroupPolicyCommand,
  PutUserPermissionsBoundaryCommand,
  RemoveUserFromGroupCommand,
} from "@aws-sdk/client-iam";
import { LambdaClient, ListFunctionsCommand } from "@aws-sdk/client-lambda";
import { GetCallerIdentityCommand, GetSessionTokenCommand, STSClient } from "@aws-sdk/client-sts";
import { rootKeys } from "../support/root-keys.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

const allowing = (Action: string | string[]): string =>
  JSON.stringify({ Version: "2012-10-17", Statement: { Effect: "Allow", Action, Resource: "*" } });

describe("groups, boundaries and sessions of users with enforced access", () => {
  let lambent: RunningLambent;
  let root: Keys;
  let ann: Keys;
  const configured = (credentials: Keys) => ({
    endpoint: lambent.endpoint,
    region: "us-east-1",
    credentials,
    maxAttempts: 1,
  });
  const list = (keys: Keys) => new LambdaClient(configured(keys)).send(new ListFunctionsCommand({}));
  const because = (pattern: RegExp) => ({ name: "AccessDeniedException", message: pattern });

  before(async () => {
    lambent = await startLambent({ arguments: ["--authentication", "enforced"] });
    root = await rootKeys(lambent);
    const iam = new IAMClient(configured(root));
    await iam.send(new CreateUserCommand({ UserName: "ann" }));
    const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: "ann" }));
    ann = {
      accessKeyId: AccessKey?.AccessKeyId ?? "",
      secretAccessKey: AccessKey?.SecretAccessKey ?? "",
    };
  });
  after(() => lambent.stop());

  test("a user may do what its group's policies allow, within its boundary", async () => {
    const iam = new IAMClient(configured(root));
    await assert.rejects(list(ann), because(/because no identity-based policy allows/));
    const member = { GroupName: "staff", UserName: "ann" };
    await iam.send(new CreateGroupCommand({ GroupName: "staff" }));
    const PolicyDocument = allowing(["lambda:*", "iam:List*"]);
    await iam.send(new PutGroupPolicyCommand({ GroupName: "staff", PolicyName: "p", PolicyDocument }));
    await iam.send(new AddUserToGroupCommand(member));
    await list(ann);
    const { Policy } = await iam.send(
      new CreatePolicyCommand({ PolicyName: "ceiling", PolicyDocument: allowing("iam:*") }),
    );
    const bound = { UserName: "ann", PermissionsBoundary: Policy?.Arn };
    await iam.send(new PutUserPermissionsBoundaryCommand(bound));
    await assert.rejects(list(ann), because(/because no permissions boundary allows/));
    await iam.send(new DeleteUserPermissionsBoundaryCommand({ UserName: "ann" }));
    await list(ann);
    await iam.send(new RemoveUserFromGroupCommand(member));
    await assert.rejects(list(ann), because(/because no identity-based policy allows/));
    await iam.send(new AddUserToGroupCommand(member));
  });

  test("the credentials of GetSessionToken are the user's, but neither for IAM nor for more of themselves", async () => {
    const sts = new STSClient(configured(ann));
    const { Credentials } = await sts.send(new GetSessionTokenCommand({ DurationSeconds: 900 }));
    const session = {
      accessKeyId: Credentials?.AccessKeyId ?? "",
      secretAccessKey: Credentials?.SecretAccessKey ?? "",
      sessionToken: Credentials?.SessionToken ?? "",
    };
    assert.match(session.accessKeyId, /^ASIA/);
    assert.ok(Math.abs((Credentials?.Expiration?.getTime() ?? 0) - Date.now() - 900_000) < 60_000);
    const ofSession = new STSClient(configured(session));
    const { Arn } = await ofSession.send(new GetCallerIdentityCommand({}));
    assert.match(Arn ?? "", /:user\/ann$/);
    await list(session);
    await new IAMClient(configured(ann)).send(new ListUsersCommand({}));
    const refused = {
      name: "InvalidClientTokenId",
      message: "The security token included in the request is invalid",
    };
    await assert.rejects(new IAMClient(configured(session)).send(new ListUsersCommand({})), refused);
    await assert.rejects(ofSession.send(new GetSessionTokenCommand({})), refused);
    await assert.rejects(list({ ...session, secretAccessKey: "another" }), /signature/);
    await assert.rejects(
      sts.send(new GetSessionTokenCommand({ SerialNumber: "arn:aws:iam::000000000000:mfa/ann" })),
      /SerialNumber of GetSessionToken is not supported/,
    );
  });
});

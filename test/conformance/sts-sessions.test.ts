import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { CreateRoleCommand, IAMClient } from "@aws-sdk/client-iam";
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

const ACCOUNT = "111122223333";

describe("STS with the JS SDK", () => {
  let lambent: RunningLambent;

  before(async () => {
    lambent = await startLambent();
  });
  after(async () => {
    await lambent.stop();
  });

  function sts(credentials: {
    accessKeyId: string;
    secretAccessKey: string;
    sessionToken?: string;
  }): STSClient {
    return new STSClient({ endpoint: lambent.endpoint, region: "us-east-1", credentials, maxAttempts: 1 });
  }
  const root = (accessKeyId: string) => sts({ accessKeyId, secretAccessKey: "any" });

  test("an access key of twelve digits is the root user of that account, another one of the default account", async () => {
    const own = await root(ACCOUNT).send(new GetCallerIdentityCommand({}));
    assert.equal(own.Arn, `arn:aws:iam::${ACCOUNT}:root`);
    assert.equal(own.Account, ACCOUNT);
    assert.equal(own.UserId, ACCOUNT);
    const other = await root("AKIAIOSFODNN7EXAMPLE").send(new GetCallerIdentityCommand({}));
    assert.equal(other.Account, "000000000000");
  });

  test("an assumed role is who its credentials say, and may assume only what its policies allow", async () => {
    const credentials = { accessKeyId: ACCOUNT, secretAccessKey: "any" };
    const iam = new IAMClient({ endpoint: lambent.endpoint, region: "us-east-1", credentials });
    const trust = (AWS: string) =>
      JSON.stringify({
        Version: "2012-10-17",
        Statement: { Effect: "Allow", Principal: { AWS }, Action: "sts:AssumeRole" },
      });
    const { Role } = await iam.send(
      new CreateRoleCommand({ RoleName: "guest", AssumeRolePolicyDocument: trust(ACCOUNT) }),
    );
    await iam.send(
      new CreateRoleCommand({ RoleName: "closed", AssumeRolePolicyDocument: trust("999999999999") }),
    );
    const RoleArn = Role?.Arn;
    const assumed = await root(ACCOUNT).send(new AssumeRoleCommand({ RoleArn, RoleSessionName: "visit" }));
    assert.equal(assumed.AssumedRoleUser?.Arn, `arn:aws:sts::${ACCOUNT}:assumed-role/guest/visit`);
    const issued = assumed.Credentials;
    assert.ok(issued?.AccessKeyId && issued.SecretAccessKey && issued.SessionToken);
    assert.ok(Math.abs((issued.Expiration?.getTime() ?? 0) - Date.now() - 3_600_000) < 60_000);
    const guest = sts({
      accessKeyId: issued.AccessKeyId,
      secretAccessKey: issued.SecretAccessKey,
      sessionToken: issued.SessionToken,
    });
    const identity = await guest.send(new GetCallerIdentityCommand({}));
    assert.equal(identity.Arn, `arn:aws:sts::${ACCOUNT}:assumed-role/guest/visit`);
    assert.equal(identity.UserId, `${Role?.RoleId}:visit`);
    assert.equal(identity.Account, ACCOUNT);
    const denied = (role: string) => ({
      name: "AccessDenied",
      message: new RegExp(
        `is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::${ACCOUNT}:role/${role}$`,
      ),
    });
    const assume = (client: STSClient, role: string) =>
      client.send(
        new AssumeRoleCommand({
          RoleArn: `arn:aws:iam::${ACCOUNT}:role/${role}`,
          RoleSessionName: "session",
        }),
      );
    await assert.rejects(assume(guest, "guest"), denied("guest"));
    await assert.rejects(assume(root(ACCOUNT), "closed"), denied("closed"));
    await assert.rejects(assume(root(ACCOUNT), "absent"), denied("absent"));
    const tagged = new AssumeRoleCommand({
      RoleArn,
      RoleSessionName: "session",
      Tags: [{ Key: "team", Value: "red" }],
    });
    await assert.rejects(root(ACCOUNT).send(tagged), /Tags of AssumeRole is not supported/);
    const malformed = new AssumeRoleCommand({ RoleArn, RoleSessionName: "session", Policy: trust(ACCOUNT) });
    await assert.rejects(root(ACCOUNT).send(malformed), {
      name: "MalformedPolicyDocumentException",
      message: "Policy document should not specify a principal.",
    });
  });
});

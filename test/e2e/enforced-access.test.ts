import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { CloudWatchLogsClient, DescribeLogGroupsCommand } from "@aws-sdk/client-cloudwatch-logs";
import {
  CreateAccessKeyCommand,
  CreateRoleCommand,
  CreateUserCommand,
  IAMClient,
  PutRolePolicyCommand,
  PutUserPolicyCommand,
  UpdateAccessKeyCommand,
} from "@aws-sdk/client-iam";
import {
  AddPermissionCommand,
  GetLayerVersionCommand,
  InvokeCommand,
  LambdaClient,
  ListFunctionsCommand,
  PublishLayerVersionCommand,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionUpdatedV2,
} from "@aws-sdk/client-lambda";
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { build } from "esbuild";
import { deploy, invoke } from "../support/deploy.ts";
import { rootKeys } from "../support/root-keys.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";
import { zipOf } from "../support/zip.ts";

interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

const ACCOUNT = "000000000000";
const TRUST_LAMBDA = JSON.stringify({
  Version: "2012-10-17",
  Statement: { Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" },
});
const allow = (Action: string | string[], Resource: string): string =>
  JSON.stringify({ Version: "2012-10-17", Statement: { Effect: "Allow", Action, Resource } });

const namedWith =
  (name: string, status: number, message?: RegExp) =>
  (error: Error & { $metadata?: { httpStatusCode?: number } }): boolean => {
    assert.equal(error.name, name, error.message);
    assert.equal(error.$metadata?.httpStatusCode, status);
    if (message !== undefined) assert.match(error.message, message);
    return true;
  };

describe("with enforced authentication", () => {
  let lambent: RunningLambent;
  let root: Credentials;

  const configuration = (credentials: Credentials) => ({
    endpoint: lambent.endpoint,
    region: "us-east-1",
    credentials,
    maxAttempts: 1,
  });
  const lambda = (credentials: Credentials): LambdaClient => new LambdaClient(configuration(credentials));
  const iam = (): IAMClient => new IAMClient(configuration(root));

  before(async () => {
    lambent = await startLambent({ arguments: ["--authentication", "enforced"] });
    const path = join(lambent.dataDirectory, "root-credentials");
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    root = await rootKeys(lambent);
    assert.ok(lambent.banner.some((line) => line.includes(`AWS_SHARED_CREDENTIALS_FILE=${path}`)));
  });
  after(async () => {
    assert.equal(await lambent?.stop(), 0);
  });

  test("the root user signs, whoever does not or with another secret is refused, in each service's words", async () => {
    assert.deepEqual((await lambda(root).send(new ListFunctionsCommand({}))).Functions, []);
    const unsigned = await fetch(`${lambent.endpoint}/2015-03-31/functions/`);
    assert.equal(unsigned.status, 403);
    assert.equal(unsigned.headers.get("x-amzn-errortype"), "MissingAuthenticationTokenException");
    assert.match(await unsigned.text(), /Missing Authentication Token/);
    const wrong = { ...root, secretAccessKey: "x".repeat(40) };
    await assert.rejects(
      lambda(wrong).send(new ListFunctionsCommand({})),
      namedWith("InvalidSignatureException", 403, /^The request signature we calculated does not match/),
    );
    await assert.rejects(
      lambda({ ...root, accessKeyId: "AKIAAAAAAAAAAAAAAAAA" }).send(new ListFunctionsCommand({})),
      namedWith(
        "UnrecognizedClientException",
        403,
        /^The security token included in the request is invalid\.$/,
      ),
    );
    await assert.rejects(
      new STSClient(configuration(wrong)).send(new GetCallerIdentityCommand({})),
      namedWith("SignatureDoesNotMatch", 403),
    );
    await assert.rejects(
      new CloudWatchLogsClient(configuration(wrong)).send(new DescribeLogGroupsCommand({})),
      namedWith("InvalidSignatureException", 400),
    );
    assert.equal(
      (await new STSClient(configuration(root)).send(new GetCallerIdentityCommand({}))).Arn,
      `arn:aws:iam::${ACCOUNT}:root`,
    );
  });

  test("a request whose body was changed on the way is refused and changes nothing", async () => {
    const client = lambda(root);
    client.middlewareStack.add(
      (next) => (args) => {
        const request = args.request as { body: string | Uint8Array };
        request.body = Buffer.from(request.body).toString().replace('"changed"', '"chanted"');
        return next(args);
      },
      { step: "finalizeRequest", priority: "low", name: "changeBody" },
    );
    await assert.rejects(
      deploy(client, "changed", { "index.js": "" }),
      namedWith("InvalidSignatureException", 403),
    );
    assert.deepEqual((await lambda(root).send(new ListFunctionsCommand({}))).Functions, []);
  });

  test("a user may do what its policies allow, until its key is made inactive", async () => {
    await iam().send(new CreateUserCommand({ UserName: "dev" }));
    const { AccessKey } = await iam().send(new CreateAccessKeyCommand({ UserName: "dev" }));
    const own = {
      accessKeyId: AccessKey?.AccessKeyId ?? "",
      secretAccessKey: AccessKey?.SecretAccessKey ?? "",
    };
    await assert.rejects(
      lambda(own).send(new ListFunctionsCommand({})),
      namedWith(
        "AccessDeniedException",
        403,
        /^User: arn:aws:iam::000000000000:user\/dev is not authorized to perform: lambda:ListFunctions on resource: \* because no identity-based policy allows the lambda:ListFunctions action$/,
      ),
    );
    await iam().send(
      new PutUserPolicyCommand({
        UserName: "dev",
        PolicyName: "list",
        PolicyDocument: allow("lambda:ListFunctions", "*"),
      }),
    );
    await lambda(own).send(new ListFunctionsCommand({}));
    const who = await new STSClient(configuration(own)).send(new GetCallerIdentityCommand({}));
    assert.equal(who.Arn, `arn:aws:iam::${ACCOUNT}:user/dev`);
    await iam().send(
      new CreateRoleCommand({ RoleName: "test-role", AssumeRolePolicyDocument: TRUST_LAMBDA }),
    );
    await deploy(lambda(root), "shared", { "index.js": "exports.handler = async () => 7;" });
    await assert.rejects(invoke(lambda(own), "shared", {}), namedWith("AccessDeniedException", 403));
    await lambda(root).send(
      new AddPermissionCommand({
        FunctionName: "shared",
        StatementId: "dev",
        Action: "lambda:InvokeFunction",
        Principal: `arn:aws:iam::${ACCOUNT}:user/dev`,
      }),
    );
    assert.equal((await invoke(lambda(own), "shared", {})).body, 7);
    const AccessKeyId = own.accessKeyId;
    await iam().send(new UpdateAccessKeyCommand({ UserName: "dev", AccessKeyId, Status: "Inactive" }));
    await assert.rejects(
      lambda(own).send(new ListFunctionsCommand({})),
      namedWith("UnrecognizedClientException", 403),
    );
  });

  test("an assumed role's credentials sign, and what a function calls back is done as its role", async () => {
    const trustRoot = JSON.stringify({
      Version: "2012-10-17",
      Statement: { Effect: "Allow", Principal: { AWS: ACCOUNT }, Action: "sts:AssumeRole" },
    });
    const role = await iam().send(
      new CreateRoleCommand({ RoleName: "invoker", AssumeRolePolicyDocument: trustRoot }),
    );
    await iam().send(
      new PutRolePolicyCommand({
        RoleName: "invoker",
        PolicyName: "invoke",
        PolicyDocument: allow("lambda:InvokeFunction", `arn:aws:lambda:us-east-1:${ACCOUNT}:function:caller`),
      }),
    );
    await iam().send(new CreateRoleCommand({ RoleName: "caller", AssumeRolePolicyDocument: TRUST_LAMBDA }));
    const bundle = await build({
      stdin: {
        contents: `
          import { LambdaClient, ListFunctionsCommand } from "@aws-sdk/client-lambda";
          import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
          export const handler = async () => {
            const { Arn } = await new STSClient({}).send(new GetCallerIdentityCommand({}));
            const refusal = await new LambdaClient({ maxAttempts: 1 }).send(new ListFunctionsCommand({})).catch((e) => e.name);
            const unsigned = await fetch(process.env.AWS_ENDPOINT_URL + "/2015-03-31/functions/");
            return { Arn, refusal, unsigned: unsigned.status };
          };`,
        resolveDir: import.meta.dirname,
      },
      bundle: true,
      platform: "node",
      format: "cjs",
      write: false,
    });
    const code = bundle.outputFiles[0]?.contents ?? new Uint8Array();
    await deploy(
      lambda(root),
      "caller",
      { "index.js": code },
      { Role: `arn:aws:iam::${ACCOUNT}:role/caller` },
    );
    const { Credentials: issued } = await new STSClient(configuration(root)).send(
      new AssumeRoleCommand({ RoleArn: role.Role?.Arn, RoleSessionName: "visit" }),
    );
    const session = {
      accessKeyId: issued?.AccessKeyId ?? "",
      secretAccessKey: issued?.SecretAccessKey ?? "",
      sessionToken: issued?.SessionToken ?? "",
    };
    const { body } = await invoke(lambda(session), "caller", {});
    assert.deepEqual(body, {
      Arn: `arn:aws:sts::${ACCOUNT}:assumed-role/caller/caller`,
      refusal: "AccessDeniedException",
      unsigned: 403,
    });
    await assert.rejects(
      lambda(session).send(new InvokeCommand({ FunctionName: "other" })),
      namedWith("AccessDeniedException", 403, /assumed-role\/invoker\/visit/),
    );
    await assert.rejects(
      lambda({ ...session, sessionToken: `${session.sessionToken.slice(0, -6)}AAAAAA` }).send(
        new InvokeCommand({ FunctionName: "caller" }),
      ),
      namedWith("UnrecognizedClientException", 403),
    );
  });

  test("a function needs a role that exists and trusts Lambda, and who gives it one may pass it on", async () => {
    const other = JSON.parse(TRUST_LAMBDA) as { Statement: { Principal: { Service: string } } };
    other.Statement.Principal.Service = "ec2.amazonaws.com";
    await iam().send(
      new CreateRoleCommand({ RoleName: "for-ec2", AssumeRolePolicyDocument: JSON.stringify(other) }),
    );
    await iam().send(new CreateRoleCommand({ RoleName: "worker", AssumeRolePolicyDocument: TRUST_LAMBDA }));
    const role = (name: string): string => `arn:aws:iam::${ACCOUNT}:role/${name}`;
    const refused = namedWith(
      "InvalidParameterValueException",
      400,
      /^The role defined for the function cannot be assumed by Lambda\.$/,
    );
    const code = { "index.js": "exports.handler = async () => 1" };
    for (const name of ["missing", "for-ec2"])
      await assert.rejects(deploy(lambda(root), "roles", code, { Role: role(name) }), refused);
    await deploy(lambda(root), "roles", code, { Role: role("worker") });
    await assert.rejects(
      lambda(root).send(
        new UpdateFunctionConfigurationCommand({ FunctionName: "roles", Role: role("for-ec2") }),
      ),
      refused,
    );

    await iam().send(new CreateUserCommand({ UserName: "deployer" }));
    const { AccessKey } = await iam().send(new CreateAccessKeyCommand({ UserName: "deployer" }));
    const own = {
      accessKeyId: AccessKey?.AccessKeyId ?? "",
      secretAccessKey: AccessKey?.SecretAccessKey ?? "",
    };
    const put = (PolicyName: string, PolicyDocument: string) =>
      iam().send(new PutUserPolicyCommand({ UserName: "deployer", PolicyName, PolicyDocument }));
    await put("lambda", allow("lambda:*", "*"));
    await assert.rejects(
      deploy(lambda(own), "passed", code, { Role: role("worker") }),
      namedWith(
        "AccessDeniedException",
        403,
        /is not authorized to perform: iam:PassRole on resource: .*role\/worker/,
      ),
    );
    await put("pass", allow("iam:PassRole", role("worker")));
    await deploy(lambda(own), "passed", code, { Role: role("worker") });
  });

  test("who gives a function layers may read them, and refusals of foreign ones name the caller", async () => {
    const zip = { ZipFile: await zipOf({ "a.txt": "a" }) };
    const { LayerVersionArn: layer = "" } = await lambda(root).send(
      new PublishLayerVersionCommand({ LayerName: "tools", Content: zip }),
    );
    const foreign = "arn:aws:lambda:us-east-1:111122223333:layer:theirs:1";
    await iam().send(new CreateUserCommand({ UserName: "layering", Path: "/team/" }));
    const { AccessKey } = await iam().send(new CreateAccessKeyCommand({ UserName: "layering" }));
    const own = {
      accessKeyId: AccessKey?.AccessKeyId ?? "",
      secretAccessKey: AccessKey?.SecretAccessKey ?? "",
    };
    const put = (PolicyName: string, PolicyDocument: string) =>
      iam().send(new PutUserPolicyCommand({ UserName: "layering", PolicyName, PolicyDocument }));
    await put("change", allow(["lambda:UpdateFunctionConfiguration", "sts:AssumeRole"], "*"));
    const give = (credentials: Credentials, ...Layers: string[]) =>
      lambda(credentials).send(new UpdateFunctionConfigurationCommand({ FunctionName: "shared", Layers }));
    const refused = (caller: string, resource: string, reason: string) =>
      namedWith(
        "AccessDeniedException",
        403,
        new RegExp(
          `^User: ${caller} is not authorized to perform: lambda:GetLayerVersion on resource: ${resource} because no ${reason} policy allows the lambda:GetLayerVersion action$`,
        ),
      );
    const user = `arn:aws:iam::${ACCOUNT}:user/team/layering`;
    await assert.rejects(give(own, layer), refused(user, layer, "identity-based"));
    await put("read", allow("lambda:GetLayerVersion", "*"));
    await give(own, layer);
    await waitUntilFunctionUpdatedV2({ client: lambda(root), maxWaitTime: 20 }, { FunctionName: "shared" });
    await assert.rejects(give(own, foreign), refused(user, foreign, "resource-based"));

    const trust = JSON.stringify({
      Version: "2012-10-17",
      Statement: { Effect: "Allow", Principal: { AWS: ACCOUNT }, Action: "sts:AssumeRole" },
    });
    const role = await iam().send(
      new CreateRoleCommand({ RoleName: "reader", AssumeRolePolicyDocument: trust }),
    );
    await iam().send(
      new PutRolePolicyCommand({
        RoleName: "reader",
        PolicyName: "read",
        PolicyDocument: allow("lambda:GetLayerVersion", "*"),
      }),
    );
    const { Credentials: issued } = await new STSClient(configuration(own)).send(
      new AssumeRoleCommand({ RoleArn: role.Role?.Arn, RoleSessionName: "visit" }),
    );
    const session = {
      accessKeyId: issued?.AccessKeyId ?? "",
      secretAccessKey: issued?.SecretAccessKey ?? "",
      sessionToken: issued?.SessionToken ?? "",
    };
    await assert.rejects(
      lambda(session).send(new GetLayerVersionCommand({ LayerName: foreign.slice(0, -2), VersionNumber: 1 })),
      refused(`arn:aws:sts::${ACCOUNT}:assumed-role/reader/visit`, foreign, "resource-based"),
    );
  });

  test("the AWS CLI signs with the file that the banner names", () => {
    const run = spawnSync(
      "aws",
      ["--endpoint-url", lambent.endpoint, "iam", "create-user", "--user-name", "by-cli"],
      {
        encoding: "utf8",
        env: {
          PATH: process.env.PATH,
          HOME: lambent.dataDirectory,
          AWS_SHARED_CREDENTIALS_FILE: join(lambent.dataDirectory, "root-credentials"),
          AWS_DEFAULT_REGION: "us-east-1",
        },
      },
    );
    assert.equal(run.status, 0, run.stderr);
    assert.match(run.stdout, /user\/by-cli/);
  });
});

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  CreateAccessKeyCommand,
  CreateRoleCommand,
  CreateUserCommand,
  DeleteUserPolicyCommand,
  IAMClient,
  PutUserPolicyCommand,
  UpdateAccessKeyCommand,
} from "@aws-sdk/client-iam";
import {
  AddPermissionCommand,
  InvokeCommand,
  LambdaClient,
  RemovePermissionCommand,
} from "@aws-sdk/client-lambda";
import { deploy } from "../support/deploy.ts";
import { rootKeys } from "../support/root-keys.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const ACCOUNT = "000000000000";
const USER = `arn:aws:iam::${ACCOUNT}:user/ann`;
const RESOURCE = `arn:aws:lambda:us-east-1:${ACCOUNT}:function:hello`;
const CONNECTIONS = 8;
const trust = JSON.stringify({
  Version: "2012-10-17",
  Statement: { Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" },
});
const policy = (extra: object = {}, Effect = "Allow"): string =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: { Effect, Action: "lambda:InvokeFunction", Resource: RESOURCE, ...extra },
  });

describe("two data-plane processes with enforced authentication", () => {
  let lambent: RunningLambent;
  let root: Credentials;
  let iam: IAMClient;
  let admin: LambdaClient;
  let user: Credentials;
  let clients: LambdaClient[];

  const configuration = (credentials: Credentials) => ({
    endpoint: lambent.endpoint,
    region: "us-east-1",
    credentials,
    maxAttempts: 1,
  });
  const clientsOf = (credentials: Credentials): LambdaClient[] =>
    Array.from({ length: CONNECTIONS }, () => new LambdaClient(configuration(credentials)));

  before(async () => {
    lambent = await startLambent({
      arguments: ["--data-plane-processes", "2", "--authentication", "enforced"],
    });
    root = await rootKeys(lambent);
    iam = new IAMClient(configuration(root));
    admin = new LambdaClient(configuration(root));
    await iam.send(new CreateRoleCommand({ RoleName: "test-role", AssumeRolePolicyDocument: trust }));
    await deploy(admin, "hello", { "index.js": "exports.handler = async () => 'hello';" });
    await iam.send(new CreateUserCommand({ UserName: "ann" }));
    const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: "ann" }));
    user = { accessKeyId: AccessKey?.AccessKeyId ?? "", secretAccessKey: AccessKey?.SecretAccessKey ?? "" };
    clients = clientsOf(user);
  });
  after(async () => {
    for (const client of [iam, admin, ...(clients ?? [])]) client?.destroy();
    assert.equal(await lambent?.stop(), 0);
  });

  const allow = (PolicyDocument: string) =>
    iam.send(new PutUserPolicyCommand({ UserName: "ann", PolicyName: "invoke", PolicyDocument }));

  const invoke = (client: LambdaClient) => client.send(new InvokeCommand({ FunctionName: "hello" }));

  /** What the callers of every connection get. */
  async function outcomes(of = clients): Promise<string[]> {
    const settled = await Promise.allSettled(of.map(invoke));
    const names = settled.map((outcome) =>
      outcome.status === "fulfilled" ? "hello" : String((outcome.reason as Error).name),
    );
    return [...new Set(names)];
  }

  async function answeredThere(): Promise<number> {
    const metrics = await (await fetch(`${lambent.endpoint}/metrics`)).text();
    const counts = metrics.matchAll(/^lambent_data_plane_invocations_total\{process="\d"\} (\d+)$/gm);
    return [...counts].reduce((total, [, count]) => total + Number(count), 0);
  }

  test("a user may invoke from the policy's answer on, and may not from that of its removal on", async () => {
    for (let round = 0; round < 3; round++) {
      assert.deepEqual(await outcomes(), ["AccessDeniedException"]);
      await allow(policy());
      const before = await answeredThere();
      assert.deepEqual(await outcomes(), ["hello"]);
      assert.equal(await answeredThere(), before + CONNECTIONS, "without the main process");
      await iam.send(new DeleteUserPolicyCommand({ UserName: "ann", PolicyName: "invoke" }));
    }
  });

  test("the function's policy counts as well", async () => {
    await admin.send(
      new AddPermissionCommand({
        FunctionName: "hello",
        StatementId: "ann",
        Action: "lambda:InvokeFunction",
        Principal: USER,
      }),
    );
    assert.deepEqual(await outcomes(), ["hello"]);
    await admin.send(new RemovePermissionCommand({ FunctionName: "hello", StatementId: "ann" }));
    assert.deepEqual(await outcomes(), ["AccessDeniedException"]);
  });

  test("a policy with a condition is asked about each request, by the main process", async () => {
    await allow(policy({ Condition: { IpAddress: { "aws:SourceIp": "127.0.0.0/8" } } }));
    const before = await answeredThere();
    assert.deepEqual(await outcomes(), ["hello"]);
    assert.equal(await answeredThere(), before);
    await allow(policy({ Condition: { IpAddress: { "aws:SourceIp": "10.0.0.0/8" } } }));
    assert.deepEqual(await outcomes(), ["AccessDeniedException"]);
    await allow(policy());
  });

  test("signatures are checked: another secret, an unknown key, none, an altered body", async () => {
    assert.deepEqual(await outcomes(), ["hello"]);
    const wrong = clientsOf({ ...user, secretAccessKey: "not the secret of this key" });
    assert.deepEqual(await outcomes(wrong), ["InvalidSignatureException"]);
    const unknown = clientsOf({ accessKeyId: "AKIAUNKNOWNUNKNOWN00", secretAccessKey: "nobody's" });
    assert.deepEqual(await outcomes(unknown), ["UnrecognizedClientException"]);
    for (const client of [...wrong, ...unknown]) client.destroy();
    const url = `${lambent.endpoint}/2015-03-31/functions/hello/invocations`;
    assert.equal((await fetch(url, { method: "POST", body: new Uint8Array(2) })).status, 403);
    for (const client of clients)
      client.middlewareStack.add(
        (next) => (args) => {
          const request = args.request as { body?: unknown };
          request.body = Buffer.from('{"other":1}');
          (request as { headers?: Record<string, string> }).headers!["content-length"] = "11";
          return next(args);
        },
        { step: "finalizeRequest", priority: "low", name: "alter" },
      );
    assert.deepEqual(await outcomes(), ["InvalidSignatureException"]);
    for (const client of clients) client.middlewareStack.remove("alter");
    assert.deepEqual(await outcomes(), ["hello"]);
  });

  test("a key that is switched off is refused from the answer on", async () => {
    const switchTo = (Status: "Active" | "Inactive") =>
      iam.send(new UpdateAccessKeyCommand({ UserName: "ann", AccessKeyId: user.accessKeyId, Status }));
    for (let round = 0; round < 3; round++) {
      assert.deepEqual(await outcomes(), ["hello"]);
      await switchTo("Inactive");
      assert.deepEqual(await outcomes(), ["UnrecognizedClientException"]);
      await switchTo("Active");
    }
  });
});

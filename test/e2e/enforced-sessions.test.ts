import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  CreateAccessKeyCommand,
  CreateRoleCommand,
  CreateUserCommand,
  DeleteAccessKeyCommand,
  DeleteRoleCommand,
  DeleteRolePolicyCommand,
  DeleteUserCommand,
  IAMClient,
  PutRolePolicyCommand,
} from "@aws-sdk/client-iam";
import { DeleteFunctionCommand, LambdaClient, ListFunctionsCommand } from "@aws-sdk/client-lambda";
import { CreateQueueCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { GetCallerIdentityCommand, GetSessionTokenCommand, STSClient } from "@aws-sdk/client-sts";
import { deploy, invoke } from "../support/deploy.ts";
import { rootKeys } from "../support/root-keys.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

const ACCOUNT = "000000000000";
const ROLE = "leaky";
const document = (...Statement: object[]): string => JSON.stringify({ Version: "2012-10-17", Statement });

/** Credentials that a function has given away, used from outside. */
describe("credentials that outlive what they are of", { concurrency: false }, () => {
  let lambent: RunningLambent;
  let root: Keys;
  let leaked: Keys;
  const configured = (credentials: Keys) => ({
    endpoint: lambent.endpoint,
    region: "us-east-1",
    credentials,
    maxAttempts: 1,
  });
  const iam = (): IAMClient => new IAMClient(configured(root));
  const isInvalid = { name: /^(InvalidClientTokenId|UnrecognizedClientException)$/ };
  const queue = `http://localhost/${ACCOUNT}/q`;

  const makeRole = async (): Promise<void> => {
    const trust = {
      Effect: "Allow",
      Principal: { Service: "lambda.amazonaws.com" },
      Action: "sts:AssumeRole",
    };
    await iam().send(new CreateRoleCommand({ RoleName: ROLE, AssumeRolePolicyDocument: document(trust) }));
    await allow();
  };
  const allow = () =>
    iam().send(
      new PutRolePolicyCommand({
        RoleName: ROLE,
        PolicyName: "own",
        PolicyDocument: document({ Effect: "Allow", Action: "lambda:*", Resource: "*" }),
      }),
    );
  const list = () => new LambdaClient(configured(leaked)).send(new ListFunctionsCommand({}));
  const send = () =>
    new SQSClient(configured(leaked)).send(new SendMessageCommand({ QueueUrl: queue, MessageBody: "m" }));
  const identity = (keys: Keys) => new STSClient(configured(keys)).send(new GetCallerIdentityCommand({}));

  before(async () => {
    lambent = await startLambent({ arguments: ["--authentication", "enforced"] });
    root = await rootKeys(lambent);
    await makeRole();
    const Policy = document({
      Effect: "Allow",
      Principal: { AWS: `arn:aws:sts::${ACCOUNT}:assumed-role/${ROLE}/leak` },
      Action: "sqs:SendMessage",
      Resource: `arn:aws:sqs:us-east-1:${ACCOUNT}:q`,
    });
    await new SQSClient(configured(root)).send(
      new CreateQueueCommand({ QueueName: "q", Attributes: { Policy } }),
    );
    const lambda = new LambdaClient(configured(root));
    await deploy(
      lambda,
      "leak",
      { "index.js": "exports.handler = async () => process.env;" },
      { Role: `arn:aws:iam::${ACCOUNT}:role/${ROLE}` },
    );
    const env = (await invoke(lambda, "leak")).body as Record<string, string>;
    leaked = {
      accessKeyId: env.AWS_ACCESS_KEY_ID ?? "",
      secretAccessKey: env.AWS_SECRET_ACCESS_KEY ?? "",
      sessionToken: env.AWS_SESSION_TOKEN ?? "",
    };
  });
  after(async () => {
    assert.equal(await lambent?.stop(), 0);
  });

  test("say what the role may do now, also when the function is gone, as on AWS", async () => {
    await list();
    await new LambdaClient(configured(root)).send(new DeleteFunctionCommand({ FunctionName: "leak" }));
    assert.deepEqual((await list()).Functions, []);
    await send();
    await iam().send(new DeleteRolePolicyCommand({ RoleName: ROLE, PolicyName: "own" }));
    await assert.rejects(list(), { name: "AccessDeniedException" });
    await allow();
    await list();
  });

  test("end with the role, whatever policies of resources say, and are not those of another one of its name", async () => {
    await iam().send(new DeleteRolePolicyCommand({ RoleName: ROLE, PolicyName: "own" }));
    await iam().send(new DeleteRoleCommand({ RoleName: ROLE }));
    for (const isMadeAgain of [false, true]) {
      if (isMadeAgain) await makeRole();
      await assert.rejects(list(), isInvalid);
      await assert.rejects(send(), isInvalid);
      await assert.rejects(identity(leaked), isInvalid);
    }
  });

  test("end with the user", async () => {
    const user = { UserName: "ann" };
    await iam().send(new CreateUserCommand(user));
    const { AccessKey } = await iam().send(new CreateAccessKeyCommand(user));
    const AccessKeyId = AccessKey?.AccessKeyId ?? "";
    const own = { accessKeyId: AccessKeyId, secretAccessKey: AccessKey?.SecretAccessKey ?? "" };
    const { Credentials: given } = await new STSClient(configured(own)).send(new GetSessionTokenCommand({}));
    const session = {
      accessKeyId: given?.AccessKeyId ?? "",
      secretAccessKey: given?.SecretAccessKey ?? "",
      sessionToken: given?.SessionToken ?? "",
    };
    assert.match((await identity(session)).Arn ?? "", /user\/ann$/);
    await iam().send(new DeleteAccessKeyCommand({ ...user, AccessKeyId }));
    await iam().send(new DeleteUserCommand(user));
    await assert.rejects(identity(session), isInvalid);
  });
});

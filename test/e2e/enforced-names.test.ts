import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  DescribeLogGroupsCommand,
  FilterLogEventsCommand,
  ListTagsForResourceCommand,
} from "@aws-sdk/client-cloudwatch-logs";
import {
  CreateAccessKeyCommand,
  CreateRoleCommand,
  CreateUserCommand,
  GetRoleCommand,
  IAMClient,
  PutRolePolicyCommand,
  PutUserPolicyCommand,
} from "@aws-sdk/client-iam";
import {
  DeleteFunctionCommand,
  DeleteLayerVersionCommand,
  GetFunctionCommand,
  LambdaClient,
  PublishLayerVersionCommand,
  TagResourceCommand,
} from "@aws-sdk/client-lambda";
import { CreateQueueCommand, SQSClient, StartMessageMoveTaskCommand } from "@aws-sdk/client-sqs";
import { deploy, zipOf } from "../support/deploy.ts";
import { rootKeys } from "../support/root-keys.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

const ACCOUNT = "000000000000";
const HERE = `us-east-1:${ACCOUNT}`;

type Credentials = { readonly accessKeyId: string; readonly secretAccessKey: string };
type Statement = {
  readonly Effect: "Allow" | "Deny";
  readonly Action: string | string[];
  readonly Resource: string | string[];
};

/** What a policy denies, or does not allow, is out of reach under every name that it can be called by. */
describe("names of what a policy denies", { concurrency: false }, () => {
  let lambent: RunningLambent;
  let root: Credentials;
  let users = 0;

  const configuration = (credentials: Credentials) => ({
    endpoint: lambent.endpoint,
    region: "us-east-1",
    credentials,
    maxAttempts: 1,
  });
  const iam = (credentials = root): IAMClient => new IAMClient(configuration(credentials));

  before(async () => {
    lambent = await startLambent({ arguments: ["--authentication", "enforced"] });
    root = await rootKeys(lambent);
    await iam().send(
      new CreateRoleCommand({
        RoleName: "Admin",
        AssumeRolePolicyDocument: JSON.stringify({
          Version: "2012-10-17",
          Statement: {
            Effect: "Allow",
            Principal: { Service: "lambda.amazonaws.com" },
            Action: "sts:AssumeRole",
          },
        }),
      }),
    );
  });
  after(async () => {
    assert.equal(await lambent?.stop(), 0);
  });

  const userWith = async (...statements: Statement[]): Promise<Credentials> => {
    const UserName = `user-${++users}`;
    await iam().send(new CreateUserCommand({ UserName }));
    const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement: statements });
    await iam().send(new PutUserPolicyCommand({ UserName, PolicyName: "own", PolicyDocument }));
    const { AccessKey } = await iam().send(new CreateAccessKeyCommand({ UserName }));
    return {
      accessKeyId: AccessKey?.AccessKeyId ?? "",
      secretAccessKey: AccessKey?.SecretAccessKey ?? "",
    };
  };
  const allBut = (Action: string | string[], Resource: string | string[]): Promise<Credentials> =>
    userWith({ Effect: "Allow", Action: "*", Resource: "*" }, { Effect: "Deny", Action, Resource });
  const isDenied = async (request: Promise<unknown>, what: string): Promise<void> => {
    await assert.rejects(request, /explicit deny|because no identity-based policy allows/, what);
  };

  test("of a function, its tags and a layer", async () => {
    const all = new LambdaClient(configuration(root));
    await deploy(all, "prod", { "index.js": "" }, { Role: `arn:aws:iam::${ACCOUNT}:role/Admin` });
    await all.send(
      new PublishLayerVersionCommand({ LayerName: "prod", Content: { ZipFile: await zipOf({ a: "" }) } }),
    );
    const lambda = new LambdaClient(
      configuration(
        await allBut("lambda:*", [
          `arn:aws:lambda:${HERE}:function:prod`,
          `arn:aws:lambda:${HERE}:layer:prod:*`,
        ]),
      ),
    );
    for (const partition of ["aws", "aws-cn", "aws-X", "aws-"]) {
      const own = `arn:${partition}:lambda:${HERE}`;
      for (const FunctionName of [
        "prod",
        `${own}:function:prod`,
        `arn:${partition}:lambda:prod`,
        "function:prod",
      ])
        await isDenied(lambda.send(new DeleteFunctionCommand({ FunctionName })), FunctionName);
      const Resource = `${own}:function:prod`;
      await isDenied(lambda.send(new TagResourceCommand({ Resource, Tags: { a: "b" } })), Resource);
      const LayerName = `${own}:layer:prod`;
      await isDenied(lambda.send(new DeleteLayerVersionCommand({ LayerName, VersionNumber: 1 })), LayerName);
    }
    assert.ok(await all.send(new GetFunctionCommand({ FunctionName: "prod" })));
  });

  test("of a log group, wherever else an ARN says that it is", async () => {
    const all = new CloudWatchLogsClient(configuration(root));
    await all.send(new CreateLogGroupCommand({ logGroupName: "secret" }));
    await all.send(new CreateLogStreamCommand({ logGroupName: "secret", logStreamName: "s" }));
    const elsewhere = ["eu-west-1:000000000000", "us-east-1:999999999999", `us-east-1:${ACCOUNT}`];
    const allowed = elsewhere.slice(0, 2).map((place) => `arn:aws:logs:${place}:log-group:*`);
    const logs = new CloudWatchLogsClient(
      configuration(
        await userWith(
          { Effect: "Allow", Action: "logs:*", Resource: allowed },
          { Effect: "Allow", Action: "logs:DescribeLogGroups", Resource: "*" },
        ),
      ),
    );
    for (const place of elsewhere)
      for (const partition of ["aws", "aws-cn"]) {
        const arn = `arn:${partition}:logs:${place}:log-group:secret`;
        for (const request of [
          logs.send(new FilterLogEventsCommand({ logGroupIdentifier: arn })),
          logs.send(new ListTagsForResourceCommand({ resourceArn: arn })),
        ])
          await assert.rejects(request, { name: /^(ResourceNotFoundException|AccessDeniedException)$/ }, arn);
      }
    const [other = ""] = elsewhere;
    const described = await logs.send(
      new DescribeLogGroupsCommand({ logGroupIdentifiers: [`arn:aws:logs:${other}:log-group:secret`] }),
    );
    assert.deepEqual(described.logGroups, []);
    const own = `arn:aws:logs:us-east-1:${ACCOUNT}:log-group:secret`;
    assert.deepEqual((await all.send(new FilterLogEventsCommand({ logGroupIdentifier: own }))).events, []);
  });

  test("of a role, in letters of either case", async () => {
    const client = iam(await allBut("iam:PutRolePolicy", `arn:aws:iam::${ACCOUNT}:role/Admin`));
    const PolicyDocument = JSON.stringify({
      Version: "2012-10-17",
      Statement: { Effect: "Allow", Action: "*", Resource: "*" },
    });
    for (const RoleName of ["Admin", "admin", "ADMIN"])
      await isDenied(
        client.send(new PutRolePolicyCommand({ RoleName, PolicyName: "p", PolicyDocument })),
        RoleName,
      );
    assert.equal((await client.send(new GetRoleCommand({ RoleName: "admin" }))).Role?.RoleName, "Admin");
  });

  test("of oneself, where no name is given", async () => {
    const client = iam(await allBut("iam:CreateAccessKey", `arn:aws:iam::${ACCOUNT}:user/user-*`));
    await isDenied(client.send(new CreateAccessKeyCommand({})), "no name");
    const own = await userWith({
      Effect: "Allow",
      Action: "iam:CreateAccessKey",
      Resource: `arn:aws:iam::${ACCOUNT}:user/\${aws:username}`,
    });
    const { AccessKey } = await iam(own).send(new CreateAccessKeyCommand({}));
    assert.equal(AccessKey?.UserName, `user-${users}`);
    await isDenied(iam(own).send(new CreateAccessKeyCommand({ UserName: "user-1" })), "another's name");
  });

  test("of a queue that messages could be moved into", async () => {
    const all = new SQSClient(configuration(root));
    const arn = (name: string): string => `arn:aws:sqs:${HERE}:${name}`;
    for (const QueueName of ["dead", "victim"]) await all.send(new CreateQueueCommand({ QueueName }));
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: arn("dead"), maxReceiveCount: 1 });
    await all.send(new CreateQueueCommand({ QueueName: "own", Attributes: { RedrivePolicy } }));
    const sqs = new SQSClient(
      configuration(
        await userWith({ Effect: "Allow", Action: "sqs:*", Resource: [arn("dead"), arn("own")] }),
      ),
    );
    const move = { SourceArn: arn("dead"), DestinationArn: arn("victim") };
    await isDenied(sqs.send(new StartMessageMoveTaskCommand(move)), "victim");
    await sqs.send(new StartMessageMoveTaskCommand({ ...move, DestinationArn: arn("own") }));
  });

  test("of regions are names of regions", async () => {
    for (const region of [`us-east-1:${ACCOUNT}:function:x`, "us-east-1*", "%2E%2E"]) {
      const authorization = `AWS4-HMAC-SHA256 Credential=${root.accessKeyId}/20260101/${region}/lambda/aws4_request, SignedHeaders=host, Signature=0`;
      const answer = await fetch(`${lambent.endpoint}/2015-03-31/functions/`, { headers: { authorization } });
      assert.match(await answer.text(), /Credential should be scoped to a valid region/, region);
    }
  });
});

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  CreateAccessKeyCommand,
  CreateRoleCommand,
  CreateUserCommand,
  IAMClient,
  PutRolePolicyCommand,
  PutUserPolicyCommand,
} from "@aws-sdk/client-iam";
import {
  CreateEventSourceMappingCommand,
  DeleteEventSourceMappingCommand,
  GetEventSourceMappingCommand,
  LambdaClient,
  UpdateEventSourceMappingCommand,
} from "@aws-sdk/client-lambda";
import { CreateQueueCommand, SQSClient } from "@aws-sdk/client-sqs";
import { deploy, ROLE_ARN } from "../support/deploy.ts";
import { rootKeys } from "../support/root-keys.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

const EventSourceArn = "arn:aws:sqs:us-east-1:000000000000:work";
const arnOf = (name: string): string => `arn:aws:lambda:us-east-1:000000000000:function:${name}`;
const policy = (statement: object): string =>
  JSON.stringify({ Version: "2012-10-17", Statement: { Effect: "Allow", Resource: "*", ...statement } });

describe("event source mappings with enforced authentication", () => {
  let lambent: RunningLambent;
  let root: LambdaClient;
  let iam: IAMClient;
  const configuration = (credentials: { accessKeyId: string; secretAccessKey: string }) => ({
    endpoint: lambent.endpoint,
    region: "us-east-1",
    credentials,
    maxAttempts: 1,
  });
  before(async () => {
    lambent = await startLambent({ arguments: ["--authentication", "enforced"] });
    const credentials = await rootKeys(lambent);
    root = new LambdaClient(configuration(credentials));
    iam = new IAMClient(configuration(credentials));
    const trust = policy({ Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" });
    await iam.send(
      new CreateRoleCommand({
        RoleName: "test-role",
        AssumeRolePolicyDocument: trust.replace('"Resource":"*",', ""),
      }),
    );
    await new SQSClient(configuration(credentials)).send(new CreateQueueCommand({ QueueName: "work" }));
    for (const name of ["mine", "theirs"])
      await deploy(root, name, { "index.js": "exports.handler = async () => 1;" });
  });
  after(() => lambent.stop());

  test("the function's role must be allowed to read the queue", async () => {
    const create = new CreateEventSourceMappingCommand({ FunctionName: "theirs", EventSourceArn });
    await assert.rejects(root.send(create), {
      name: "InvalidParameterValueException",
      message: "The provided execution role does not have permissions to call ReceiveMessage on SQS",
    });
    await iam.send(
      new PutRolePolicyCommand({
        RoleName: ROLE_ARN.split("/")[1],
        PolicyName: "queue",
        PolicyDocument: policy({ Action: "sqs:*" }),
      }),
    );
    assert.equal((await root.send(create)).State, "Creating");
  });

  test("lambda:FunctionArn limits a user to the mappings of a function", async () => {
    await iam.send(new CreateUserCommand({ UserName: "dev" }));
    const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: "dev" }));
    await iam.send(
      new PutUserPolicyCommand({
        UserName: "dev",
        PolicyName: "mappings",
        PolicyDocument: policy({
          Action: "lambda:*EventSourceMapping",
          Condition: { ArnEquals: { "lambda:FunctionArn": arnOf("mine") } },
        }),
      }),
    );
    const dev = new LambdaClient(
      configuration({
        accessKeyId: AccessKey?.AccessKeyId ?? "",
        secretAccessKey: AccessKey?.SecretAccessKey ?? "",
      }),
    );
    const denied = { name: "AccessDeniedException" };
    const create = (FunctionName: string) =>
      dev.send(new CreateEventSourceMappingCommand({ FunctionName, EventSourceArn, Enabled: false }));
    await assert.rejects(create("theirs"), denied);
    const { UUID: own } = await create("mine");
    await dev.send(new GetEventSourceMappingCommand({ UUID: own }));
    await dev.send(new UpdateEventSourceMappingCommand({ UUID: own, BatchSize: 2 }));
    await assert.rejects(
      dev.send(new UpdateEventSourceMappingCommand({ UUID: own, FunctionName: "theirs" })),
      denied,
    );
    const { UUID: foreign } = await root.send(
      new CreateEventSourceMappingCommand({ FunctionName: "theirs:$LATEST", EventSourceArn, Enabled: false }),
    );
    await assert.rejects(dev.send(new GetEventSourceMappingCommand({ UUID: foreign })), denied);
    await assert.rejects(
      dev.send(new UpdateEventSourceMappingCommand({ UUID: foreign, FunctionName: "mine" })),
      denied,
    );
    await assert.rejects(dev.send(new DeleteEventSourceMappingCommand({ UUID: foreign })), denied);
    await dev.send(new DeleteEventSourceMappingCommand({ UUID: own }));
  });
});

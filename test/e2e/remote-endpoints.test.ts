/** Real services in the place of the embedded ones; here the real ones are another Lambent's. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { CreateEventSourceMappingCommand, InvokeCommand } from "@aws-sdk/client-lambda";
import { CreateTopicCommand, SNSClient, SubscribeCommand } from "@aws-sdk/client-sns";
import {
  CreateQueueCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { clientConfiguration, deploy, lambdaClient } from "../support/deploy.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

const ARN = "000000000000";

describe("services at other endpoints", () => {
  let real: RunningLambent;
  let lambent: RunningLambent;
  before(async () => {
    real = await startLambent({});
    lambent = await startLambent({
      environment: {
        LAMBENT_ENDPOINTS: JSON.stringify({ sqs: real.endpoint, sns: real.endpoint, s3: "off" }),
        AWS_ACCESS_KEY_ID: "test",
        AWS_SECRET_ACCESS_KEY: "test",
      },
    });
  });
  after(async () => {
    assert.equal(await lambent?.stop(), 0);
    assert.equal(await real?.stop(), 0);
  });

  test("a function reads a queue there, and its result goes to a topic there", async () => {
    const sqs = new SQSClient(clientConfiguration(real.endpoint));
    const sns = new SNSClient(clientConfiguration(real.endpoint));
    const work = await sqs.send(new CreateQueueCommand({ QueueName: "work" }));
    const results = await sqs.send(new CreateQueueCommand({ QueueName: "results" }));
    const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: "done" }));
    const Policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: { Effect: "Allow", Principal: "*", Action: "sqs:SendMessage", Resource: "*" },
    });
    await sqs.send(new SetQueueAttributesCommand({ QueueUrl: results.QueueUrl, Attributes: { Policy } }));
    await sns.send(
      new SubscribeCommand({
        TopicArn,
        Protocol: "sqs",
        Endpoint: `arn:aws:sqs:us-east-1:${ARN}:results`,
        Attributes: { RawMessageDelivery: "true" },
      }),
    );
    const lambda = lambdaClient(lambent.endpoint);
    await deploy(
      lambda,
      "worker",
      {
        "index.js": `exports.handler = async (event) => { if (event.fail) throw new Error("for the dead letters"); };`,
      },
      { DeadLetterConfig: { TargetArn: TopicArn }, Timeout: 5 },
    );
    await lambda.send(
      new CreateEventSourceMappingCommand({
        FunctionName: "worker",
        EventSourceArn: `arn:aws:sqs:us-east-1:${ARN}:work`,
      }),
    );
    await sqs.send(new SendMessageCommand({ QueueUrl: work.QueueUrl, MessageBody: "a" }));
    for (const end = Date.now() + 20_000; ; ) {
      const { Messages } = await sqs.send(
        new ReceiveMessageCommand({ QueueUrl: work.QueueUrl, VisibilityTimeout: 0 }),
      );
      if (Messages === undefined) break;
      assert.ok(Date.now() < end, "the message is read and deleted");
    }
    const { PutFunctionEventInvokeConfigCommand } = await import("@aws-sdk/client-lambda");
    await lambda.send(
      new PutFunctionEventInvokeConfigCommand({ FunctionName: "worker", MaximumRetryAttempts: 0 }),
    );
    await lambda.send(
      new InvokeCommand({ FunctionName: "worker", InvocationType: "Event", Payload: '{"fail":true}' }),
    );
    const { Messages } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl: results.QueueUrl, WaitTimeSeconds: 20 }),
    );
    assert.deepEqual(
      Messages?.map(({ Body }) => Body),
      ['{"fail":true}'],
    );
    sqs.destroy();
    sns.destroy();
    lambda.destroy();
  });

  test("what is elsewhere or off is not served here", async () => {
    const sqs = new SQSClient(clientConfiguration(lambent.endpoint));
    await assert.rejects(sqs.send(new CreateQueueCommand({ QueueName: "here" })), /does not serve/);
    sqs.destroy();
  });
});

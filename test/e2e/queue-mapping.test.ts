/** A queue's messages reach a function, in batches, and what it fails goes to the dead-letter queue. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { CreateEventSourceMappingCommand, GetEventSourceMappingCommand } from "@aws-sdk/client-lambda";
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { clientConfiguration, deploy, lambdaClient } from "../support/deploy.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

const ARN = "arn:aws:sqs:us-east-1:000000000000";
const HANDLER = `
exports.handler = async ({ Records }) => ({
  batchItemFailures: Records.filter(({ body }) => body === "poison").map(({ messageId }) => ({ itemIdentifier: messageId })),
});`;

describe("a queue mapped to a function", () => {
  let lambent: RunningLambent;
  let sqs: SQSClient;
  before(async () => {
    lambent = await startLambent({});
    sqs = new SQSClient(clientConfiguration(lambent.endpoint));
  });
  after(async () => {
    sqs?.destroy();
    assert.equal(await lambent?.stop(), 0);
  });

  const count = async (QueueUrl: string | undefined): Promise<number> => {
    const { Attributes = {} } = await sqs.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] }),
    );
    return (
      Number(Attributes.ApproximateNumberOfMessages) +
      Number(Attributes.ApproximateNumberOfMessagesNotVisible)
    );
  };

  test("good messages are taken, the poisoned one ends in the dead-letter queue", async () => {
    const lambda = lambdaClient(lambent.endpoint);
    await deploy(lambda, "worker", { "index.js": HANDLER }, { Timeout: 1 });
    const dead = await sqs.send(new CreateQueueCommand({ QueueName: "dead" }));
    const { QueueUrl } = await sqs.send(
      new CreateQueueCommand({
        QueueName: "work",
        Attributes: {
          VisibilityTimeout: "1",
          RedrivePolicy: JSON.stringify({ deadLetterTargetArn: `${ARN}:dead`, maxReceiveCount: 2 }),
        },
      }),
    );
    const { UUID } = await lambda.send(
      new CreateEventSourceMappingCommand({
        FunctionName: "worker",
        EventSourceArn: `${ARN}:work`,
        BatchSize: 10,
        FunctionResponseTypes: ["ReportBatchItemFailures"],
      }),
    );
    const bodies = ["a", "b", "poison", "c"];
    await sqs.send(
      new SendMessageBatchCommand({
        QueueUrl,
        Entries: bodies.map((MessageBody, index) => ({ Id: String(index), MessageBody })),
      }),
    );
    const { Messages } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl: dead.QueueUrl, WaitTimeSeconds: 20 }),
    );
    assert.deepEqual(
      Messages?.map(({ Body }) => Body),
      ["poison"],
    );
    assert.equal(await count(QueueUrl), 0);
    const mapping = await lambda.send(new GetEventSourceMappingCommand({ UUID }));
    assert.equal(mapping.State, "Enabled");
    lambda.destroy();
  });
});

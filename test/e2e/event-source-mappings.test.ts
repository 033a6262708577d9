import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  CreateEventSourceMappingCommand,
  type CreateEventSourceMappingCommandInput,
  DeleteEventSourceMappingCommand,
  GetEventSourceMappingCommand,
  type LambdaClient,
} from "@aws-sdk/client-lambda";
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { clientConfiguration, deploy, lambdaClient } from "../support/deploy.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

/** Says which records are poison; fails where one asks for it. */
const FUNCTION = `
export const handler = async ({ Records }) => {
  const [{ body, attributes }] = Records;
  if (body === "fail once" && attributes.ApproximateReceiveCount === "1") throw new Error("once");
  const failed = Records.filter((record) => record.body === "poison");
  return { batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) };
};
`;

const arnOf = (name: string): string => `arn:aws:sqs:us-east-1:000000000000:${name}`;

describe("a function reads a queue", () => {
  let lambent: RunningLambent;
  let lambda: LambdaClient;
  let sqs: SQSClient;
  before(async () => {
    lambent = await startLambent();
    lambda = lambdaClient(lambent.endpoint);
    sqs = new SQSClient(clientConfiguration(lambent.endpoint));
    await deploy(lambda, "reader", { "index.mjs": FUNCTION }, { Timeout: 1 });
  });
  after(async () => {
    lambda.destroy();
    sqs.destroy();
    await lambent.stop();
    await rm(lambent.dataDirectory, { recursive: true, force: true });
  });

  async function queue(name: string, attributes: Record<string, string> = {}): Promise<string> {
    const { QueueUrl = "" } = await sqs.send(
      new CreateQueueCommand({ QueueName: name, Attributes: { VisibilityTimeout: "1", ...attributes } }),
    );
    return QueueUrl;
  }
  const map = async (
    queueName: string,
    input: Partial<CreateEventSourceMappingCommandInput> = {},
  ): Promise<string | undefined> =>
    (
      await lambda.send(
        new CreateEventSourceMappingCommand({
          FunctionName: "reader",
          EventSourceArn: arnOf(queueName),
          ...input,
        }),
      )
    ).UUID;
  const result = async (UUID: string | undefined): Promise<string | undefined> =>
    (await lambda.send(new GetEventSourceMappingCommand({ UUID }))).LastProcessingResult;
  async function until(UUID: string | undefined, wanted: string): Promise<void> {
    for (const endMs = Date.now() + 15_000; Date.now() < endMs; await sleep(20))
      if ((await result(UUID)) === wanted) return;
    assert.equal(await result(UUID), wanted);
  }

  test("messages are processed and gone; one that fails comes again", async () => {
    const QueueUrl = await queue("work");
    const UUID = await map("work");
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "hello" }));
    await until(UUID, "OK");
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "fail once" }));
    await until(UUID, "PROBLEM: Function call failed");
    await until(UUID, "OK");
    await lambda.send(new DeleteEventSourceMappingCommand({ UUID }));
    const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl }));
    assert.deepEqual(Messages, []);
  });

  test("poison goes to the dead-letter queue, what came with it does not", async () => {
    const deadLetters = await queue("dead");
    const QueueUrl = await queue("poisoned", {
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn: arnOf("dead"), maxReceiveCount: 1 }),
    });
    await sqs.send(
      new SendMessageBatchCommand({
        QueueUrl,
        Entries: ["a", "poison", "b", "c"].map((MessageBody, index) => ({ Id: `${index}`, MessageBody })),
      }),
    );
    const UUID = await map("poisoned", { FunctionResponseTypes: ["ReportBatchItemFailures"] });
    await until(UUID, "PROBLEM: Function call failed");
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl: deadLetters, WaitTimeSeconds: 10 }),
    );
    assert.deepEqual(
      Messages.map(({ Body }) => Body),
      ["poison"],
    );
    await lambda.send(new DeleteEventSourceMappingCommand({ UUID }));
  });

  test("nothing is lost when Lambent is killed while messages run, and the mapping goes on", async () => {
    const QueueUrl = await queue("killed");
    const UUID = await map("killed");
    for (let batch = 0; batch < 10; batch++)
      await sqs.send(
        new SendMessageBatchCommand({
          QueueUrl,
          Entries: Array.from({ length: 10 }, (_, index) => ({ Id: `${index}`, MessageBody: "m" })),
        }),
      );
    const { dataDirectory } = lambent;
    await lambent.kill();
    lambda.destroy();
    sqs.destroy();
    lambent = await startLambent({ dataDirectory });
    lambda = lambdaClient(lambent.endpoint);
    sqs = new SQSClient(clientConfiguration(lambent.endpoint));
    // Those that were running come again when their time is over.
    const left = async (): Promise<number> => {
      const { Attributes: counts = {} } = await sqs.send(
        new GetQueueAttributesCommand({
          QueueUrl: QueueUrl.replace(/^http:\/\/[^/]+/, lambent.endpoint),
          AttributeNames: ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        }),
      );
      return Object.values(counts).reduce((sum, count) => sum + Number(count), 0);
    };
    for (const endMs = Date.now() + 15_000; (await left()) > 0 && Date.now() < endMs; ) await sleep(50);
    assert.equal(await left(), 0);
    assert.equal((await lambda.send(new GetEventSourceMappingCommand({ UUID }))).State, "Enabled");
  });
});

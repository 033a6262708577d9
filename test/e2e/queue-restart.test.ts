import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import * as sqs from "@aws-sdk/client-sqs";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

const clientOf = ({ endpoint }: RunningLambent): sqs.SQSClient =>
  new sqs.SQSClient({
    endpoint,
    region: "us-east-1",
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
  });

test("receptions and deduplication ids survive a kill", async () => {
  const dataDirectory = await mkdtemp(join(tmpdir(), "lambent-queue-restart-"));
  let lambent = await startLambent({ dataDirectory });
  let client = clientOf(lambent);
  try {
    const create = new sqs.CreateQueueCommand({
      QueueName: "kept.fifo",
      Attributes: { FifoQueue: "true", VisibilityTimeout: "600" },
    });
    const { QueueUrl } = await client.send(create);
    const send = (id: string) =>
      client.send(
        new sqs.SendMessageCommand({
          QueueUrl,
          MessageBody: id,
          MessageGroupId: "group",
          MessageDeduplicationId: id,
        }),
      );
    const receive = async (): Promise<readonly sqs.Message[]> =>
      (
        await client.send(
          new sqs.ReceiveMessageCommand({
            QueueUrl,
            MaxNumberOfMessages: 1,
            MessageSystemAttributeNames: ["ApproximateReceiveCount"],
          }),
        )
      ).Messages ?? [];
    const remove = (ReceiptHandle: string | undefined) =>
      client.send(new sqs.DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
    const first = await send("1");
    await send("2");
    const [one] = await receive();
    await remove(one?.ReceiptHandle);
    const [two] = await receive();
    assert.equal(two?.Body, "2");

    await lambent.kill();
    client.destroy();
    lambent = await startLambent({ dataDirectory });
    client = clientOf(lambent);
    const again = await send("1");
    assert.deepEqual([again.MessageId, again.SequenceNumber], [first.MessageId, first.SequenceNumber]);
    assert.deepEqual(await receive(), []);
    await client.send(
      new sqs.ChangeMessageVisibilityCommand({
        QueueUrl,
        ReceiptHandle: two?.ReceiptHandle,
        VisibilityTimeout: 0,
      }),
    );
    const [back] = await receive();
    assert.deepEqual([back?.Body, back?.Attributes?.ApproximateReceiveCount], ["2", "2"]);
    await remove(back?.ReceiptHandle);
    assert.deepEqual(await receive(), []);
  } finally {
    client.destroy();
    await lambent.stop();
    await rm(dataDirectory, { recursive: true, force: true });
  }
});

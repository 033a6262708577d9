import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, test } from "node:test";
import * as sqs from "@aws-sdk/client-sqs";
import { sqsService } from "../../src/aws-api/services/sqs/sqs-service.ts";
import { Queues } from "../../src/queues/queues.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { MemoryKeyValueStore } from "../support/memory-store.ts";
import { clientConfiguration, type ProtocolServer, startProtocolServer } from "../support/protocol-server.ts";

const ARN = "arn:aws:sqs:eu-west-1:000000000000";

describe("SQS", () => {
  const keyValue = new MemoryKeyValueStore();
  const clock = new ManualClock();
  let queues: Queues;
  let server: ProtocolServer;
  let client: sqs.SQSClient;
  before(async () => {
    queues = await Queues.open({ keyValue, clock });
    server = await startProtocolServer([sqsService({ queues })]);
    client = new sqs.SQSClient({ ...clientConfiguration, endpoint: server.endpoint });
  });
  after(async () => {
    client.destroy();
    queues.close();
    await server.close();
    assert.deepEqual(server.logged, []);
  });

  const create = async (QueueName: string, Attributes: Record<string, string> = {}): Promise<string> =>
    (await client.send(new sqs.CreateQueueCommand({ QueueName, Attributes }))).QueueUrl ?? "";
  const send = (QueueUrl: string, MessageBody: string, more: object = {}) =>
    client.send(new sqs.SendMessageCommand({ QueueUrl, MessageBody, ...more }));
  const receive = async (QueueUrl: string, more: object = {}): Promise<sqs.Message[]> =>
    (
      await client.send(
        new sqs.ReceiveMessageCommand({
          QueueUrl,
          MaxNumberOfMessages: 10,
          MessageSystemAttributeNames: ["All"],
          MessageAttributeNames: ["All"],
          ...more,
        }),
      )
    ).Messages ?? [];
  const remove = (QueueUrl: string, { ReceiptHandle }: sqs.Message) =>
    client.send(new sqs.DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
  const bodies = (messages: readonly sqs.Message[]): (string | undefined)[] =>
    messages.map(({ Body }) => Body);

  test("a queue is made, found, listed, described, changed and deleted", async () => {
    const QueueUrl = await create("life", { VisibilityTimeout: "45" });
    assert.equal(QueueUrl, `${server.endpoint}/000000000000/life`);
    assert.equal(await create("life", { VisibilityTimeout: "45" }), QueueUrl, "the same again");
    await assert.rejects(create("life", { VisibilityTimeout: "46" }), {
      name: "QueueNameExists",
      message:
        "A queue already exists with the same name and a different value for attribute VisibilityTimeout",
    });
    assert.equal((await client.send(new sqs.GetQueueUrlCommand({ QueueName: "life" }))).QueueUrl, QueueUrl);
    const list = await client.send(new sqs.ListQueuesCommand({ QueueNamePrefix: "li" }));
    assert.deepEqual(list.QueueUrls, [QueueUrl]);
    await client.send(
      new sqs.SetQueueAttributesCommand({
        QueueUrl,
        Attributes: { DelaySeconds: "5", VisibilityTimeout: "30" },
      }),
    );
    const { Attributes } = await client.send(
      new sqs.GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] }),
    );
    assert.equal(Attributes?.QueueArn, `${ARN}:life`);
    assert.equal(Attributes.DelaySeconds, "5");
    assert.equal(Attributes.MessageRetentionPeriod, "345600");
    assert.equal(Attributes.ApproximateNumberOfMessages, "0");
    await client.send(new sqs.TagQueueCommand({ QueueUrl, Tags: { a: "1", b: "2" } }));
    await client.send(new sqs.UntagQueueCommand({ QueueUrl, TagKeys: ["a"] }));
    assert.deepEqual((await client.send(new sqs.ListQueueTagsCommand({ QueueUrl }))).Tags, { b: "2" });
    await client.send(new sqs.DeleteQueueCommand({ QueueUrl }));
    await assert.rejects(send(QueueUrl, "x"), (error: Error) => {
      assert.ok(error instanceof sqs.QueueDoesNotExist);
      return true;
    });
    await assert.rejects(create("bad name"), { name: "InvalidParameterValue" });
    await assert.rejects(create("bad", { VisibilityTimeout: "-1" }), { name: "InvalidAttributeValue" });
    await assert.rejects(create("bad", { KmsMasterKeyId: "k" }), { name: "InvalidAttributeName" });
  });

  test("a message goes through with its attributes, and their sums are right", async () => {
    const QueueUrl = await create("whole");
    const MessageAttributes = {
      Text: { DataType: "String", StringValue: "value" },
      Count: { DataType: "Number.int", StringValue: "42" },
      Bytes: { DataType: "Binary", BinaryValue: Buffer.from([1, 2, 255]) },
    };
    // The SDK itself compares the sums of what it sends and receives.
    const sent = await send(QueueUrl, "hällo €", { MessageAttributes });
    assert.equal(sent.MD5OfMessageBody, createHash("md5").update("hällo €").digest("hex"));
    // Known answer of AWS's own algorithm, from botocore's users: three attributes, sorted by name.
    assert.match(sent.MD5OfMessageAttributes ?? "", /^[0-9a-f]{32}$/);
    const [message] = await receive(QueueUrl);
    assert.equal(message?.Body, "hällo €");
    assert.equal(message.MD5OfMessageAttributes, sent.MD5OfMessageAttributes);
    assert.deepEqual(message.MessageAttributes?.Text?.StringValue, "value");
    assert.deepEqual(
      Buffer.from(message.MessageAttributes?.Bytes?.BinaryValue ?? []),
      Buffer.from([1, 2, 255]),
    );
    assert.equal(message.Attributes?.ApproximateReceiveCount, "1");
    await remove(QueueUrl, message);
    await remove(QueueUrl, message);
    clock.advance(60_000);
    assert.deepEqual(await receive(QueueUrl), []);
    await assert.rejects(send(QueueUrl, "\u0001"), { name: "InvalidMessageContents" });
    await assert.rejects(send(QueueUrl, "x".repeat(1_048_577)), { name: "InvalidParameterValue" });
    await assert.rejects(remove(QueueUrl, { ReceiptHandle: "nonsense" }), { name: "ReceiptHandleIsInvalid" });
  });

  test("what is received is invisible until its time is over, or is given back", async () => {
    const QueueUrl = await create("visibility");
    await send(QueueUrl, "a");
    const [first] = await receive(QueueUrl);
    assert.deepEqual(await receive(QueueUrl), []);
    clock.advance(30_000);
    const [second] = await receive(QueueUrl);
    assert.equal(second?.Attributes?.ApproximateReceiveCount, "2");
    const ReceiptHandle = second.ReceiptHandle;
    await client.send(
      new sqs.ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: 0 }),
    );
    const [third] = await receive(QueueUrl);
    assert.equal(third?.Attributes?.ApproximateReceiveCount, "3");
    assert.equal(
      third.Attributes.ApproximateFirstReceiveTimestamp,
      first?.Attributes?.ApproximateFirstReceiveTimestamp,
    );
    await send(QueueUrl, "late", { DelaySeconds: 10 });
    assert.deepEqual(await receive(QueueUrl), []);
    clock.advance(10_000);
    assert.deepEqual(bodies(await receive(QueueUrl)), ["late"]);
  });

  test("a waiting reception gets what arrives", async () => {
    const QueueUrl = await create("waiting");
    const waiting = receive(QueueUrl, { WaitTimeSeconds: 20 });
    await send(QueueUrl, "at last");
    assert.deepEqual(bodies(await waiting), ["at last"]);
  });

  test("batches: each entry by itself, and what is no batch is refused", async () => {
    const QueueUrl = await create("batch");
    const answer = await client.send(
      new sqs.SendMessageBatchCommand({
        QueueUrl,
        Entries: [
          { Id: "good", MessageBody: "one" },
          { Id: "bad", MessageBody: "two", DelaySeconds: 901 },
        ],
      }),
    );
    assert.deepEqual(
      answer.Successful?.map(({ Id }) => Id),
      ["good"],
    );
    assert.deepEqual(
      answer.Failed?.map(({ Id, Code, SenderFault }) => [Id, Code, SenderFault]),
      [["bad", "InvalidParameterValue", true]],
    );
    const twice = [1, 2].map((n) => ({ Id: "same", MessageBody: String(n) }));
    await assert.rejects(client.send(new sqs.SendMessageBatchCommand({ QueueUrl, Entries: twice })), {
      name: "BatchEntryIdsNotDistinct",
    });
    await assert.rejects(client.send(new sqs.SendMessageBatchCommand({ QueueUrl, Entries: [] })), {
      name: "EmptyBatchRequest",
    });
    const messages = await receive(QueueUrl);
    const Entries = messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
    const deleted = await client.send(new sqs.DeleteMessageBatchCommand({ QueueUrl, Entries }));
    assert.equal(deleted.Successful?.length, 1);
  });

  test("FIFO: order within a group, one group does not block another, duplicates are one", async () => {
    const QueueUrl = await create("order.fifo", { FifoQueue: "true" });
    const sendTo = (group: string, body: string, id = body) =>
      send(QueueUrl, body, { MessageGroupId: group, MessageDeduplicationId: id });
    const first = await sendTo("a", "a1");
    const again = await sendTo("a", "a1");
    assert.equal(again.MessageId, first.MessageId);
    await sendTo("a", "a2");
    await sendTo("b", "b1");
    assert.deepEqual(bodies(await receive(QueueUrl, { MaxNumberOfMessages: 1 })), ["a1"]);
    const [b1] = await receive(QueueUrl);
    assert.equal(b1?.Body, "b1", "a waits for a1");
    clock.advance(30_000);
    const both = await receive(QueueUrl);
    assert.deepEqual(bodies(both), ["a1", "a2", "b1"]);
    await assert.rejects(remove(QueueUrl, b1), /The receipt handle has expired/);
    for (const message of both) await remove(QueueUrl, message);
    await assert.rejects(send(QueueUrl, "x", { MessageDeduplicationId: "x" }), { name: "MissingParameter" });
    await assert.rejects(send(QueueUrl, "x", { MessageGroupId: "g" }), { name: "InvalidParameterValue" });
  });

  test("what is received too often goes to the dead-letter queue, and can be moved back", async () => {
    const deadUrl = await create("dead");
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: `${ARN}:dead`, maxReceiveCount: 2 });
    const QueueUrl = await create("source", { RedrivePolicy });
    const { MessageId } = await send(QueueUrl, "poison");
    for (let count = 0; count < 2; count++) {
      assert.equal((await receive(QueueUrl)).length, 1);
      clock.advance(30_000);
    }
    assert.deepEqual(await receive(QueueUrl), []);
    const [dead] = await receive(deadUrl, { VisibilityTimeout: 0, WaitTimeSeconds: 1 });
    assert.equal(dead?.MessageId, MessageId);
    assert.equal(dead?.Attributes?.DeadLetterQueueSourceArn, `${ARN}:source`);
    const sources = await client.send(new sqs.ListDeadLetterSourceQueuesCommand({ QueueUrl: deadUrl }));
    assert.deepEqual(sources.queueUrls, [QueueUrl]);
    await client.send(new sqs.StartMessageMoveTaskCommand({ SourceArn: `${ARN}:dead` }));
    const moved = await receive(QueueUrl, { WaitTimeSeconds: 20 });
    assert.deepEqual(bodies(moved), ["poison"]);
    const { Results } = await client.send(new sqs.ListMessageMoveTasksCommand({ SourceArn: `${ARN}:dead` }));
    assert.equal(Results?.length, 1);
    await assert.rejects(
      create("other", { RedrivePolicy: RedrivePolicy.replace(":dead", ":nowhere") }),
      /Dead letter target does not exist/,
    );
  });

  test("messages and who has received them outlive a restart", async () => {
    const QueueUrl = await create("durable");
    for (const body of ["a", "b"]) await send(QueueUrl, body);
    const large = "€".repeat(349_500);
    await send(QueueUrl, large, { MessageAttributes: { n: { DataType: "String", StringValue: "v" } } });
    const [a] = await receive(QueueUrl, { MaxNumberOfMessages: 1 });
    assert.ok(a);
    await remove(QueueUrl, a);
    await receive(QueueUrl, { MaxNumberOfMessages: 1 });
    const reopened = await Queues.open({ keyValue, clock });
    const queue = reopened.get({ account: "000000000000", region: "eu-west-1", name: "durable" });
    assert.deepEqual(queue.counts(), { visible: 1, notVisible: 1, delayed: 0 });
    const [, last] = [...queue.shelf.messages()];
    assert.equal(last?.message.body, large);
    await queue.purge();
    assert.deepEqual(await keyValue.list(`queues/messages/${queue.record.id}/`), []);
    reopened.close();
  });

  test("retention, purging, and permissions in the policy", async () => {
    const QueueUrl = await create("short", { MessageRetentionPeriod: "60" });
    await send(QueueUrl, "old");
    clock.advance(61_000);
    assert.deepEqual(await receive(QueueUrl), []);
    await send(QueueUrl, "new");
    await client.send(new sqs.PurgeQueueCommand({ QueueUrl }));
    assert.deepEqual(await receive(QueueUrl), []);
    await assert.rejects(client.send(new sqs.PurgeQueueCommand({ QueueUrl })), {
      name: "PurgeQueueInProgress",
    });
    await client.send(
      new sqs.AddPermissionCommand({
        QueueUrl,
        Label: "other",
        AWSAccountIds: ["111111111111"],
        Actions: ["SendMessage"],
      }),
    );
    const { Attributes } = await client.send(
      new sqs.GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["Policy"] }),
    );
    const [statement] = (JSON.parse(Attributes?.Policy ?? "{}") as { Statement: Record<string, unknown>[] })
      .Statement;
    assert.equal(statement?.Action, "SQS:SendMessage");
    await client.send(new sqs.RemovePermissionCommand({ QueueUrl, Label: "other" }));
    assert.equal(
      (await client.send(new sqs.GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["Policy"] })))
        .Attributes,
      undefined,
    );
  });

  test("the query protocol of older clients", async () => {
    await create("old-clients");
    const ask = async (parameters: Record<string, string>): Promise<string> =>
      (
        await fetch(server.endpoint, {
          method: "POST",
          headers: {
            authorization:
              "AWS4-HMAC-SHA256 Credential=any/20260101/eu-west-1/sqs/aws4_request, SignedHeaders=host, Signature=0",
          },
          body: new URLSearchParams({ Version: "2012-11-05", ...parameters }),
        })
      ).text();
    const QueueUrl = `${server.endpoint}/000000000000/old-clients`;
    assert.match(
      await ask({
        Action: "SendMessage",
        QueueUrl,
        MessageBody: "x",
        "MessageAttribute.1.Name": "n",
        "MessageAttribute.1.Value.DataType": "String",
        "MessageAttribute.1.Value.StringValue": "v",
      }),
      /<MD5OfMessageBody>9dd4e461268c8034f5c8564e155c67a6<\/MD5OfMessageBody>/,
    );
    assert.match(
      await ask({ Action: "ReceiveMessage", QueueUrl, "MessageAttributeName.1": "All" }),
      /<Body>x<\/Body>[\s\S]*<StringValue>v</,
    );
    assert.match(
      await ask({ Action: "GetQueueUrl", QueueName: "none" }),
      /<Code>AWS\.SimpleQueueService\.NonExistentQueue<\/Code>/,
    );
  });
});

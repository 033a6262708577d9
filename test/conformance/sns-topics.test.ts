import assert from "node:assert/strict";
import { createVerify, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { CloudWatchLogsClient, FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { AddPermissionCommand } from "@aws-sdk/client-lambda";
import * as sns from "@aws-sdk/client-sns";
import {
  CreateQueueCommand,
  ReceiveMessageCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { clientConfiguration, deploy, lambdaClient } from "../support/deploy.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

const ACCOUNT = "000000000000";
const queueArn = (name: string): string => `arn:aws:sqs:us-east-1:${ACCOUNT}:${name}`;

/** As "Verifying the signatures of Amazon SNS messages" says. */
async function isSigned(body: Readonly<Record<string, string>>, digest: string): Promise<boolean> {
  const names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"];
  const signed = names.filter((name) => body[name] !== undefined).map((name) => `${name}\n${body[name]}\n`);
  const pem = await (await fetch(body.SigningCertURL ?? "")).text();
  const { publicKey } = new X509Certificate(pem);
  return createVerify(digest)
    .update(signed.join(""))
    .verify(publicKey, body.Signature ?? "", "base64");
}

describe("SNS", () => {
  let lambent: RunningLambent;
  let client: sns.SNSClient;
  let sqs: SQSClient;
  before(async () => {
    lambent = await startLambent({});
    client = new sns.SNSClient(clientConfiguration(lambent.endpoint));
    sqs = new SQSClient(clientConfiguration(lambent.endpoint));
  });
  after(async () => {
    client?.destroy();
    sqs?.destroy();
    assert.equal(await lambent?.stop(), 0);
  });

  const create = async (Name: string, Attributes: Record<string, string> = {}): Promise<string> =>
    (await client.send(new sns.CreateTopicCommand({ Name, Attributes }))).TopicArn ?? "";
  /** A queue that lets topics send to it. */
  const queueFor = async (QueueName: string, topicArn: string, attributes: Record<string, string> = {}) => {
    const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName, Attributes: attributes }));
    const Policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: {
        Effect: "Allow",
        Principal: { Service: "sns.amazonaws.com" },
        Action: "sqs:SendMessage",
        Resource: queueArn(QueueName),
        Condition: { ArnEquals: { "aws:SourceArn": topicArn } },
      },
    });
    await sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { Policy } }));
    return QueueUrl;
  };
  const subscribe = async (
    TopicArn: string,
    Protocol: string,
    Endpoint: string,
    Attributes = {},
  ): Promise<string> =>
    (
      await client.send(
        new sns.SubscribeCommand({ TopicArn, Protocol, Endpoint, Attributes, ReturnSubscriptionArn: true }),
      )
    ).SubscriptionArn ?? "";
  const receive = async (QueueUrl: string | undefined, WaitTimeSeconds = 10) =>
    (
      await sqs.send(
        new ReceiveMessageCommand({
          QueueUrl,
          WaitTimeSeconds,
          MaxNumberOfMessages: 10,
          MessageAttributeNames: ["All"],
        }),
      )
    ).Messages ?? [];

  test("a topic is made, listed, described, tagged and deleted", async () => {
    const TopicArn = await create("life", { DisplayName: "Life" });
    assert.equal(TopicArn, `arn:aws:sns:us-east-1:${ACCOUNT}:life`);
    assert.equal(await create("life", { DisplayName: "Life" }), TopicArn);
    await assert.rejects(create("life", { DisplayName: "Other" }), { name: "InvalidParameterException" });
    await assert.rejects(create("no spaces"), { message: "Invalid parameter: Topic Name" });
    await assert.rejects(create("kms", { KmsMasterKeyId: "k" }), /KmsMasterKeyId is not supported/);
    const { Topics } = await client.send(new sns.ListTopicsCommand({}));
    assert.ok(Topics?.some((topic) => topic.TopicArn === TopicArn));
    await client.send(
      new sns.SetTopicAttributesCommand({ TopicArn, AttributeName: "DisplayName", AttributeValue: "New" }),
    );
    const { Attributes } = await client.send(new sns.GetTopicAttributesCommand({ TopicArn }));
    assert.equal(Attributes?.DisplayName, "New");
    assert.equal(Attributes.Owner, ACCOUNT);
    await client.send(
      new sns.TagResourceCommand({ ResourceArn: TopicArn, Tags: [{ Key: "a", Value: "1" }] }),
    );
    const { Tags } = await client.send(new sns.ListTagsForResourceCommand({ ResourceArn: TopicArn }));
    assert.deepEqual(Tags, [{ Key: "a", Value: "1" }]);
    await client.send(new sns.DeleteTopicCommand({ TopicArn }));
    await assert.rejects(client.send(new sns.GetTopicAttributesCommand({ TopicArn })), (error: Error) => {
      assert.ok(error instanceof sns.NotFoundException);
      return true;
    });
    await assert.rejects(subscribe(TopicArn, "email", "a@example.org"), /email|Topic does not exist/);
  });

  test("queues get what their filters let through, raw or in an envelope", async () => {
    const TopicArn = await create("orders");
    const all = await queueFor("all-orders", TopicArn);
    const large = await queueFor("large-orders", TopicArn);
    await subscribe(TopicArn, "sqs", queueArn("all-orders"));
    await subscribe(TopicArn, "sqs", queueArn("large-orders"), {
      RawMessageDelivery: "true",
      FilterPolicy: JSON.stringify({ size: [{ numeric: [">", 10] }], kind: ["order"] }),
    });
    const publish = (Message: string, size: string) =>
      client.send(
        new sns.PublishCommand({
          TopicArn,
          Message,
          Subject: "An order",
          MessageAttributes: {
            size: { DataType: "Number", StringValue: size },
            kind: { DataType: "String", StringValue: "order" },
          },
        }),
      );
    const { MessageId } = await publish("small", "1");
    const [envelope] = await receive(all);
    const notification = JSON.parse(envelope?.Body ?? "{}") as Record<string, unknown>;
    assert.equal(notification.Type, "Notification");
    assert.equal(notification.MessageId, MessageId);
    assert.equal(notification.Message, "small");
    assert.equal(notification.Subject, "An order");
    assert.deepEqual(notification.MessageAttributes, {
      size: { Type: "Number", Value: "1" },
      kind: { Type: "String", Value: "order" },
    });
    await publish("big", "11");
    const [raw] = await receive(large);
    assert.equal(raw?.Body, "big");
    assert.equal(raw?.MessageAttributes?.size?.StringValue, "11");
    await assert.rejects(subscribe(TopicArn, "sqs", queueArn("third"), { FilterPolicy: '{"a": "b"}' }), {
      name: "InvalidParameterException",
      message: /FilterPolicy: "a" must be an object or an array/,
    });
  });

  test("filters on the body, and a text for each protocol", async () => {
    const TopicArn = await create("bodies");
    // Six values two levels deep, thirteen one level deep: 156.
    const FilterPolicy = JSON.stringify({
      detail: { a: [1, 2, 3, 4, 5, 6] },
      b: Array.from({ length: 13 }).map(String),
    });
    await assert.rejects(
      subscribe(TopicArn, "sqs", queueArn("body-queue"), { FilterPolicyScope: "MessageBody", FilterPolicy }),
      {
        name: "InvalidParameterException",
        message: "Invalid parameter: FilterPolicy: Filter policy is too complex",
      },
    );
    const QueueUrl = await queueFor("body-queue", TopicArn);
    const SubscriptionArn = await subscribe(TopicArn, "sqs", queueArn("body-queue"), {
      RawMessageDelivery: "true",
      FilterPolicyScope: "MessageBody",
      FilterPolicy: JSON.stringify({ detail: { state: [{ prefix: "ru" }] } }),
    });
    for (const state of ["stopped", "running"])
      await client.send(
        new sns.PublishCommand({
          TopicArn,
          MessageStructure: "json",
          Message: JSON.stringify({ default: "other", sqs: JSON.stringify({ detail: { state } }) }),
        }),
      );
    assert.deepEqual(
      (await receive(QueueUrl)).map(({ Body }) => Body),
      ['{"detail":{"state":"running"}}'],
    );
    const { Attributes } = await client.send(new sns.GetSubscriptionAttributesCommand({ SubscriptionArn }));
    assert.equal(Attributes?.FilterPolicyScope, "MessageBody");
    await client.send(new sns.UnsubscribeCommand({ SubscriptionArn }));
    const { Subscriptions } = await client.send(new sns.ListSubscriptionsByTopicCommand({ TopicArn }));
    assert.deepEqual(Subscriptions, []);
  });

  test("a function is invoked with AWS's event once its policy lets SNS", async () => {
    const TopicArn = await create("function-topic");
    const lambda = lambdaClient(lambent.endpoint);
    await deploy(lambda, "listener", {
      "index.js":
        "exports.handler = async (event) => { console.log('GOT ' + JSON.stringify(event.Records[0])); };",
    });
    const functionArn = `arn:aws:lambda:us-east-1:${ACCOUNT}:function:listener`;
    await lambda.send(
      new AddPermissionCommand({
        FunctionName: "listener",
        StatementId: "sns",
        Action: "lambda:InvokeFunction",
        Principal: "sns.amazonaws.com",
        SourceArn: TopicArn,
      }),
    );
    const SubscriptionArn = await subscribe(TopicArn, "lambda", functionArn);
    await client.send(new sns.PublishCommand({ TopicArn, Message: "hello" }));
    const logs = new CloudWatchLogsClient(clientConfiguration(lambent.endpoint));
    let message: string | undefined;
    for (const end = Date.now() + 20_000; message === undefined && Date.now() < end; )
      message = await logs
        .send(new FilterLogEventsCommand({ logGroupName: "/aws/lambda/listener", filterPattern: "GOT" }))
        .then(({ events }) => events?.[0]?.message)
        .catch(() => undefined);
    const record = JSON.parse(message?.split("GOT ")[1] ?? "{}") as {
      EventSubscriptionArn: string;
      Sns: Record<string, unknown>;
    };
    assert.equal(record.EventSubscriptionArn, SubscriptionArn);
    assert.equal(record.Sns.Message, "hello");
    assert.equal(record.Sns.TopicArn, TopicArn);
    logs.destroy();
    lambda.destroy();
  });

  test("an HTTP endpoint confirms, is tried again when it fails, and can check signatures", async () => {
    const requests: { headers: IncomingMessage["headers"]; body: Record<string, string> }[] = [];
    let arrived = (): void => undefined;
    const server = createServer((request, response) => {
      void text(request).then((body) => {
        requests.push({ headers: request.headers, body: JSON.parse(body) as Record<string, string> });
        response.writeHead(requests.length % 2 === 1 ? 503 : 200).end();
        arrived();
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const requested = async (count: number): Promise<void> => {
      while (requests.length < count) {
        const { promise, resolve } = Promise.withResolvers<void>();
        arrived = resolve;
        await promise;
      }
    };
    const TopicArn = await create("http-topic");
    await subscribe(TopicArn, "http", `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`);
    await requested(2);
    const [first, confirmation] = requests;
    assert.equal(first?.body.Token, confirmation?.body.Token);
    assert.equal(confirmation?.headers["x-amz-sns-message-type"], "SubscriptionConfirmation");
    await client.send(new sns.PublishCommand({ TopicArn, Message: "too early" }));
    assert.equal((await fetch(confirmation.body.SubscribeURL ?? "")).status, 200);
    await client.send(new sns.PublishCommand({ TopicArn, Message: "now" }));
    await requested(4);
    assert.deepEqual(
      requests.slice(2).map(({ body }) => body.Message),
      ["now", "now"],
    );
    const { UnsubscribeURL = "" } = requests[3]?.body ?? {};
    for (const { body } of requests) assert.ok(await isSigned(body, "sha1"));
    await client.send(
      new sns.SetTopicAttributesCommand({
        TopicArn,
        AttributeName: "SignatureVersion",
        AttributeValue: "2",
      }),
    );
    await client.send(new sns.PublishCommand({ TopicArn, Message: "signed", Subject: "anew" }));
    await requested(6);
    const [last] = requests.slice(-1);
    assert.equal(last?.body.SignatureVersion, "2");
    assert.ok(await isSigned(last.body, "sha256"));
    assert.equal(await isSigned({ ...last.body, Message: "changed" }, "sha256"), false);
    assert.equal((await fetch(UnsubscribeURL)).status, 200);
    const { Subscriptions } = await client.send(new sns.ListSubscriptionsByTopicCommand({ TopicArn }));
    assert.deepEqual(Subscriptions, []);
    server.closeAllConnections();
    server.close();
  });

  test("FIFO: order and deduplication; batches", async () => {
    const TopicArn = await create("order.fifo", { FifoTopic: "true" });
    const QueueUrl = await queueFor("order.fifo", TopicArn, { FifoQueue: "true" });
    await subscribe(TopicArn, "sqs", queueArn("order.fifo"), { RawMessageDelivery: "true" });
    const entries = ["1", "2", "2", "3"].map((Message, index) => ({
      Id: String(index),
      Message,
      MessageGroupId: "g",
      MessageDeduplicationId: Message,
    }));
    const { Successful } = await client.send(
      new sns.PublishBatchCommand({ TopicArn, PublishBatchRequestEntries: entries }),
    );
    assert.equal(Successful?.length, 4);
    assert.equal(Successful[1]?.MessageId, Successful[2]?.MessageId);
    assert.deepEqual(
      (await receive(QueueUrl)).map(({ Body }) => Body),
      ["1", "2", "3"],
    );
    await assert.rejects(client.send(new sns.PublishCommand({ TopicArn, Message: "x" })), /MessageGroupId/);
    await assert.rejects(
      client.send(new sns.PublishBatchCommand({ TopicArn, PublishBatchRequestEntries: [] })),
      { name: "EmptyBatchRequestException" },
    );
  });

  test("what a queue's policy refuses goes to the subscription's dead-letter queue", async () => {
    const TopicArn = await create("refused");
    await sqs.send(new CreateQueueCommand({ QueueName: "closed" }));
    const dead = await queueFor("sns-dead", TopicArn);
    await subscribe(TopicArn, "sqs", queueArn("closed"), {
      RawMessageDelivery: "true",
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn: queueArn("sns-dead") }),
    });
    await client.send(new sns.PublishCommand({ TopicArn, Message: "nobody wants me" }));
    assert.deepEqual(
      (await receive(dead)).map(({ Body }) => Body),
      ["nobody wants me"],
    );
  });
});

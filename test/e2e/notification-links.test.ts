import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import * as sns from "@aws-sdk/client-sns";
import * as sqs from "@aws-sdk/client-sqs";
import { rootKeys } from "../support/root-keys.ts";
import { startLambent } from "../support/start-lambent.ts";

test("the links in SNS's messages need no signature where access is enforced, and open nothing else", async () => {
  const lambent = await startLambent({ arguments: ["--authentication", "enforced"] });
  const configuration = {
    endpoint: lambent.endpoint,
    region: "us-east-1",
    credentials: await rootKeys(lambent),
  };
  const topics = new sns.SNSClient(configuration);
  const queues = new sqs.SQSClient(configuration);
  try {
    const { TopicArn } = await topics.send(new sns.CreateTopicCommand({ Name: "links" }));
    const Policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: {
        Effect: "Allow",
        Principal: { Service: "sns.amazonaws.com" },
        Action: "sqs:SendMessage",
        Resource: "*",
      },
    });
    const { QueueUrl } = await queues.send(
      new sqs.CreateQueueCommand({ QueueName: "links", Attributes: { Policy } }),
    );
    await topics.send(
      new sns.SubscribeCommand({
        TopicArn,
        Protocol: "sqs",
        Endpoint: "arn:aws:sqs:us-east-1:000000000000:links",
      }),
    );
    await topics.send(new sns.PublishCommand({ TopicArn, Message: "hello" }));
    const { Messages } = await queues.send(new sqs.ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 10 }));
    const body = JSON.parse(Messages?.[0]?.Body ?? "{}") as Record<string, string>;
    const certificate = await fetch(body.SigningCertURL ?? "");
    assert.equal(new X509Certificate(await certificate.text()).subject, "CN=sns.lambent");

    const unknown = await fetch(
      `${lambent.endpoint}/?Action=ConfirmSubscription&TopicArn=${TopicArn}&Token=unknown`,
    );
    assert.equal(unknown.status, 400);
    assert.match(await unknown.text(), /<Code>InvalidParameter<\/Code><Message>Invalid parameter: Token</);
    for (const more of ["Action=DeleteTopic&TopicArn=", "Action=ListTopics&Action=Unsubscribe&TopicArn="])
      assert.equal((await fetch(`${lambent.endpoint}/?${more}${TopicArn}`)).ok, false);
    const { Topics } = await topics.send(new sns.ListTopicsCommand({}));
    assert.deepEqual(Topics, [{ TopicArn }]);

    const left = async (): Promise<number | undefined> =>
      (await topics.send(new sns.ListSubscriptionsByTopicCommand({ TopicArn }))).Subscriptions?.length;
    assert.equal(await left(), 1);
    assert.equal((await fetch(body.UnsubscribeURL ?? "")).status, 200);
    assert.equal(await left(), 0);
  } finally {
    topics.destroy();
    queues.destroy();
    assert.equal(await lambent.stop(), 0);
  }
});

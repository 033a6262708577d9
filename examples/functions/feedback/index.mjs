// Behind a function URL: puts what is posted into a queue and answers at once.
import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";

// A queue's URL has the address by which others reach it; from in here there is AWS_ENDPOINT_URL.
const sqs = new SQSClient({ useQueueUrlAsEndpoint: false });

export const handler = async ({ requestContext, body = "", isBase64Encoded }) => {
  if (requestContext.http.method !== "POST") return { statusCode: 405, headers: { allow: "POST" } };
  const text = isBase64Encoded ? Buffer.from(body, "base64").toString() : body;
  if (text === "") return { statusCode: 400, body: JSON.stringify({ message: "There is nothing in it." }) };
  const { MessageId } = await sqs.send(
    new SendMessageCommand({ QueueUrl: process.env.QUEUE_URL, MessageBody: text }),
  );
  return { statusCode: 202, body: JSON.stringify({ messageId: MessageId }) };
};

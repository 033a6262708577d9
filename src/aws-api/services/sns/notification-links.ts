import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { AwsError } from "../../../core/errors.ts";
import type { NotificationSigning } from "../../../topics/notification-signing.ts";
import { authorizationError } from "../../../topics/topic-errors.ts";
import type { Topics } from "../../../topics/topics.ts";
import { escapeXml } from "../../protocol/xml-body.ts";

const XMLNS = "http://sns.amazonaws.com/doc/2010-03-31/";
const CERTIFICATE = /^\/SimpleNotificationService-[0-9a-f]{32}\.pem$/;

interface Parts {
  readonly topics: Topics;
  readonly signing: NotificationSigning;
  readonly failed: (error: unknown) => void;
}

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/**
 * The links in what SNS sends: to confirm a subscription, to end it, and to the certificate of the signature. AWS: whoever
 * has them may follow them, without a signature, also where access is enforced. The returned function answers such
 * requests; false when a request is for something else.
 */
export function createNotificationLinks(
  parts: Parts,
): (request: IncomingMessage, response: ServerResponse) => boolean {
  return (request, response) => {
    const answer = answerTo(parts, request);
    if (answer === undefined) return false;
    answer
      .catch((error: unknown) => refusal(parts, error))
      .then(({ status, contentType, body }) => {
        response.writeHead(status, {
          "content-type": contentType,
          "content-length": Buffer.byteLength(body),
        });
        response.end(body);
      })
      .catch(parts.failed);
    return true;
  };
}

function answerTo({ topics, signing }: Parts, request: IncomingMessage): Promise<Answer> | undefined {
  const { url = "/", method, headers } = request;
  if (method !== "GET" || headers.authorization !== undefined) return undefined;
  if (CERTIFICATE.test(url)) return certificate(signing, url);
  if (!url.startsWith("/?Action=")) return undefined;
  const query = new URLSearchParams(url.slice(2));
  if (query.has("X-Amz-Signature") || query.has("Signature")) return undefined;
  switch (query.get("Action")) {
    case "ConfirmSubscription":
      return confirm(topics, query);
    case "Unsubscribe":
      return unsubscribe(topics, query.get("SubscriptionArn") ?? "");
    default:
      return undefined;
  }
}

async function certificate(signing: NotificationSigning, path: string): Promise<Answer> {
  const body = await signing.certificateAt(path);
  return body === undefined
    ? { status: 404, contentType: "text/plain", body: "no such certificate\n" }
    : { status: 200, contentType: "application/x-pem-file", body };
}

async function confirm(topics: Topics, query: URLSearchParams): Promise<Answer> {
  const { arn } = await topics.confirm(query.get("TopicArn") ?? "", query.get("Token") ?? "");
  return done(
    "ConfirmSubscription",
    `<ConfirmSubscriptionResult><SubscriptionArn>${escapeXml(arn)}</SubscriptionArn></ConfirmSubscriptionResult>`,
  );
}

async function unsubscribe(topics: Topics, arn: string): Promise<Answer> {
  if (topics.findSubscription(arn)?.record.authenticatesUnsubscribe === true) throw authorizationError();
  await topics.unsubscribe(arn);
  return done("Unsubscribe", "");
}

const done = (operation: string, result: string): Answer => ({
  status: 200,
  contentType: "text/xml",
  body: `<${operation}Response xmlns="${XMLNS}">${result}<ResponseMetadata><RequestId>${randomUUID()}</RequestId></ResponseMetadata></${operation}Response>`,
});

function refusal({ failed }: Parts, error: unknown): Answer {
  const isOurs = !(error instanceof AwsError);
  if (isOurs) failed(error);
  const { status, code, message } = isOurs
    ? { status: 500, code: "InternalError", message: "An internal error occurred." }
    : { status: error.status, code: error.code.replace(/Exception$/, ""), message: error.message };
  const type = status < 500 ? "Sender" : "Receiver";
  return {
    status,
    contentType: "text/xml",
    body:
      `<ErrorResponse xmlns="${XMLNS}"><Error><Type>${type}</Type><Code>${escapeXml(code)}</Code>` +
      `<Message>${escapeXml(message)}</Message></Error><RequestId>${randomUUID()}</RequestId></ErrorResponse>`,
  };
}

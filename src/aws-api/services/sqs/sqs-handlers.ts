import type * as sqsModule from "@aws-sdk/client-sqs";
import { AwsError } from "../../../core/errors.ts";
import type { Queue } from "../../../queues/queue.ts";
import { missingParameter } from "../../../queues/queue-errors.ts";
import type { QueueName } from "../../../queues/queue-record.ts";
import type { Queues } from "../../../queues/queues.ts";
import type { Handlers, RequestContext } from "../../protocol/handlers.ts";

export type SqsHandlers = Handlers<typeof sqsModule>;

/** The queue of a URL: the account and the name are what counts, not the host. */
export function queueNameOf(url: string | undefined, { region }: RequestContext): QueueName {
  if (url === undefined || url === "") throw missingParameter("QueueUrl");
  const [, account, name] = /(?:^|\/)(\d{12})\/([^/]+)\/?$/.exec(url) ?? [];
  if (account === undefined || name === undefined)
    throw new AwsError("InvalidAddress", `The address ${url} is not valid for this endpoint.`, 404);
  return { account, region, name };
}

export const queueOf = (queues: Queues, url: string | undefined, context: RequestContext): Queue =>
  queues.get(queueNameOf(url, context));

/** AWS: the host is that of the endpoint; here it is the one by which the client came. */
export const queueUrl = ({ account, name }: QueueName, { host }: RequestContext): string =>
  `http://${host ?? "localhost"}/${account}/${name}`;

/** A page of a list, and the token of the next one. */
export function pageOf<T>(
  all: readonly T[],
  maxResults: number | undefined,
  nextToken: string | undefined,
): { readonly page: readonly T[]; readonly next: string | undefined } {
  const from = nextToken === undefined ? 0 : Number(Buffer.from(nextToken, "base64").toString());
  if (!Number.isInteger(from) || from < 0)
    throw new AwsError("InvalidParameterValue", "Invalid or expired next token.", 400);
  const count = maxResults ?? 1_000;
  const end = from + count;
  // AWS: a token comes only to those who ask for pages.
  const hasNext = maxResults !== undefined && end < all.length;
  return {
    page: all.slice(from, end),
    next: hasNext ? Buffer.from(String(end)).toString("base64") : undefined,
  };
}

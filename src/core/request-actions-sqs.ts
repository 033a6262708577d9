import type { RequiredPermission, ServiceCall } from "./required-permission.ts";

/** AWS: a batch is authorized as its single operation. */
const ACTIONS: Readonly<Record<string, string>> = {
  SendMessageBatch: "SendMessage",
  DeleteMessageBatch: "DeleteMessage",
  ChangeMessageVisibilityBatch: "ChangeMessageVisibility",
};

/** "Actions, resources, and condition keys for Amazon SQS": everything but moving is about one queue. */
export function sqsPermissions(call: ServiceCall): RequiredPermission[] {
  const permission = sqsPermission(call);
  if (call.operation !== "StartMessageMoveTask") return [permission];
  // AWS: "Configure queue permissions": who moves messages reads, deletes and sends them.
  const { DestinationArn: destination } = call.input;
  const reading = ["ReceiveMessage", "DeleteMessage", "GetQueueAttributes"];
  return [
    permission,
    ...reading.map((operation) => ({ ...permission, action: `sqs:${operation}` })),
    ...(typeof destination === "string" ? [{ action: "sqs:SendMessage", resources: [destination] }] : []),
  ];
}

function sqsPermission({ operation, input, account, region }: ServiceCall): RequiredPermission {
  const action = `sqs:${ACTIONS[operation] ?? operation}`;
  const { QueueUrl: url, QueueName: name, SourceArn: source, QueueOwnerAWSAccountId: owner } = input;
  if (typeof source === "string") return { action, resources: [source] };
  const [, urlAccount, urlName] =
    typeof url === "string" ? (/(?:^|\/)(\d{12})\/([^/]+)\/?$/.exec(url) ?? []) : [];
  const queueName = urlName ?? (typeof name === "string" ? name : undefined);
  if (queueName === undefined) return { action, resources: ["*"] };
  const queueAccount = urlAccount ?? (typeof owner === "string" ? owner : account);
  return { action, resources: [`arn:aws:sqs:${region}:${queueAccount}:${queueName}`] };
}

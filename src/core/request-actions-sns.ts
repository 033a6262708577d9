import type { RequiredPermission, ServiceCall } from "./required-permission.ts";

/** "Actions, resources, and condition keys for Amazon SNS": everything is about one topic. */
export function snsPermission({ operation, input, account, region }: ServiceCall): RequiredPermission {
  const action = `sns:${operation === "PublishBatch" ? "Publish" : operation}`;
  const { TopicArn, TargetArn, ResourceArn, SubscriptionArn, Name } = input;
  const named = [TopicArn, TargetArn, ResourceArn].find((arn) => typeof arn === "string");
  if (typeof named === "string") return { action, resources: [named] };
  if (typeof SubscriptionArn === "string")
    return { action, resources: [SubscriptionArn.split(":").slice(0, 6).join(":")] };
  return { action, resources: [typeof Name === "string" ? `arn:aws:sns:${region}:${account}:${Name}` : "*"] };
}

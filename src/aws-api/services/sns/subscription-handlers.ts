import { invalidParameter } from "../../../topics/topic-errors.ts";
import { parseTopicArn, type SubscriptionRecord } from "../../../topics/topic-records.ts";
import { pageOf, present, type SnsDependencies, type SnsHandlers } from "./sns-handlers.ts";

const PENDING = "PendingConfirmation";

/** Operations on subscriptions. */
export function subscriptionHandlers({ topics, delivery }: SnsDependencies): SnsHandlers {
  return {
    Subscribe: async (
      { TopicArn = "", Protocol = "", Endpoint = "", Attributes, ReturnSubscriptionArn },
      context,
    ) => {
      const topic = parseTopicArn(TopicArn);
      if (topic === undefined) throw invalidParameter("TopicArn");
      const record = await topics.subscribe({
        topic,
        protocol: Protocol,
        endpoint: Endpoint,
        attributes: present(Attributes),
        owner: context.account,
      });
      if (record.token === undefined) return { SubscriptionArn: record.arn };
      await delivery.requestConfirmation(record, context.host ?? "localhost");
      return { SubscriptionArn: ReturnSubscriptionArn === true ? record.arn : "pending confirmation" };
    },
    ConfirmSubscription: async ({ TopicArn = "", Token = "", AuthenticateOnUnsubscribe }) => ({
      SubscriptionArn: (
        await topics.confirm(TopicArn, Token, AuthenticateOnUnsubscribe?.toLowerCase() === "true")
      ).arn,
    }),
    Unsubscribe: async ({ SubscriptionArn = "" }) => {
      await topics.unsubscribe(SubscriptionArn);
      return {};
    },
    ListSubscriptions: ({ NextToken }, context) => {
      const { page, next } = pageOf(topics.subscriptions(context), NextToken);
      return { Subscriptions: page.map(listed), NextToken: next };
    },
    ListSubscriptionsByTopic: ({ TopicArn = "", NextToken }) => {
      const all = [...topics.get(TopicArn).subscriptions.values()].map(({ record }) => record);
      const { page, next } = pageOf(all, NextToken);
      return { Subscriptions: page.map(listed), NextToken: next };
    },
    GetSubscriptionAttributes: ({ SubscriptionArn = "" }) => {
      const { record } = topics.subscription(SubscriptionArn);
      return {
        Attributes: {
          SubscriptionArn: record.arn,
          TopicArn: record.topicArn,
          Protocol: record.protocol,
          Endpoint: record.endpoint,
          Owner: record.owner,
          PendingConfirmation: String(record.token !== undefined),
          // AWS: of an endpoint's confirmation, whether the link does not suffice to end the subscription.
          ConfirmationWasAuthenticated: String(
            record.protocol.startsWith("http")
              ? record.authenticatesUnsubscribe === true
              : record.token === undefined,
          ),
          RawMessageDelivery: "false",
          SubscriptionPrincipal: `arn:aws:iam::${record.owner}:root`,
          ...(record.attributes.FilterPolicy !== undefined && { FilterPolicyScope: "MessageAttributes" }),
          ...record.attributes,
        },
      };
    },
    SetSubscriptionAttributes: async ({ SubscriptionArn = "", AttributeName = "", AttributeValue = "" }) => {
      await topics.setSubscriptionAttribute(SubscriptionArn, AttributeName, AttributeValue);
      return {};
    },
  };
}

const listed = ({ arn, owner, protocol, endpoint, topicArn, token }: SubscriptionRecord) => ({
  SubscriptionArn: token === undefined ? arn : PENDING,
  Owner: owner,
  Protocol: protocol,
  Endpoint: endpoint,
  TopicArn: topicArn,
});

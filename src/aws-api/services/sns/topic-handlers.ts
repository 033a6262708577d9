import { invalidParameter, notServed } from "../../../topics/topic-errors.ts";
import { topicArn } from "../../../topics/topic-records.ts";
import type { Topic, Topics } from "../../../topics/topics.ts";
import { pageOf, present, type SnsHandlers, tagsOf } from "./sns-handlers.ts";

interface Statement {
  readonly Sid?: string;
  readonly [member: string]: unknown;
}

/** Operations on topics. */
export function topicHandlers(topics: Topics): SnsHandlers {
  return {
    CreateTopic: async ({ Name = "", Attributes, Tags, DataProtectionPolicy }, { account, region }) => {
      if (DataProtectionPolicy) throw notServed("DataProtectionPolicy");
      const TopicArn = await topics.create(
        { account, region, name: Name },
        present(Attributes),
        tagsOf(Tags),
      );
      return { TopicArn };
    },
    DeleteTopic: async ({ TopicArn = "" }) => {
      await topics.delete(TopicArn);
      return {};
    },
    ListTopics: ({ NextToken }, context) => {
      const { page, next } = pageOf(topics.list(context), NextToken);
      return { Topics: page.map(({ record }) => ({ TopicArn: topicArn(record) })), NextToken: next };
    },
    GetTopicAttributes: ({ TopicArn = "" }) => ({ Attributes: shownAttributes(topics.get(TopicArn)) }),
    SetTopicAttributes: async ({ TopicArn = "", AttributeName = "", AttributeValue = "" }) => {
      await topics.setAttributes(TopicArn, { [AttributeName]: AttributeValue });
      return {};
    },
    AddPermission: async ({ TopicArn = "", Label = "", AWSAccountId = [], ActionName = [] }) => {
      const topic = topics.get(TopicArn);
      const statements = statementsOf(topic);
      if (statements.some(({ Sid }) => Sid === Label)) throw invalidParameter("Statement already exists");
      const added = {
        Sid: Label,
        Effect: "Allow",
        Principal: { AWS: AWSAccountId.map((account) => `arn:aws:iam::${account}:root`) },
        Action: ActionName.map((action) => `SNS:${action}`),
        Resource: TopicArn,
      };
      await topics.setAttributes(TopicArn, { Policy: policyText([...statements, added]) });
      return {};
    },
    RemovePermission: async ({ TopicArn = "", Label = "" }) => {
      const left = statementsOf(topics.get(TopicArn)).filter(({ Sid }) => Sid !== Label);
      await topics.setAttributes(TopicArn, { Policy: left.length === 0 ? "" : policyText(left) });
      return {};
    },
    TagResource: async ({ ResourceArn = "", Tags }) => {
      await topics.setTags(ResourceArn, { ...topics.tags(ResourceArn), ...tagsOf(Tags) });
      return {};
    },
    UntagResource: async ({ ResourceArn = "", TagKeys = [] }) => {
      const left = Object.entries(topics.tags(ResourceArn)).filter(([key]) => !TagKeys.includes(key));
      await topics.setTags(ResourceArn, Object.fromEntries(left));
      return {};
    },
    ListTagsForResource: ({ ResourceArn = "" }) => ({
      Tags: Object.entries(topics.tags(ResourceArn)).map(([Key, Value]) => ({ Key, Value })),
    }),
  };
}

const policyText = (statements: readonly Statement[]): string =>
  JSON.stringify({ Version: "2008-10-17", Id: "__default_policy_ID", Statement: statements });

function statementsOf({ record }: Topic): readonly Statement[] {
  const { Policy } = record.attributes;
  return Policy === undefined ? [] : (JSON.parse(Policy) as { Statement: readonly Statement[] }).Statement;
}

/** AWS: what nobody has set is shown as well: who owns the topic may do everything with it. */
function shownAttributes({ record, subscriptions }: Topic): Record<string, string> {
  const arn = topicArn(record);
  const all = [...subscriptions.values()];
  const pending = all.filter((subscription) => subscription.record.token !== undefined).length;
  const ownersStatement = {
    Sid: "__default_statement_ID",
    Effect: "Allow",
    Principal: { AWS: "*" },
    Action: [
      "GetTopicAttributes",
      "SetTopicAttributes",
      "AddPermission",
      "RemovePermission",
      "DeleteTopic",
      "Subscribe",
      "ListSubscriptionsByTopic",
      "Publish",
    ].map((action) => `SNS:${action}`),
    Resource: arn,
    Condition: { StringEquals: { "AWS:SourceOwner": record.account } },
  };
  return {
    TopicArn: arn,
    Owner: record.account,
    Policy: policyText([ownersStatement]),
    DisplayName: "",
    SubscriptionsConfirmed: String(all.length - pending),
    SubscriptionsPending: String(pending),
    SubscriptionsDeleted: "0",
    EffectiveDeliveryPolicy: EFFECTIVE_DELIVERY_POLICY,
    ...record.attributes,
  };
}

const EFFECTIVE_DELIVERY_POLICY = JSON.stringify({
  http: {
    defaultHealthyRetryPolicy: {
      minDelayTarget: 20,
      maxDelayTarget: 20,
      numRetries: 3,
      numMaxDelayRetries: 0,
      numNoDelayRetries: 0,
      numMinDelayRetries: 0,
      backoffFunction: "linear",
    },
    disableSubscriptionOverrides: false,
    defaultRequestPolicy: { headerContentType: "text/plain; charset=UTF-8" },
  },
});

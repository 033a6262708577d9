import type { Queue } from "../../../queues/queue.ts";
import { invalidAttributeName, missingParameter } from "../../../queues/queue-errors.ts";
import { queueArn } from "../../../queues/queue-record.ts";
import type { Queues } from "../../../queues/queues.ts";
import { pageOf, queueNameOf, queueOf, queueUrl, type SqsHandlers } from "./sqs-handlers.ts";

/** Operations on whole queues. */
export function queueHandlers(queues: Queues): SqsHandlers {
  return {
    CreateQueue: async ({ QueueName, Attributes = {}, tags = {} }, context) => {
      if (!QueueName) throw missingParameter("QueueName");
      const { account, region } = context;
      const owner = { account, region, name: QueueName };
      const queue = await queues.create({ owner, attributes: present(Attributes), tags });
      return { QueueUrl: queueUrl(queue.record, context) };
    },
    DeleteQueue: async ({ QueueUrl }, context) => {
      await queues.delete(queueNameOf(QueueUrl, context));
      return {};
    },
    GetQueueUrl: ({ QueueName = "", QueueOwnerAWSAccountId }, context) => {
      const { account, region } = context;
      const { record } = queues.get({ account: QueueOwnerAWSAccountId ?? account, region, name: QueueName });
      return { QueueUrl: queueUrl(record, context) };
    },
    ListQueues: ({ QueueNamePrefix, MaxResults, NextToken }, context) => {
      const { page, next } = pageOf(queues.list(context, QueueNamePrefix), MaxResults, NextToken);
      // AWS: an empty list is no list.
      if (page.length === 0) return {};
      return { QueueUrls: page.map(({ record }) => queueUrl(record, context)), NextToken: next };
    },
    ListDeadLetterSourceQueues: ({ QueueUrl, MaxResults, NextToken }, context) => {
      const { record } = queueOf(queues, QueueUrl, context);
      const { page, next } = pageOf(queues.sourcesOf(queueArn(record)), MaxResults, NextToken);
      return { queueUrls: page.map((queue) => queueUrl(queue.record, context)), NextToken: next };
    },
    GetQueueAttributes: ({ QueueUrl, AttributeNames = [] }, context) => {
      const queue = queueOf(queues, QueueUrl, context);
      const all = everyAttribute(queue);
      if (AttributeNames.includes("All")) return { Attributes: all };
      const asked = AttributeNames.map((name) => {
        if (!KNOWN.has(name)) throw invalidAttributeName(name);
        return [name, all[name]] as const;
      });
      const found = asked.filter((entry): entry is [(typeof entry)[0], string] => entry[1] !== undefined);
      return found.length === 0 ? {} : { Attributes: Object.fromEntries(found) };
    },
    SetQueueAttributes: async ({ QueueUrl, Attributes = {} }, context) => {
      await queues.setAttributes(queueNameOf(QueueUrl, context), present(Attributes));
      return {};
    },
    PurgeQueue: async ({ QueueUrl }, context) => {
      await queues.purge(queueNameOf(QueueUrl, context));
      return {};
    },
    TagQueue: async ({ QueueUrl, Tags = {} }, context) => {
      const { record } = queueOf(queues, QueueUrl, context);
      await queues.setTags(record, { ...record.tags, ...Tags });
      return {};
    },
    UntagQueue: async ({ QueueUrl, TagKeys = [] }, context) => {
      const { record } = queueOf(queues, QueueUrl, context);
      const left = Object.entries(record.tags).filter(([key]) => !TagKeys.includes(key));
      await queues.setTags(record, Object.fromEntries(left));
      return {};
    },
    ListQueueTags: ({ QueueUrl }, context) => {
      const { tags } = queueOf(queues, QueueUrl, context).record;
      return Object.keys(tags).length === 0 ? {} : { Tags: { ...tags } };
    },
  };
}

const present = (attributes: Readonly<Record<string, string | undefined>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(attributes).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );

const KNOWN: ReadonlySet<string> = new Set([
  "QueueArn",
  "ApproximateNumberOfMessages",
  "ApproximateNumberOfMessagesNotVisible",
  "ApproximateNumberOfMessagesDelayed",
  "CreatedTimestamp",
  "LastModifiedTimestamp",
  "DelaySeconds",
  "MaximumMessageSize",
  "MessageRetentionPeriod",
  "ReceiveMessageWaitTimeSeconds",
  "VisibilityTimeout",
  "Policy",
  "RedrivePolicy",
  "RedriveAllowPolicy",
  "FifoQueue",
  "ContentBasedDeduplication",
  "DeduplicationScope",
  "FifoThroughputLimit",
  "SqsManagedSseEnabled",
  "KmsMasterKeyId",
  "KmsDataKeyReusePeriodSeconds",
]);

function everyAttribute(queue: Queue): Record<string, string> {
  const { record } = queue;
  const { visible, notVisible, delayed } = queue.counts();
  return {
    QueueArn: queueArn(record),
    ApproximateNumberOfMessages: String(visible),
    ApproximateNumberOfMessagesNotVisible: String(notVisible),
    ApproximateNumberOfMessagesDelayed: String(delayed),
    CreatedTimestamp: String(Math.floor(record.createdMs / 1_000)),
    LastModifiedTimestamp: String(Math.floor(record.modifiedMs / 1_000)),
    ...record.attributes,
  };
}

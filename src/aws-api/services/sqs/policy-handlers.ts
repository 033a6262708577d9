import { invalidParameter } from "../../../queues/queue-errors.ts";
import { queueArn } from "../../../queues/queue-record.ts";
import type { Queues } from "../../../queues/queues.ts";
import { queueOf, type SqsHandlers } from "./sqs-handlers.ts";

interface Statement {
  readonly Sid?: string;
  readonly [member: string]: unknown;
}

interface PolicyText {
  readonly Version: string;
  readonly Id?: string;
  readonly Statement: readonly Statement[];
}

/** AddPermission and RemovePermission, which write statements into the queue's policy. */
export function policyHandlers(queues: Queues): SqsHandlers {
  const statementsOf = (text: string | undefined, arn: string): PolicyText =>
    text === undefined
      ? { Version: "2008-10-17", Id: `${arn}/SQSDefaultPolicy`, Statement: [] }
      : (JSON.parse(text) as PolicyText);
  return {
    AddPermission: async ({ QueueUrl, Label = "", AWSAccountIds = [], Actions = [] }, context) => {
      const { record } = queueOf(queues, QueueUrl, context);
      const arn = queueArn(record);
      const policy = statementsOf(record.attributes.Policy, arn);
      if (policy.Statement.some(({ Sid }) => Sid === Label))
        throw invalidParameter(`Value ${Label} for parameter Label is invalid. Reason: Already exists.`);
      const principals = AWSAccountIds.map((account) => `arn:aws:iam::${account}:root`);
      const actions = Actions.map((action) => `SQS:${action}`);
      const statement = {
        Sid: Label,
        Effect: "Allow",
        Principal: { AWS: principals.length === 1 ? principals[0] : principals },
        Action: actions.length === 1 ? actions[0] : actions,
        Resource: arn,
      };
      const Policy = JSON.stringify({ ...policy, Statement: [...policy.Statement, statement] });
      await queues.setAttributes(record, { Policy });
      return {};
    },
    RemovePermission: async ({ QueueUrl, Label = "" }, context) => {
      const { record } = queueOf(queues, QueueUrl, context);
      const policy = statementsOf(record.attributes.Policy, queueArn(record));
      const left = policy.Statement.filter(({ Sid }) => Sid !== Label);
      if (left.length === policy.Statement.length)
        throw invalidParameter(
          `Value ${Label} for parameter Label is invalid. Reason: can't find label on existing policy.`,
        );
      const Policy = left.length === 0 ? "" : JSON.stringify({ ...policy, Statement: left });
      await queues.setAttributes(record, { Policy });
      return {};
    },
  };
}

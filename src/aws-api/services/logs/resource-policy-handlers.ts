import type { CloudWatchLogs } from "../../../logs/cloudwatch-logs.ts";
import { invalidLogsParameter, logsNotSupported } from "../../../logs/log-errors.ts";
import type { LogResourcePolicy } from "../../../logs/log-resource-policies.ts";
import { decodePageToken, encodePageToken } from "../../../logs/page-token.ts";
import type { LogsHandlers } from "./group-handlers.ts";
import { pageAfter } from "./group-reference.ts";

const POLICIES_DEFAULT = 50;

const policyShape = ({ policyName, document, updatedAtMs }: LogResourcePolicy) => ({
  policyName,
  policyDocument: document,
  lastUpdatedTime: updatedAtMs,
});

/** Policies of an account that let services write into its log groups. */
export function resourcePolicyHandlers({ resourcePolicies }: CloudWatchLogs): LogsHandlers {
  return {
    PutResourcePolicy: async (input, context) => {
      if (input.resourceArn !== undefined) throw logsNotSupported("resourceArn");
      if (input.expectedRevisionId !== undefined) throw logsNotSupported("expectedRevisionId");
      const { policyName, policyDocument = "" } = input;
      const policy = await resourcePolicies.put(context, namedPolicy(policyName), policyDocument);
      return { resourcePolicy: policyShape(policy) };
    },
    DescribeResourcePolicies: async (input, context) => {
      if (input.resourceArn !== undefined) throw logsNotSupported("resourceArn");
      if (input.policyScope === "RESOURCE") throw logsNotSupported("policyScope RESOURCE");
      const lastName = input.nextToken === undefined ? undefined : decodePageToken(input.nextToken, isText);
      const { items, last } = pageAfter(await resourcePolicies.list(context), {
        limit: input.limit ?? POLICIES_DEFAULT,
        isAfter: lastName === undefined ? undefined : ({ policyName }) => policyName > lastName,
      });
      return {
        resourcePolicies: items.map(policyShape),
        ...(last !== undefined && { nextToken: encodePageToken(last.policyName) }),
      };
    },
    DeleteResourcePolicy: async (input, context) => {
      if (input.resourceArn !== undefined) throw logsNotSupported("resourceArn");
      if (input.expectedRevisionId !== undefined) throw logsNotSupported("expectedRevisionId");
      await resourcePolicies.delete(context, namedPolicy(input.policyName));
      return {};
    },
  };
}

/** Only a policy of a single resource, which there is not here, goes without. */
function namedPolicy(policyName: string | undefined): string {
  if (policyName === undefined || policyName === "")
    throw invalidLogsParameter("policyName is required for a policy of the account.");
  return policyName;
}

const isText = (content: unknown): content is string => typeof content === "string";

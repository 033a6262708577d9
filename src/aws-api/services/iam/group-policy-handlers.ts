import { groupPolicyNotFound } from "../../../iam/groups.ts";
import type { Iam } from "../../../iam/iam.ts";
import { attachedPoliciesPage, inlinePolicyDocument, inlinePolicyNamesPage } from "./policy-holder-shapes.ts";
import type { IamHandlers } from "./role-handlers.ts";

/** Inline policies of groups, and managed policies attached to them. */
export function groupPolicyHandlers({ groups, directory }: Iam): IamHandlers {
  return {
    PutGroupPolicy: async (input, { account }) => {
      await groups.putInlinePolicy(account, input.GroupName ?? "", {
        name: input.PolicyName ?? "",
        document: input.PolicyDocument ?? "",
      });
      return {};
    },
    GetGroupPolicy: (input, { account }) => {
      const { record } = groups.get(account, input.GroupName ?? "");
      const policyName = input.PolicyName ?? "";
      return {
        GroupName: record.groupName,
        PolicyName: policyName,
        PolicyDocument: inlinePolicyDocument(record, policyName, groupPolicyNotFound),
      };
    },
    DeleteGroupPolicy: async (input, { account }) => {
      await groups.deleteInlinePolicy(account, input.GroupName ?? "", input.PolicyName ?? "");
      return {};
    },
    ListGroupPolicies: (input, { account }) =>
      inlinePolicyNamesPage(groups.get(account, input.GroupName ?? "").record, input),
    AttachGroupPolicy: async (input, { account }) => {
      await groups.attach(account, input.GroupName ?? "", input.PolicyArn ?? "");
      return {};
    },
    DetachGroupPolicy: async (input, { account }) => {
      await groups.detach(account, input.GroupName ?? "", input.PolicyArn ?? "");
      return {};
    },
    ListAttachedGroupPolicies: (input, { account }) =>
      attachedPoliciesPage(directory, groups.get(account, input.GroupName ?? "").record, input),
  };
}

import type { Iam } from "../../../iam/iam.ts";
import { userPolicyNotFound } from "../../../iam/users.ts";
import { attachedPoliciesPage, inlinePolicyDocument, inlinePolicyNamesPage } from "./policy-holder-shapes.ts";
import type { IamHandlers } from "./role-handlers.ts";

/** Inline policies of users, and managed policies attached to them. */
export function userPolicyHandlers({ users, directory }: Iam): IamHandlers {
  return {
    PutUserPolicy: async (input, { account }) => {
      await users.putInlinePolicy(account, input.UserName ?? "", {
        name: input.PolicyName ?? "",
        document: input.PolicyDocument ?? "",
      });
      return {};
    },
    GetUserPolicy: (input, { account }) => {
      const { record } = users.get(account, input.UserName ?? "");
      const policyName = input.PolicyName ?? "";
      return {
        UserName: record.userName,
        PolicyName: policyName,
        PolicyDocument: inlinePolicyDocument(record, policyName, userPolicyNotFound),
      };
    },
    DeleteUserPolicy: async (input, { account }) => {
      await users.deleteInlinePolicy(account, input.UserName ?? "", input.PolicyName ?? "");
      return {};
    },
    ListUserPolicies: (input, { account }) =>
      inlinePolicyNamesPage(users.get(account, input.UserName ?? "").record, input),
    AttachUserPolicy: async (input, { account }) => {
      await users.attach(account, input.UserName ?? "", input.PolicyArn ?? "");
      return {};
    },
    DetachUserPolicy: async (input, { account }) => {
      await users.detach(account, input.UserName ?? "", input.PolicyArn ?? "");
      return {};
    },
    ListAttachedUserPolicies: (input, { account }) =>
      attachedPoliciesPage(directory, users.get(account, input.UserName ?? "").record, input),
  };
}

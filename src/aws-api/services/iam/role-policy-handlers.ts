import type { Iam } from "../../../iam/iam.ts";
import { rolePolicyNotFound } from "../../../iam/roles.ts";
import { attachedPoliciesPage, inlinePolicyDocument, inlinePolicyNamesPage } from "./policy-holder-shapes.ts";
import type { IamHandlers } from "./role-handlers.ts";

/** Inline policies of roles, and managed policies attached to them. */
export function rolePolicyHandlers({ roles, directory }: Iam): IamHandlers {
  return {
    PutRolePolicy: async (input, { account }) => {
      await roles.putInlinePolicy(account, input.RoleName ?? "", {
        name: input.PolicyName ?? "",
        document: input.PolicyDocument ?? "",
      });
      return {};
    },
    GetRolePolicy: (input, { account }) => {
      const { record } = roles.get(account, input.RoleName ?? "");
      const policyName = input.PolicyName ?? "";
      return {
        RoleName: record.roleName,
        PolicyName: policyName,
        PolicyDocument: inlinePolicyDocument(record, policyName, rolePolicyNotFound),
      };
    },
    DeleteRolePolicy: async (input, { account }) => {
      await roles.deleteInlinePolicy(account, input.RoleName ?? "", input.PolicyName ?? "");
      return {};
    },
    ListRolePolicies: (input, { account }) =>
      inlinePolicyNamesPage(roles.get(account, input.RoleName ?? "").record, input),
    AttachRolePolicy: async (input, { account }) => {
      await roles.attach(account, input.RoleName ?? "", input.PolicyArn ?? "");
      return {};
    },
    DetachRolePolicy: async (input, { account }) => {
      await roles.detach(account, input.RoleName ?? "", input.PolicyArn ?? "");
      return {};
    },
    ListAttachedRolePolicies: (input, { account }) =>
      attachedPoliciesPage(directory, roles.get(account, input.RoleName ?? "").record, input),
  };
}

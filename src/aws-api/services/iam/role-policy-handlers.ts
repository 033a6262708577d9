import type { Iam } from "../../../iam/iam.ts";
import { rolePolicyNotFound } from "../../../iam/roles.ts";
import { iamPage } from "./iam-page.ts";
import { encodePolicyDocument } from "./iam-shapes.ts";
import type { IamHandlers } from "./role-handlers.ts";

const byName = (left: string, right: string): number => (left.toLowerCase() < right.toLowerCase() ? -1 : 1);

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
      const document = Object.hasOwn(record.inlinePolicies, policyName)
        ? record.inlinePolicies[policyName]
        : undefined;
      if (document === undefined) throw rolePolicyNotFound(policyName);
      return {
        RoleName: record.roleName,
        PolicyName: policyName,
        PolicyDocument: encodePolicyDocument(document),
      };
    },
    DeleteRolePolicy: async (input, { account }) => {
      await roles.deleteInlinePolicy(account, input.RoleName ?? "", input.PolicyName ?? "");
      return {};
    },
    ListRolePolicies: (input, { account }) => {
      const { record } = roles.get(account, input.RoleName ?? "");
      const names = Object.keys(record.inlinePolicies).sort(byName);
      const { items, paging } = iamPage(names, (name) => name, input);
      return { PolicyNames: [...items], ...paging };
    },
    AttachRolePolicy: async (input, { account }) => {
      await roles.attach(account, input.RoleName ?? "", input.PolicyArn ?? "");
      return {};
    },
    DetachRolePolicy: async (input, { account }) => {
      await roles.detach(account, input.RoleName ?? "", input.PolicyArn ?? "");
      return {};
    },
    ListAttachedRolePolicies: (input, { account }) => {
      const { record } = roles.get(account, input.RoleName ?? "");
      const attached = record.attachedPolicyArns.map((arn) => ({
        PolicyName: arn.slice(arn.lastIndexOf("/") + 1),
        PolicyArn: arn,
        path: directory.policy(arn)?.record.path ?? "/",
      }));
      const wanted = attached.filter(({ path }) => path.startsWith(input.PathPrefix ?? "/"));
      wanted.sort((left, right) => byName(left.PolicyName, right.PolicyName));
      const { items, paging } = iamPage(wanted, ({ PolicyName }) => PolicyName, input);
      return {
        AttachedPolicies: items.map(({ PolicyName, PolicyArn }) => ({ PolicyName, PolicyArn })),
        ...paging,
      };
    },
  };
}

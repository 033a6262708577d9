import type * as iamModule from "@aws-sdk/client-iam";
import type { Iam } from "../../../iam/iam.ts";
import type { Handlers } from "../../protocol/handlers.ts";
import { iamPage } from "./iam-page.ts";
import { roleDetailShape, roleShape, storedTags, tagsPage } from "./iam-shapes.ts";

export type IamHandlers = Handlers<typeof iamModule>;

/** Roles themselves: made, read, changed, tagged, deleted. */
export function roleHandlers({ roles, directory }: Iam): IamHandlers {
  return {
    CreateRole: async (input, { account }) => {
      const role = await roles.create({
        account,
        roleName: input.RoleName ?? "",
        path: input.Path ?? "/",
        assumeRolePolicy: input.AssumeRolePolicyDocument ?? "",
        description: input.Description,
        maxSessionDurationSeconds: input.MaxSessionDuration,
        tags: storedTags(input.Tags),
        permissionsBoundaryArn: input.PermissionsBoundary,
      });
      const { MaxSessionDuration: duration, ...shape } = roleDetailShape(role);
      // AWS: the answer names the session duration only when it was asked for.
      return {
        Role: input.MaxSessionDuration === undefined ? shape : { ...shape, MaxSessionDuration: duration },
      };
    },
    GetRole: (input, { account }) => ({
      Role: { ...roleDetailShape(roles.get(account, input.RoleName ?? "").record), RoleLastUsed: {} },
    }),
    ListRoles: (input, { account }) => {
      const prefix = input.PathPrefix ?? "/";
      const all = directory.roles(account).filter(({ record }) => record.path.startsWith(prefix));
      const { items, paging } = iamPage(all, ({ record }) => record.roleName, input);
      return { Roles: items.map(({ record }) => roleShape(record)), ...paging };
    },
    DeleteRole: async (input, { account }) => {
      await roles.remove(account, input.RoleName ?? "");
      return {};
    },
    UpdateRole: async (input, { account }) => {
      await roles.update(account, input.RoleName ?? "", {
        description: input.Description,
        maxSessionDurationSeconds: input.MaxSessionDuration,
      });
      return {};
    },
    UpdateRoleDescription: async ({ RoleName: roleName = "", Description: description }, { account }) => {
      await roles.update(account, roleName, { description });
      return { Role: roleDetailShape(roles.get(account, roleName).record) };
    },
    UpdateAssumeRolePolicy: async (input, { account }) => {
      await roles.updateTrust(account, input.RoleName ?? "", input.PolicyDocument ?? "");
      return {};
    },
    PutRolePermissionsBoundary: async (input, { account }) => {
      await roles.putBoundary(account, input.RoleName ?? "", input.PermissionsBoundary ?? "");
      return {};
    },
    DeleteRolePermissionsBoundary: async (input, { account }) => {
      await roles.deleteBoundary(account, input.RoleName ?? "");
      return {};
    },
    TagRole: async (input, { account }) => {
      await roles.tag(account, input.RoleName ?? "", storedTags(input.Tags));
      return {};
    },
    UntagRole: async (input, { account }) => {
      await roles.untag(account, input.RoleName ?? "", input.TagKeys ?? []);
      return {};
    },
    ListRoleTags: (input, { account }) =>
      tagsPage(roles.get(account, input.RoleName ?? "").record.tags, input),
    ListInstanceProfilesForRole: (input, { account }) => {
      // Instance profiles belong to EC2, which Lambent does not have: no role has one. Terraform asks before deleting.
      roles.get(account, input.RoleName ?? "");
      return { InstanceProfiles: [], IsTruncated: false };
    },
  };
}

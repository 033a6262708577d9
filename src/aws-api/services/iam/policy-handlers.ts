import { iamDate } from "../../../core/iam-date.ts";
import type { Iam } from "../../../iam/iam.ts";
import type { ManagedPolicy, Role, User } from "../../../iam/iam-records.ts";
import { iamPage } from "./iam-page.ts";
import {
  encodePolicyDocument,
  policyShape,
  policyVersionShape,
  storedTags,
  tagShapes,
} from "./iam-shapes.ts";
import type { IamHandlers } from "./role-handlers.ts";

/** Managed policies and their versions. */
export function policyHandlers({ policies, directory }: Iam): IamHandlers {
  const attachmentCount = (account: string, { arn }: ManagedPolicy): number =>
    directory.rolesWithPolicy(account, arn).length + directory.usersWithPolicy(account, arn).length;
  return {
    CreatePolicy: async (input, { account }) => {
      const policy = await policies.create({
        account,
        policyName: input.PolicyName ?? "",
        path: input.Path ?? "/",
        document: input.PolicyDocument ?? "",
        description: input.Description,
        tags: storedTags(input.Tags),
      });
      return { Policy: { ...policyShape(policy, 0), ...tagsMember(policy.tags) } };
    },
    GetPolicy: (input, { account }) => {
      const policy = policies.get(account, input.PolicyArn ?? "");
      const { description, tags } = policy.record;
      return {
        Policy: {
          ...policyShape(policy.record, attachmentCount(account, policy)),
          ...(description !== undefined && { Description: description }),
          Tags: tagShapes(tags),
        },
      };
    },
    ListPolicies: (input, { account }) => {
      const candidates =
        input.PolicyUsageFilter === "PermissionsBoundary" ? [] : scoped(account, input.Scope);
      const wanted = candidates.filter(
        (policy) =>
          policy.record.path.startsWith(input.PathPrefix ?? "/") &&
          (input.OnlyAttached !== true || attachmentCount(account, policy) > 0),
      );
      wanted.sort((left, right) => (sortName(left) < sortName(right) ? -1 : 1));
      const { items, paging } = iamPage(wanted, sortName, input);
      return {
        Policies: items.map((policy) => policyShape(policy.record, attachmentCount(account, policy))),
        ...paging,
      };
    },
    DeletePolicy: async (input, { account }) => {
      await policies.remove(account, input.PolicyArn ?? "");
      return {};
    },
    ...versionHandlers({ policies }),
    ...entityHandlers({ policies, directory }),
  };

  function scoped(account: string, scope: string | undefined): ManagedPolicy[] {
    const own = scope === "AWS" ? [] : directory.policies(account);
    return scope === "Local" ? own : [...own, ...directory.awsManaged()];
  }
}

/** AWS's own and a customer's policy may have the same name: the ARN tells them apart. */
const sortName = (policy: ManagedPolicy): string => `${policy.record.policyName} ${policy.arn}`.toLowerCase();

function entityHandlers({ policies, directory }: Pick<Iam, "policies" | "directory">): IamHandlers {
  return {
    ListEntitiesForPolicy: (input, { account }) => {
      const { arn } = policies.get(account, input.PolicyArn ?? "");
      const shows = (kind: string): boolean =>
        (input.EntityFilter === undefined || input.EntityFilter === kind) &&
        input.PolicyUsageFilter !== "PermissionsBoundary";
      const prefix = input.PathPrefix ?? "/";
      const entities = [
        ...(shows("Role") ? directory.rolesWithPolicy(account, arn) : []),
        ...(shows("User") ? directory.usersWithPolicy(account, arn) : []),
      ].filter(({ record }) => record.path.startsWith(prefix));
      const { items, paging } = iamPage(entities, entityName, input);
      const records = items.map(({ record }) => record);
      return {
        PolicyGroups: [],
        PolicyUsers: records
          .filter((record) => "userName" in record)
          .map(({ userName, userId }) => ({ UserName: userName, UserId: userId })),
        PolicyRoles: records
          .filter((record) => "roleName" in record)
          .map(({ roleName, roleId }) => ({ RoleName: roleName, RoleId: roleId })),
        ...paging,
      };
    },
  };
}

/** Roles before users, as the list is put together, so that a page's last name says where the next one begins. */
const entityName = ({ record }: Role | User): string =>
  "roleName" in record ? `role/${record.roleName}` : `user/${record.userName}`;

const tagsMember = (tags: ManagedPolicy["record"]["tags"]) =>
  tags.length > 0 ? { Tags: tagShapes(tags) } : {};

function versionHandlers({ policies }: Pick<Iam, "policies">): IamHandlers {
  return {
    GetPolicyVersion: (input, { account }) => {
      const arn = input.PolicyArn ?? "";
      const version = policies.version(account, arn, input.VersionId ?? "");
      const { record } = policies.get(account, arn);
      return {
        PolicyVersion: {
          ...policyVersionShape(record, version),
          Document: encodePolicyDocument(version.document),
        },
      };
    },
    ListPolicyVersions: (input, { account }) => {
      const { record } = policies.get(account, input.PolicyArn ?? "");
      // Newest first; numbered backwards so that the order of the page names is the order of the list.
      const { items, paging } = iamPage(
        record.versions,
        ({ versionId }) => String(1e9 - Number(versionId.slice(1))),
        input,
      );
      return { Versions: items.map((version) => policyVersionShape(record, version)), ...paging };
    },
    CreatePolicyVersion: async (input, { account }) => {
      const arn = input.PolicyArn ?? "";
      const setAsDefault = input.SetAsDefault ?? false;
      const version = await policies.createVersion(account, arn, {
        document: input.PolicyDocument ?? "",
        setAsDefault,
      });
      return {
        PolicyVersion: {
          VersionId: version.versionId,
          IsDefaultVersion: setAsDefault,
          CreateDate: iamDate(version.createdAtMs),
        },
      };
    },
    DeletePolicyVersion: async (input, { account }) => {
      await policies.deleteVersion(account, input.PolicyArn ?? "", input.VersionId ?? "");
      return {};
    },
    SetDefaultPolicyVersion: async (input, { account }) => {
      await policies.setDefaultVersion(account, input.PolicyArn ?? "", input.VersionId ?? "");
      return {};
    },
  };
}

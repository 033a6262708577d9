import { iamDate } from "../../../core/iam-date.ts";
import type { Iam } from "../../../iam/iam.ts";
import type { Group, ManagedPolicy, Role, User } from "../../../iam/iam-records.ts";
import { iamPage } from "./iam-page.ts";
import {
  encodePolicyDocument,
  type PolicyUses,
  policyShape,
  policyVersionShape,
  storedTags,
  tagShapes,
  tagsPage,
} from "./iam-shapes.ts";
import type { IamHandlers } from "./role-handlers.ts";

/** Managed policies and their versions. */
export function policyHandlers({ policies, directory }: Iam): IamHandlers {
  const usesOf = (account: string, { arn }: ManagedPolicy): PolicyUses => ({
    attachments:
      directory.rolesWithPolicy(account, arn).length +
      directory.usersWithPolicy(account, arn).length +
      directory.groupsWithPolicy(account, arn).length,
    boundaries: directory.boundBy(account, arn).length,
  });
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
      return {
        Policy: { ...policyShape(policy, { attachments: 0, boundaries: 0 }), ...tagsMember(policy.tags) },
      };
    },
    GetPolicy: (input, { account }) => {
      const policy = policies.get(account, input.PolicyArn ?? "");
      const { description, tags } = policy.record;
      return {
        Policy: {
          ...policyShape(policy.record, usesOf(account, policy)),
          ...(description !== undefined && { Description: description }),
          Tags: tagShapes(tags),
        },
      };
    },
    ListPolicies: (input, { account }) => {
      const isWanted = (policy: ManagedPolicy): boolean => {
        const { attachments, boundaries } = usesOf(account, policy);
        if (input.OnlyAttached === true && attachments === 0) return false;
        return input.PolicyUsageFilter !== "PermissionsBoundary" || boundaries > 0;
      };
      const prefix = input.PathPrefix ?? "/";
      const wanted = scoped(account, input.Scope).filter(
        (policy) => policy.record.path.startsWith(prefix) && isWanted(policy),
      );
      wanted.sort((left, right) => (sortName(left) < sortName(right) ? -1 : 1));
      const { items, paging } = iamPage(wanted, sortName, input);
      return {
        Policies: items.map((policy) => policyShape(policy.record, usesOf(account, policy))),
        ...paging,
      };
    },
    DeletePolicy: async (input, { account }) => {
      await policies.remove(account, input.PolicyArn ?? "");
      return {};
    },
    ...tagHandlers({ policies }),
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
      const prefix = input.PathPrefix ?? "/";
      const bound = directory.boundBy(account, arn);
      const entities = [
        ...directory.groupsWithPolicy(account, arn),
        ...directory.rolesWithPolicy(account, arn),
        ...directory.usersWithPolicy(account, arn),
      ]
        .filter(() => input.PolicyUsageFilter !== "PermissionsBoundary")
        .concat(input.PolicyUsageFilter === "PermissionsPolicy" ? [] : bound)
        .filter((entity, index, all) => all.findIndex(({ record }) => record === entity.record) === index)
        .filter(
          (entity) =>
            entity.record.path.startsWith(prefix) &&
            (input.EntityFilter === undefined || input.EntityFilter === kindOf(entity)),
        )
        .sort((left, right) => (entityName(left) < entityName(right) ? -1 : 1));
      const { items, paging } = iamPage(entities, entityName, input);
      const records = items.map(({ record }) => record);
      return {
        PolicyGroups: records
          .filter((record) => "groupName" in record)
          .map(({ groupName, groupId }) => ({ GroupName: groupName, GroupId: groupId })),
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

type Entity = Group | Role | User;

const kindOf = ({ record }: Entity): "Group" | "Role" | "User" =>
  "groupName" in record ? "Group" : "roleName" in record ? "Role" : "User";

/** By kind and name, so that a page's last name says where the next one begins. */
const entityName = (entity: Entity): string => {
  const { record } = entity;
  const name =
    "groupName" in record ? record.groupName : "roleName" in record ? record.roleName : record.userName;
  return `${kindOf(entity)}/${name}`.toLowerCase();
};

const tagsMember = (tags: ManagedPolicy["record"]["tags"]) =>
  tags.length > 0 ? { Tags: tagShapes(tags) } : {};

function tagHandlers({ policies }: Pick<Iam, "policies">): IamHandlers {
  return {
    TagPolicy: async (input, { account }) => {
      await policies.tag(account, input.PolicyArn ?? "", storedTags(input.Tags));
      return {};
    },
    UntagPolicy: async (input, { account }) => {
      await policies.untag(account, input.PolicyArn ?? "", input.TagKeys ?? []);
      return {};
    },
    ListPolicyTags: (input, { account }) =>
      tagsPage(policies.get(account, input.PolicyArn ?? "").record.tags, input),
  };
}

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

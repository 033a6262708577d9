import type { Policy, PolicyVersion, Role, Tag } from "@aws-sdk/client-iam";
import { policyArn, roleArn } from "../../../core/iam-arn.ts";
import { iamDate } from "../../../core/iam-date.ts";
import type {
  StoredPolicy,
  StoredPolicyVersion,
  StoredPrincipal,
  StoredRole,
  StoredTag,
} from "../../../iam/iam-records.ts";
import { iamPage } from "./iam-page.ts";

/** AWS: policy documents in answers are URL-encoded as RFC 3986 has it. */
export function encodePolicyDocument(document: string): string {
  return encodeURIComponent(document).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

export const tagShapes = (tags: readonly StoredTag[]): Tag[] =>
  tags.map(({ key, value }) => ({ Key: key, Value: value }));

export const storedTags = (tags: readonly Tag[] | undefined): StoredTag[] =>
  (tags ?? []).map(({ Key, Value }) => ({ key: Key ?? "", value: Value ?? "" }));

/** A page of tags, as every operation that lists them answers it: by key, regardless of case. */
export function tagsPage(
  tags: readonly StoredTag[],
  request: { Marker?: string | undefined; MaxItems?: number | undefined },
) {
  const sorted = tags.toSorted((left, right) => (left.key.toLowerCase() < right.key.toLowerCase() ? -1 : 1));
  const { items, paging } = iamPage(sorted, ({ key }) => key, request);
  return { Tags: tagShapes(items), ...paging };
}

/** The members that every answer about a role has; listings have no more than these. */
export function roleShape(role: StoredRole): Role {
  return {
    Path: role.path,
    RoleName: role.roleName,
    RoleId: role.roleId,
    Arn: roleArn(role),
    CreateDate: iamDate(role.createdAtMs),
    AssumeRolePolicyDocument: encodePolicyDocument(role.assumeRolePolicy),
    ...(role.description !== undefined && { Description: role.description }),
    MaxSessionDuration: role.maxSessionDurationSeconds,
  };
}

/** A role with what no listing has. */
export function roleDetailShape(role: StoredRole): Role {
  return { ...roleShape(role), ...principalDetails(role) };
}

/** AWS: without tags there is no Tags member, without a boundary none of that. */
export const principalDetails = ({ tags, permissionsBoundaryArn: arn }: StoredPrincipal) => ({
  ...(arn !== undefined && {
    // AWS: the model knows one value of this type, and the service answers another.
    PermissionsBoundary: {
      PermissionsBoundaryType: "Policy" as "PermissionsBoundaryPolicy",
      PermissionsBoundaryArn: arn,
    },
  }),
  ...(tags.length > 0 && { Tags: tagShapes(tags) }),
});

/** How many users, groups and roles have a policy, and how many are bound by it. */
export interface PolicyUses {
  readonly attachments: number;
  readonly boundaries: number;
}

export function policyShape(policy: StoredPolicy, { attachments, boundaries }: PolicyUses): Policy {
  return {
    PolicyName: policy.policyName,
    PolicyId: policy.policyId,
    Arn: policyArn(policy),
    Path: policy.path,
    DefaultVersionId: policy.defaultVersionId,
    AttachmentCount: attachments,
    PermissionsBoundaryUsageCount: boundaries,
    IsAttachable: true,
    CreateDate: iamDate(policy.createdAtMs),
    UpdateDate: iamDate(policy.updatedAtMs),
  };
}

export function policyVersionShape(policy: StoredPolicy, version: StoredPolicyVersion): PolicyVersion {
  return {
    VersionId: version.versionId,
    IsDefaultVersion: version.versionId === policy.defaultVersionId,
    CreateDate: iamDate(version.createdAtMs),
  };
}

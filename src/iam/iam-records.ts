import type { PolicyDocument } from "../core/policy-document.ts";

export interface StoredTag {
  readonly key: string;
  readonly value: string;
}

/** What users, roles and groups have in common: policies of their own, and attached ones. */
export interface PolicyHolder {
  /** Inline policies: name to JSON as it was given. */
  readonly inlinePolicies: Readonly<Record<string, string>>;
  readonly attachedPolicyArns: readonly string[];
}

/** What users and roles have besides: whoever makes requests. */
export interface StoredPrincipal extends PolicyHolder {
  readonly tags: readonly StoredTag[];
  /** A managed policy that says what the others can allow at most. */
  readonly permissionsBoundaryArn?: string | undefined;
}

/** A user as it is stored. Its access keys are documents of their own, found by their ids. */
export interface StoredUser extends StoredPrincipal {
  readonly schema: 1;
  readonly account: string;
  readonly userName: string;
  readonly userId: string;
  /** With leading and trailing slash. */
  readonly path: string;
  readonly createdAtMs: number;
  /** Ids of the groups that the user is in, in the order in which it came into them. */
  readonly groupIds?: readonly string[] | undefined;
}

/** A group as it is stored; its members say themselves that they are in it. */
export interface StoredGroup extends PolicyHolder {
  readonly schema: 1;
  readonly account: string;
  readonly groupName: string;
  readonly groupId: string;
  /** With leading and trailing slash. */
  readonly path: string;
  readonly createdAtMs: number;
}

/** A long-term access key. */
export interface StoredAccessKey {
  readonly schema: 1;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly account: string;
  /** Undefined: of the account's root user. */
  readonly userName: string | undefined;
  readonly status: "Active" | "Inactive";
  readonly createdAtMs: number;
}

/** A role as it is stored, everything that belongs to it in one document. */
export interface StoredRole extends StoredPrincipal {
  readonly schema: 1;
  readonly account: string;
  readonly roleName: string;
  readonly roleId: string;
  /** With leading and trailing slash. */
  readonly path: string;
  readonly createdAtMs: number;
  readonly description: string | undefined;
  readonly maxSessionDurationSeconds: number;
  /** JSON as it was given. */
  readonly assumeRolePolicy: string;
}

export interface StoredPolicyVersion {
  readonly versionId: string;
  readonly document: string;
  readonly createdAtMs: number;
}

/** A customer managed policy as it is stored. */
export interface StoredPolicy {
  readonly schema: 1;
  readonly account: string;
  readonly policyName: string;
  readonly policyId: string;
  readonly path: string;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly description: string | undefined;
  readonly defaultVersionId: string;
  /** Numbers are never given twice. */
  readonly nextVersionNumber: number;
  /** Newest first. */
  readonly versions: readonly StoredPolicyVersion[];
  readonly tags: readonly StoredTag[];
}

/** A user with its documents read, ready to be evaluated. */
export interface User {
  readonly record: StoredUser;
  readonly inline: readonly PolicyDocument[];
}

/** A group with its documents read, ready to be evaluated. */
export interface Group {
  readonly record: StoredGroup;
  readonly inline: readonly PolicyDocument[];
}

/** A role with its documents read, ready to be evaluated. */
export interface Role {
  readonly record: StoredRole;
  readonly trust: PolicyDocument;
  readonly inline: readonly PolicyDocument[];
}

/** A managed policy with its default version read. */
export interface ManagedPolicy {
  readonly arn: string;
  readonly record: StoredPolicy;
  readonly document: PolicyDocument;
}

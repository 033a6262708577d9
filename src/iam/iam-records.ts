import type { PolicyDocument } from "../core/policy-document.ts";

export interface StoredTag {
  readonly key: string;
  readonly value: string;
}

/** A role as it is stored, everything that belongs to it in one document. */
export interface StoredRole {
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
  /** Inline policies: name to JSON as it was given. */
  readonly inlinePolicies: Readonly<Record<string, string>>;
  readonly attachedPolicyArns: readonly string[];
  readonly tags: readonly StoredTag[];
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

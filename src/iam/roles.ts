import type { Clock } from "../ports/clock.ts";
import type { IamDirectory } from "./iam-directory.ts";
import { deleteConflict, limitExceeded, noSuchEntity, roleNotFound } from "./iam-errors.ts";
import { newIdentifier } from "./iam-names.ts";
import type { Role, StoredRole, StoredTag } from "./iam-records.ts";
import type { IamRepository } from "./iam-repository.ts";
import {
  checkAttachable,
  checkBoundary,
  checkPolicyDocument,
  countedCharacters,
  mergeTags,
  withAttachedPolicy,
  withBoundary,
  withInlinePolicy,
  withoutAttachedPolicy,
  withoutInlinePolicy,
  withoutTags,
} from "./policy-holders.ts";

/** "IAM and AWS STS quotas" */
const QUOTAS = { trustPolicyCharacters: 2048, inlinePolicyCharacters: 10_240 } as const;

export interface NewRole {
  readonly account: string;
  readonly roleName: string;
  readonly path: string;
  readonly assumeRolePolicy: string;
  readonly description: string | undefined;
  readonly maxSessionDurationSeconds: number | undefined;
  readonly tags: readonly StoredTag[];
  readonly permissionsBoundaryArn?: string | undefined;
}

/** What IAM's role operations do; every method throws IAM's errors. */
export interface Roles {
  create(role: NewRole): Promise<StoredRole>;
  get(account: string, roleName: string): Role;
  remove(account: string, roleName: string): Promise<void>;
  update(
    account: string,
    roleName: string,
    change: { description?: string | undefined; maxSessionDurationSeconds?: number | undefined },
  ): Promise<void>;
  updateTrust(account: string, roleName: string, document: string): Promise<void>;
  putInlinePolicy(
    account: string,
    roleName: string,
    policy: { name: string; document: string },
  ): Promise<void>;
  deleteInlinePolicy(account: string, roleName: string, policyName: string): Promise<void>;
  attach(account: string, roleName: string, arn: string): Promise<void>;
  detach(account: string, roleName: string, arn: string): Promise<void>;
  tag(account: string, roleName: string, tags: readonly StoredTag[]): Promise<void>;
  untag(account: string, roleName: string, keys: readonly string[]): Promise<void>;
  /** AWS: no error without one. */
  deleteBoundary(account: string, roleName: string): Promise<void>;
  putBoundary(account: string, roleName: string, arn: string): Promise<void>;
}

export function createRoles(deps: {
  directory: IamDirectory;
  repository: IamRepository;
  clock: Clock;
}): Roles {
  const { directory, repository, clock } = deps;
  const update = async (account: string, roleName: string, change: (role: StoredRole) => StoredRole) => {
    await repository.updateRole(account, roleName, change);
  };
  return {
    create: async (role) => {
      checkBoundary(directory, role.account, role.permissionsBoundaryArn);
      const record = newRecord(role, clock.nowMs());
      await repository.createRole(record);
      return record;
    },
    get: (account, roleName) => {
      const role = directory.role(account, roleName);
      if (role === undefined) throw roleNotFound(roleName);
      return role;
    },
    remove: (account, roleName) => repository.deleteRole(account, roleName, checkDeletable),
    update: (account, roleName, { description, maxSessionDurationSeconds }) =>
      update(account, roleName, (role) => ({
        ...role,
        description: description ?? role.description,
        maxSessionDurationSeconds: maxSessionDurationSeconds ?? role.maxSessionDurationSeconds,
      })),
    updateTrust: (account, roleName, document) => {
      checkTrustPolicy(document);
      return update(account, roleName, (role) => ({ ...role, assumeRolePolicy: document }));
    },
    putInlinePolicy: (account, roleName, policy) => {
      checkPolicyDocument(policy.document, "identity");
      const limit = { characters: QUOTAS.inlinePolicyCharacters, of: `role ${roleName}` };
      return update(account, roleName, (role) => withInlinePolicy(role, policy, limit));
    },
    deleteInlinePolicy: (account, roleName, policyName) =>
      update(account, roleName, (role) =>
        withoutInlinePolicy(role, policyName, () => rolePolicyNotFound(policyName)),
      ),
    attach: (account, roleName, arn) => {
      checkAttachable(directory, account, arn);
      return update(account, roleName, (role) => withAttachedPolicy(role, arn, "PoliciesPerRole"));
    },
    detach: (account, roleName, arn) => update(account, roleName, (role) => withoutAttachedPolicy(role, arn)),
    putBoundary: (account, roleName, arn) =>
      update(account, roleName, (role) => withBoundary(directory, role, arn)),
    deleteBoundary: (account, roleName) =>
      update(account, roleName, (role) => ({ ...role, permissionsBoundaryArn: undefined })),
    tag: (account, roleName, tags) =>
      update(account, roleName, (role) => ({ ...role, tags: mergeTags(role.tags, tags) })),
    untag: (account, roleName, keys) =>
      update(account, roleName, (role) => ({ ...role, tags: withoutTags(role.tags, keys) })),
  };
}

function newRecord(role: NewRole, nowMs: number): StoredRole {
  checkTrustPolicy(role.assumeRolePolicy);
  return {
    schema: 1,
    account: role.account,
    roleName: role.roleName,
    roleId: newIdentifier("AROA"),
    path: role.path,
    createdAtMs: nowMs,
    description: role.description,
    maxSessionDurationSeconds: role.maxSessionDurationSeconds ?? 3600,
    assumeRolePolicy: role.assumeRolePolicy,
    inlinePolicies: {},
    attachedPolicyArns: [],
    tags: mergeTags([], role.tags),
    permissionsBoundaryArn: role.permissionsBoundaryArn,
  };
}

function checkDeletable(role: StoredRole): void {
  if (role.attachedPolicyArns.length > 0) {
    throw deleteConflict("Cannot delete entity, must detach all policies first.");
  }
  if (Object.keys(role.inlinePolicies).length > 0) {
    throw deleteConflict("Cannot delete entity, must delete policies first.");
  }
}

function checkTrustPolicy(document: string): void {
  checkPolicyDocument(document, "trust");
  if (countedCharacters(document) > QUOTAS.trustPolicyCharacters) {
    throw limitExceeded(`Cannot exceed quota for ACLSizePerRole: ${QUOTAS.trustPolicyCharacters}`);
  }
}

export const rolePolicyNotFound = (policyName: string) =>
  noSuchEntity(`The role policy with name ${policyName} cannot be found.`);

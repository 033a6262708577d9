import { type PolicyKind, parsePolicyDocument } from "../core/policy-document.ts";
import type { Clock } from "../ports/clock.ts";
import type { IamDirectory } from "./iam-directory.ts";
import {
  deleteConflict,
  invalidInput,
  limitExceeded,
  malformedPolicyDocument,
  noSuchEntity,
  policyNotFound,
  roleNotFound,
} from "./iam-errors.ts";
import { newIdentifier } from "./iam-names.ts";
import type { Role, StoredRole, StoredTag } from "./iam-records.ts";
import type { IamRepository } from "./iam-repository.ts";

/** "IAM and AWS STS quotas" */
const QUOTAS = {
  trustPolicyCharacters: 2048,
  inlinePolicyCharacters: 10_240,
  attachedPolicies: 10,
  tags: 50,
} as const;

export interface NewRole {
  readonly account: string;
  readonly roleName: string;
  readonly path: string;
  readonly assumeRolePolicy: string;
  readonly description: string | undefined;
  readonly maxSessionDurationSeconds: number | undefined;
  readonly tags: readonly StoredTag[];
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
      return update(account, roleName, (role) => withInlinePolicy(role, policy));
    },
    deleteInlinePolicy: (account, roleName, policyName) =>
      update(account, roleName, (role) => withoutInlinePolicy(role, policyName)),
    attach: (account, roleName, arn) => {
      if (directory.policy(arn) === undefined || !isPolicyOf(account, arn)) {
        throw noSuchEntity(`Policy ${arn} does not exist or is not attachable.`);
      }
      return update(account, roleName, (role) => withAttachedPolicy(role, arn));
    },
    detach: (account, roleName, arn) =>
      update(account, roleName, (role) => {
        if (!role.attachedPolicyArns.includes(arn)) throw policyNotFound(arn);
        return {
          ...role,
          attachedPolicyArns: role.attachedPolicyArns.filter((attached) => attached !== arn),
        };
      }),
    tag: (account, roleName, tags) =>
      update(account, roleName, (role) => ({ ...role, tags: mergeTags(role.tags, tags) })),
    untag: (account, roleName, keys) =>
      update(account, roleName, (role) => ({ ...role, tags: withoutTags(role.tags, keys) })),
  };
}

const isPolicyOf = (account: string, arn: string): boolean =>
  arn.startsWith("arn:aws:iam::aws:policy/") || arn.startsWith(`arn:aws:iam::${account}:policy/`);

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

/** Throws MalformedPolicyDocument with AWS's text. */
export function checkPolicyDocument(document: string, kind: PolicyKind): void {
  const parsed = parsePolicyDocument(document, kind);
  if ("problem" in parsed) throw malformedPolicyDocument(parsed.problem);
}

/** AWS: quotas on documents do not count white space. */
export const countedCharacters = (document: string): number => document.replaceAll(/\s/g, "").length;

function checkTrustPolicy(document: string): void {
  checkPolicyDocument(document, "trust");
  if (countedCharacters(document) > QUOTAS.trustPolicyCharacters) {
    throw limitExceeded(`Cannot exceed quota for ACLSizePerRole: ${QUOTAS.trustPolicyCharacters}`);
  }
}

function withInlinePolicy(role: StoredRole, policy: { name: string; document: string }): StoredRole {
  const inlinePolicies = { ...role.inlinePolicies, [policy.name]: policy.document };
  const characters = Object.values(inlinePolicies).reduce((sum, text) => sum + countedCharacters(text), 0);
  if (characters > QUOTAS.inlinePolicyCharacters) {
    throw limitExceeded(
      `Maximum policy size of ${QUOTAS.inlinePolicyCharacters} bytes exceeded for role ${role.roleName}`,
    );
  }
  return { ...role, inlinePolicies };
}

function withoutInlinePolicy(role: StoredRole, policyName: string): StoredRole {
  if (!Object.hasOwn(role.inlinePolicies, policyName)) throw rolePolicyNotFound(policyName);
  const { [policyName]: _, ...inlinePolicies } = role.inlinePolicies;
  return { ...role, inlinePolicies };
}

export const rolePolicyNotFound = (policyName: string) =>
  noSuchEntity(`The role policy with name ${policyName} cannot be found.`);

function withAttachedPolicy(role: StoredRole, arn: string): StoredRole {
  // AWS: attaching twice is fine.
  if (role.attachedPolicyArns.includes(arn)) return role;
  if (role.attachedPolicyArns.length >= QUOTAS.attachedPolicies) {
    throw limitExceeded(`Cannot exceed quota for PoliciesPerRole: ${QUOTAS.attachedPolicies}`);
  }
  return { ...role, attachedPolicyArns: [...role.attachedPolicyArns, arn] };
}

/** Adds or replaces tags; keys are compared regardless of case, as IAM does. */
export function mergeTags(current: readonly StoredTag[], added: readonly StoredTag[]): StoredTag[] {
  const keys = added.map(({ key }) => key.toLowerCase());
  if (new Set(keys).size !== keys.length) {
    throw invalidInput("Duplicate tag keys found. Please note that Tag keys are case insensitive.");
  }
  const merged = [...current.filter(({ key }) => !keys.includes(key.toLowerCase())), ...added];
  if (merged.length > QUOTAS.tags) {
    throw limitExceeded(`The number of tags has reached the maximum limit of ${QUOTAS.tags}.`);
  }
  return merged;
}

export function withoutTags(current: readonly StoredTag[], keys: readonly string[]): StoredTag[] {
  const removed = new Set(keys.map((key) => key.toLowerCase()));
  return current.filter(({ key }) => !removed.has(key.toLowerCase()));
}

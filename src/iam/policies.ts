import type { Clock } from "../ports/clock.ts";
import type { IamDirectory } from "./iam-directory.ts";
import {
  deleteConflict,
  iamAccessDenied,
  limitExceeded,
  noSuchEntity,
  policyNotFound,
} from "./iam-errors.ts";
import { newIdentifier } from "./iam-names.ts";
import type { ManagedPolicy, StoredPolicy, StoredPolicyVersion, StoredTag } from "./iam-records.ts";
import type { IamRepository } from "./iam-repository.ts";
import { checkPolicyDocument, countedCharacters, mergeTags, withoutTags } from "./policy-holders.ts";

const POLICY_CHARACTERS_MAX = 6144;
const POLICY_VERSIONS_MAX = 5;

export interface NewPolicy {
  readonly account: string;
  readonly policyName: string;
  readonly path: string;
  readonly document: string;
  readonly description: string | undefined;
  readonly tags: readonly StoredTag[];
}

/** What IAM's operations on managed policies do; every method throws IAM's errors. */
export interface Policies {
  create(policy: NewPolicy): Promise<StoredPolicy>;
  /** NoSuchEntity also for policies of other accounts. */
  get(account: string, arn: string): ManagedPolicy;
  version(account: string, arn: string, versionId: string): StoredPolicyVersion;
  createVersion(
    account: string,
    arn: string,
    version: { document: string; setAsDefault: boolean },
  ): Promise<StoredPolicyVersion>;
  deleteVersion(account: string, arn: string, versionId: string): Promise<void>;
  setDefaultVersion(account: string, arn: string, versionId: string): Promise<void>;
  remove(account: string, arn: string): Promise<void>;
  tag(account: string, arn: string, tags: readonly StoredTag[]): Promise<void>;
  untag(account: string, arn: string, keys: readonly string[]): Promise<void>;
}

export function createPolicies(deps: {
  directory: IamDirectory;
  repository: IamRepository;
  clock: Clock;
}): Policies {
  const { directory, repository, clock } = deps;
  const get = (account: string, arn: string): ManagedPolicy => {
    const policy = directory.policy(arn);
    if (policy === undefined || (policy.record.account !== "aws" && policy.record.account !== account)) {
      throw policyNotFound(arn);
    }
    return policy;
  };
  const own = (account: string, arn: string) => {
    const { record } = get(account, arn);
    if (record.account === "aws") {
      // AWS: its own policies belong to another account.
      throw iamAccessDenied(`Policy ${arn} is managed by AWS and cannot be changed.`);
    }
    return { account, policyName: record.policyName, arn };
  };
  return {
    get,
    create: async (policy) => {
      const record = newRecord(policy, clock.nowMs());
      await repository.createPolicy(record);
      return record;
    },
    version: (account, arn, versionId) => findVersion(get(account, arn).record, arn, versionId),
    createVersion: async (account, arn, { document, setAsDefault }) => {
      checkManagedDocument(document);
      const nowMs = clock.nowMs();
      const updated = await repository.updatePolicy(own(account, arn), (policy) =>
        withVersion(policy, { document, setAsDefault, nowMs }),
      );
      return findVersion(updated, arn, `v${updated.nextVersionNumber - 1}`);
    },
    deleteVersion: async (account, arn, versionId) => {
      await repository.updatePolicy(own(account, arn), (policy) => withoutVersion(policy, arn, versionId));
    },
    setDefaultVersion: async (account, arn, versionId) => {
      const updatedAtMs = clock.nowMs();
      await repository.updatePolicy(own(account, arn), (policy) => {
        findVersion(policy, arn, versionId);
        return { ...policy, defaultVersionId: versionId, updatedAtMs };
      });
    },
    tag: async (account, arn, tags) => {
      await repository.updatePolicy(own(account, arn), (policy) => ({
        ...policy,
        tags: mergeTags(policy.tags, tags),
      }));
    },
    untag: async (account, arn, keys) => {
      await repository.updatePolicy(own(account, arn), (policy) => ({
        ...policy,
        tags: withoutTags(policy.tags, keys),
      }));
    },
    remove: async (account, arn) => {
      const target = own(account, arn);
      if (isInUse(directory, account, arn))
        throw deleteConflict("Cannot delete a policy attached to entities.");
      await repository.deletePolicy(target, checkDeletable);
    },
  };
}

const isInUse = (directory: IamDirectory, account: string, arn: string): boolean =>
  directory.rolesWithPolicy(account, arn).length > 0 ||
  directory.usersWithPolicy(account, arn).length > 0 ||
  directory.groupsWithPolicy(account, arn).length > 0 ||
  directory.boundBy(account, arn).length > 0;

function newRecord(policy: NewPolicy, nowMs: number): StoredPolicy {
  checkManagedDocument(policy.document);
  return {
    schema: 1,
    account: policy.account,
    policyName: policy.policyName,
    policyId: newIdentifier("ANPA"),
    path: policy.path,
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
    description: policy.description,
    defaultVersionId: "v1",
    nextVersionNumber: 2,
    versions: [{ versionId: "v1", document: policy.document, createdAtMs: nowMs }],
    tags: mergeTags([], policy.tags),
  };
}

function checkManagedDocument(document: string): void {
  checkPolicyDocument(document, "identity");
  if (countedCharacters(document) > POLICY_CHARACTERS_MAX) {
    throw limitExceeded(`Cannot exceed quota for PolicySize: ${POLICY_CHARACTERS_MAX}`);
  }
}

function findVersion(policy: StoredPolicy, arn: string, versionId: string): StoredPolicyVersion {
  const version = policy.versions.find((candidate) => candidate.versionId === versionId);
  if (version === undefined) {
    throw noSuchEntity(`Policy ${arn} version ${versionId} does not exist or is not attachable.`);
  }
  return version;
}

function withVersion(
  policy: StoredPolicy,
  version: { document: string; setAsDefault: boolean; nowMs: number },
): StoredPolicy {
  if (policy.versions.length >= POLICY_VERSIONS_MAX) {
    throw limitExceeded(
      `A managed policy can have up to ${POLICY_VERSIONS_MAX} versions. Before you create a new version, you must delete an existing version.`,
    );
  }
  const versionId = `v${policy.nextVersionNumber}`;
  return {
    ...policy,
    versions: [{ versionId, document: version.document, createdAtMs: version.nowMs }, ...policy.versions],
    nextVersionNumber: policy.nextVersionNumber + 1,
    defaultVersionId: version.setAsDefault ? versionId : policy.defaultVersionId,
    updatedAtMs: version.nowMs,
  };
}

function withoutVersion(policy: StoredPolicy, arn: string, versionId: string): StoredPolicy {
  findVersion(policy, arn, versionId);
  if (versionId === policy.defaultVersionId) {
    throw deleteConflict("Cannot delete the default version of a policy.");
  }
  return { ...policy, versions: policy.versions.filter((version) => version.versionId !== versionId) };
}

function checkDeletable(policy: StoredPolicy): void {
  if (policy.versions.length > 1) {
    throw deleteConflict(
      "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.",
    );
  }
}

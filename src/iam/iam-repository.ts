import type { AwsError } from "../core/errors.ts";
import { Conflict, type KeyValueStore } from "../ports/store.ts";
import { decodeRecord, encodeRecord, policyKey, roleKey } from "./iam-directory.ts";
import { concurrentModification, entityAlreadyExists, policyNotFound, roleNotFound } from "./iam-errors.ts";
import type { StoredPolicy, StoredRole } from "./iam-records.ts";

/** How often a change is tried again when somebody else changed the same document meanwhile. */
const ATTEMPTS = 20;

/** Changes to roles and customer managed policies, each one compare-and-set of one document. */
export interface IamRepository {
  /** EntityAlreadyExists when the name is taken. */
  createRole(role: StoredRole): Promise<void>;
  /** Applies `change` to the current document; NoSuchEntity when absent. `change` may refuse by throwing. */
  updateRole(
    account: string,
    roleName: string,
    change: (role: StoredRole) => StoredRole,
  ): Promise<StoredRole>;
  /** Deletes unless `check` throws; NoSuchEntity when absent. */
  deleteRole(account: string, roleName: string, check: (role: StoredRole) => void): Promise<void>;
  createPolicy(policy: StoredPolicy): Promise<void>;
  updatePolicy(
    policy: { account: string; policyName: string; arn: string },
    change: (policy: StoredPolicy) => StoredPolicy,
  ): Promise<StoredPolicy>;
  deletePolicy(
    policy: { account: string; policyName: string; arn: string },
    check: (policy: StoredPolicy) => void,
  ): Promise<void>;
}

export function createIamRepository(keyValue: KeyValueStore): IamRepository {
  return {
    createRole: (role) =>
      create(keyValue, roleKey(role.account, role.roleName), role, () =>
        entityAlreadyExists(`Role with name ${role.roleName} already exists.`),
      ),
    updateRole: (account, roleName, change) =>
      update(keyValue, roleKey(account, roleName), change, () => roleNotFound(roleName)),
    deleteRole: (account, roleName, check) =>
      remove(keyValue, roleKey(account, roleName), check, () => roleNotFound(roleName)),
    createPolicy: (policy) =>
      create(keyValue, policyKey(policy.account, policy.policyName), policy, () =>
        entityAlreadyExists(
          `A policy called ${policy.policyName} already exists. Duplicate names are not allowed.`,
        ),
      ),
    updatePolicy: ({ account, policyName, arn }, change) =>
      update(keyValue, policyKey(account, policyName), change, () => policyNotFound(arn)),
    deletePolicy: ({ account, policyName, arn }, check) =>
      remove(keyValue, policyKey(account, policyName), check, () => policyNotFound(arn)),
  };
}

type Stored = StoredRole | StoredPolicy;

async function create(
  keyValue: KeyValueStore,
  key: string,
  record: Stored,
  exists: () => AwsError,
): Promise<void> {
  try {
    await keyValue.create(key, encodeRecord(record));
  } catch (error) {
    throw error instanceof Conflict ? exists() : error;
  }
}

async function update<T extends Stored>(
  keyValue: KeyValueStore,
  key: string,
  change: (record: T) => T,
  absent: () => AwsError,
): Promise<T> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const entry = await keyValue.get(key);
    if (entry === undefined) throw absent();
    const current = decodeRecord<T>(entry.value);
    const changed = change(current);
    if (changed === current) return current;
    try {
      await keyValue.update(key, encodeRecord(changed), entry.revision);
      return changed;
    } catch (error) {
      if (!(error instanceof Conflict)) throw error;
    }
  }
  throw concurrentModification(
    "The entity is being modified by other requests. Submit the request again later.",
  );
}

async function remove<T extends Stored>(
  keyValue: KeyValueStore,
  key: string,
  check: (record: T) => void,
  absent: () => AwsError,
): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const entry = await keyValue.get(key);
    if (entry === undefined) throw absent();
    check(decodeRecord<T>(entry.value));
    try {
      await keyValue.delete(key, entry.revision);
      return;
    } catch (error) {
      if (!(error instanceof Conflict)) throw error;
    }
  }
  throw concurrentModification(
    "The entity is being modified by other requests. Submit the request again later.",
  );
}

import type { AwsError } from "../core/errors.ts";
import { Conflict, type KeyValueStore } from "../ports/store.ts";
import {
  accessKeyKey,
  decodeRecord,
  encodeRecord,
  groupKey,
  policyKey,
  roleKey,
  type StoredIamRecord,
  userKey,
} from "./iam-directory.ts";
import {
  concurrentModification,
  entityAlreadyExists,
  groupNotFound,
  noSuchEntity,
  policyNotFound,
  roleNotFound,
  userNotFound,
} from "./iam-errors.ts";
import type { StoredAccessKey, StoredGroup, StoredPolicy, StoredRole, StoredUser } from "./iam-records.ts";

/** How often a change is tried again when somebody else changed the same document meanwhile. */
const ATTEMPTS = 20;

/** Changes to what IAM stores, each one compare-and-set of one document. */
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
  createUser(user: StoredUser): Promise<void>;
  updateUser(
    account: string,
    userName: string,
    change: (user: StoredUser) => StoredUser,
  ): Promise<StoredUser>;
  deleteUser(account: string, userName: string, check: (user: StoredUser) => void): Promise<void>;
  createGroup(group: StoredGroup): Promise<void>;
  updateGroup(
    account: string,
    groupName: string,
    change: (group: StoredGroup) => StoredGroup,
  ): Promise<StoredGroup>;
  deleteGroup(account: string, groupName: string, check: (group: StoredGroup) => void): Promise<void>;
  createAccessKey(key: StoredAccessKey): Promise<void>;
  /** `change` refuses a key of somebody else by throwing. */
  updateAccessKey(accessKeyId: string, change: (key: StoredAccessKey) => StoredAccessKey): Promise<void>;
  deleteAccessKey(accessKeyId: string, check: (key: StoredAccessKey) => void): Promise<void>;
}

export const accessKeyNotFound = (accessKeyId: string): AwsError =>
  noSuchEntity(`The Access Key with id ${accessKeyId} cannot be found.`);

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
    ...userChanges(keyValue),
    ...groupChanges(keyValue),
    ...accessKeyChanges(keyValue),
  };
}

function userChanges(
  keyValue: KeyValueStore,
): Pick<IamRepository, "createUser" | "updateUser" | "deleteUser"> {
  return {
    createUser: (user) =>
      create(keyValue, userKey(user.account, user.userName), user, () =>
        entityAlreadyExists(`User with name ${user.userName} already exists.`),
      ),
    updateUser: (account, userName, change) =>
      update(keyValue, userKey(account, userName), change, () => userNotFound(userName)),
    deleteUser: (account, userName, check) =>
      remove(keyValue, userKey(account, userName), check, () => userNotFound(userName)),
  };
}

function groupChanges(
  keyValue: KeyValueStore,
): Pick<IamRepository, "createGroup" | "updateGroup" | "deleteGroup"> {
  return {
    createGroup: (group) =>
      create(keyValue, groupKey(group.account, group.groupName), group, () =>
        entityAlreadyExists(`Group with name ${group.groupName} already exists.`),
      ),
    updateGroup: (account, groupName, change) =>
      update(keyValue, groupKey(account, groupName), change, () => groupNotFound(groupName)),
    deleteGroup: (account, groupName, check) =>
      remove(keyValue, groupKey(account, groupName), check, () => groupNotFound(groupName)),
  };
}

function accessKeyChanges(
  keyValue: KeyValueStore,
): Pick<IamRepository, "createAccessKey" | "updateAccessKey" | "deleteAccessKey"> {
  return {
    createAccessKey: (key) =>
      create(keyValue, accessKeyKey(key.accessKeyId), key, () =>
        entityAlreadyExists(`Access key ${key.accessKeyId} already exists.`),
      ),
    updateAccessKey: async (accessKeyId, change) => {
      await update(keyValue, accessKeyKey(accessKeyId), change, () => accessKeyNotFound(accessKeyId));
    },
    deleteAccessKey: (accessKeyId, check) =>
      remove(keyValue, accessKeyKey(accessKeyId), check, () => accessKeyNotFound(accessKeyId)),
  };
}

async function create(
  keyValue: KeyValueStore,
  key: string,
  record: StoredIamRecord,
  exists: () => AwsError,
): Promise<void> {
  try {
    await keyValue.create(key, encodeRecord(record));
  } catch (error) {
    throw error instanceof Conflict ? exists() : error;
  }
}

async function update<T extends StoredIamRecord>(
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

async function remove<T extends StoredIamRecord>(
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

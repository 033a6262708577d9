import type { Clock } from "../ports/clock.ts";
import type { IamDirectory } from "./iam-directory.ts";
import { deleteConflict, groupNotFound, limitExceeded, noSuchEntity, userNotFound } from "./iam-errors.ts";
import { newIdentifier, newSecretAccessKey } from "./iam-names.ts";
import type { StoredAccessKey, StoredTag, StoredUser, User } from "./iam-records.ts";
import { accessKeyNotFound, type IamRepository } from "./iam-repository.ts";
import {
  checkAttachable,
  checkBoundary,
  checkPolicyDocument,
  mergeTags,
  withAttachedPolicy,
  withBoundary,
  withInlinePolicy,
  withoutAttachedPolicy,
  withoutInlinePolicy,
  withoutTags,
} from "./policy-holders.ts";

/** "IAM and AWS STS quotas" */
const INLINE_POLICY_CHARACTERS_MAX = 2048;
const ACCESS_KEYS_MAX = 2;
const GROUPS_MAX = 10;

export interface NewUser {
  readonly account: string;
  readonly userName: string;
  readonly path: string;
  readonly tags: readonly StoredTag[];
  readonly permissionsBoundaryArn?: string | undefined;
}

/** What IAM's operations on users and their access keys do; every method throws IAM's errors. */
export interface Users {
  create(user: NewUser): Promise<StoredUser>;
  get(account: string, userName: string): User;
  updatePath(account: string, userName: string, path: string): Promise<void>;
  remove(account: string, userName: string): Promise<void>;
  putInlinePolicy(
    account: string,
    userName: string,
    policy: { name: string; document: string },
  ): Promise<void>;
  deleteInlinePolicy(account: string, userName: string, policyName: string): Promise<void>;
  attach(account: string, userName: string, arn: string): Promise<void>;
  detach(account: string, userName: string, arn: string): Promise<void>;
  /** AWS: doing it twice is fine, also below. */
  addToGroup(account: string, userName: string, groupName: string): Promise<void>;
  removeFromGroup(account: string, userName: string, groupName: string): Promise<void>;
  tag(account: string, userName: string, tags: readonly StoredTag[]): Promise<void>;
  untag(account: string, userName: string, keys: readonly string[]): Promise<void>;
  /** AWS: no error without one. */
  deleteBoundary(account: string, userName: string): Promise<void>;
  putBoundary(account: string, userName: string, arn: string): Promise<void>;
  /** `userName` undefined: of the root user, here and below. */
  createAccessKey(account: string, userName: string | undefined): Promise<StoredAccessKey>;
  /** Makes this the root user's key, whatever it was before; for a key that the operator chose. */
  putRootAccessKey(key: Pick<StoredAccessKey, "account" | "accessKeyId" | "secretAccessKey">): Promise<void>;
  setAccessKeyStatus(key: OwnedAccessKey, status: StoredAccessKey["status"]): Promise<void>;
  deleteAccessKey(key: OwnedAccessKey): Promise<void>;
}

/** An access key and whose it has to be. */
export interface OwnedAccessKey {
  readonly accessKeyId: string;
  readonly account: string;
  readonly userName: string | undefined;
}

export const userPolicyNotFound = (policyName: string) =>
  noSuchEntity(`The user policy with name ${policyName} cannot be found.`);

interface Parts {
  readonly directory: IamDirectory;
  readonly repository: IamRepository;
  readonly clock: Clock;
}

export function createUsers(parts: Parts): Users {
  const { directory, repository, clock } = parts;
  const update = async (
    account: string,
    userName: string,
    change: (user: StoredUser) => StoredUser,
  ): Promise<void> => {
    await repository.updateUser(account, userName, change);
  };
  return {
    create: async (user) => {
      checkBoundary(directory, user.account, user.permissionsBoundaryArn);
      const record = newRecord(user, clock.nowMs());
      await repository.createUser(record);
      return record;
    },
    get: (account, userName) => {
      const user = directory.user(account, userName);
      if (user === undefined) throw userNotFound(userName);
      return user;
    },
    updatePath: (account, userName, path) => update(account, userName, (user) => ({ ...user, path })),
    remove: (account, userName) =>
      repository.deleteUser(account, userName, (user) => checkDeletable(directory, user)),
    putInlinePolicy: (account, userName, policy) => {
      checkPolicyDocument(policy.document, "identity");
      const limit = { characters: INLINE_POLICY_CHARACTERS_MAX, of: `user ${userName}` };
      return update(account, userName, (user) => withInlinePolicy(user, policy, limit));
    },
    deleteInlinePolicy: (account, userName, policyName) =>
      update(account, userName, (user) =>
        withoutInlinePolicy(user, policyName, () => userPolicyNotFound(policyName)),
      ),
    attach: (account, userName, arn) => {
      checkAttachable(directory, account, arn);
      return update(account, userName, (user) => withAttachedPolicy(user, arn, "PoliciesPerUser"));
    },
    detach: (account, userName, arn) => update(account, userName, (user) => withoutAttachedPolicy(user, arn)),
    putBoundary: (account, userName, arn) =>
      update(account, userName, (user) => withBoundary(directory, user, arn)),
    deleteBoundary: (account, userName) =>
      update(account, userName, (user) => ({ ...user, permissionsBoundaryArn: undefined })),
    tag: (account, userName, tags) =>
      update(account, userName, (user) => ({ ...user, tags: mergeTags(user.tags, tags) })),
    untag: (account, userName, keys) =>
      update(account, userName, (user) => ({ ...user, tags: withoutTags(user.tags, keys) })),
    ...memberships(directory, update),
    ...accessKeys(parts),
  };
}

function memberships(
  directory: IamDirectory,
  update: (account: string, userName: string, change: (user: StoredUser) => StoredUser) => Promise<void>,
): Pick<Users, "addToGroup" | "removeFromGroup"> {
  const idOf = (account: string, groupName: string): string => {
    const group = directory.group(account, groupName);
    if (group === undefined) throw groupNotFound(groupName);
    return group.record.groupId;
  };
  return {
    addToGroup: (account, userName, groupName) =>
      update(account, userName, (user) => {
        const groupId = idOf(account, groupName);
        // Those of groups that are gone do not count.
        const groupIds = directory.groupsOf(user).map(({ record }) => record.groupId);
        if (groupIds.includes(groupId)) return user;
        if (groupIds.length >= GROUPS_MAX)
          throw limitExceeded(`Cannot exceed quota for GroupsPerUser: ${GROUPS_MAX}`);
        return { ...user, groupIds: [...groupIds, groupId] };
      }),
    removeFromGroup: (account, userName, groupName) =>
      update(account, userName, (user) => {
        const groupId = idOf(account, groupName);
        if (user.groupIds?.includes(groupId) !== true) return user;
        return { ...user, groupIds: user.groupIds.filter((id) => id !== groupId) };
      }),
  };
}

function accessKeys({
  directory,
  repository,
  clock,
}: Parts): Pick<Users, "createAccessKey" | "putRootAccessKey" | "setAccessKeyStatus" | "deleteAccessKey"> {
  const checkOwner =
    ({ accessKeyId, account, userName }: OwnedAccessKey) =>
    (key: StoredAccessKey): void => {
      if (key.account !== account || key.userName !== userName) throw accessKeyNotFound(accessKeyId);
    };
  return {
    createAccessKey: async (account, userName) => {
      if (userName !== undefined && directory.user(account, userName) === undefined)
        throw userNotFound(userName);
      if (directory.accessKeysOf(account, userName).length >= ACCESS_KEYS_MAX)
        throw limitExceeded(`Cannot exceed quota for AccessKeysPerUser: ${ACCESS_KEYS_MAX}`);
      const key: StoredAccessKey = {
        schema: 1,
        accessKeyId: newIdentifier("AKIA"),
        secretAccessKey: newSecretAccessKey(),
        account,
        userName,
        status: "Active",
        createdAtMs: clock.nowMs(),
      };
      await repository.createAccessKey(key);
      return key;
    },
    putRootAccessKey: async ({ account, accessKeyId, secretAccessKey }) => {
      const key: StoredAccessKey = {
        schema: 1,
        accessKeyId,
        secretAccessKey,
        account,
        userName: undefined,
        status: "Active",
        createdAtMs: clock.nowMs(),
      };
      if (directory.accessKey(accessKeyId) === undefined) await repository.createAccessKey(key);
      else await repository.updateAccessKey(accessKeyId, ({ createdAtMs }) => ({ ...key, createdAtMs }));
    },
    setAccessKeyStatus: (owned, status) =>
      repository.updateAccessKey(owned.accessKeyId, (key) => {
        checkOwner(owned)(key);
        return { ...key, status };
      }),
    deleteAccessKey: (owned) => repository.deleteAccessKey(owned.accessKeyId, checkOwner(owned)),
  };
}

function newRecord(user: NewUser, nowMs: number): StoredUser {
  return {
    schema: 1,
    account: user.account,
    userName: user.userName,
    userId: newIdentifier("AIDA"),
    path: user.path,
    createdAtMs: nowMs,
    inlinePolicies: {},
    attachedPolicyArns: [],
    tags: mergeTags([], user.tags),
    permissionsBoundaryArn: user.permissionsBoundaryArn,
  };
}

function checkDeletable(directory: IamDirectory, user: StoredUser): void {
  if (directory.accessKeysOf(user.account, user.userName).length > 0)
    throw deleteConflict("Cannot delete entity, must delete access keys first.");
  if (user.attachedPolicyArns.length > 0)
    throw deleteConflict("Cannot delete entity, must detach all policies first.");
  if (directory.groupsOf(user).length > 0)
    throw deleteConflict("Cannot delete entity, must remove users from group first.");
  if (Object.keys(user.inlinePolicies).length > 0)
    throw deleteConflict("Cannot delete entity, must delete policies first.");
}

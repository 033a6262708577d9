import type { Clock } from "../ports/clock.ts";
import type { IamDirectory } from "./iam-directory.ts";
import { deleteConflict, limitExceeded, noSuchEntity, userNotFound } from "./iam-errors.ts";
import { newIdentifier, newSecretAccessKey } from "./iam-names.ts";
import type { StoredAccessKey, StoredTag, StoredUser, User } from "./iam-records.ts";
import { accessKeyNotFound, type IamRepository } from "./iam-repository.ts";
import {
  checkAttachable,
  checkPolicyDocument,
  mergeTags,
  withAttachedPolicy,
  withInlinePolicy,
  withoutAttachedPolicy,
  withoutInlinePolicy,
  withoutTags,
} from "./policy-holders.ts";

/** "IAM and AWS STS quotas" */
const INLINE_POLICY_CHARACTERS_MAX = 2048;
const ACCESS_KEYS_MAX = 2;

export interface NewUser {
  readonly account: string;
  readonly userName: string;
  readonly path: string;
  readonly tags: readonly StoredTag[];
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
  tag(account: string, userName: string, tags: readonly StoredTag[]): Promise<void>;
  untag(account: string, userName: string, keys: readonly string[]): Promise<void>;
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
    tag: (account, userName, tags) =>
      update(account, userName, (user) => ({ ...user, tags: mergeTags(user.tags, tags) })),
    untag: (account, userName, keys) =>
      update(account, userName, (user) => ({ ...user, tags: withoutTags(user.tags, keys) })),
    ...accessKeys(parts),
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
  };
}

function checkDeletable(directory: IamDirectory, user: StoredUser): void {
  if (directory.accessKeysOf(user.account, user.userName).length > 0)
    throw deleteConflict("Cannot delete entity, must delete access keys first.");
  if (user.attachedPolicyArns.length > 0)
    throw deleteConflict("Cannot delete entity, must detach all policies first.");
  if (Object.keys(user.inlinePolicies).length > 0)
    throw deleteConflict("Cannot delete entity, must delete policies first.");
}

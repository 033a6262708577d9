import { policyArn } from "../core/iam-arn.ts";
import { type PolicyDocument, type PolicyKind, parsePolicyDocument } from "../core/policy-document.ts";
import type { Change, KeyValueStore } from "../ports/store.ts";
import { awsManagedPolicies, awsManagedPolicy } from "./aws-managed-policies.ts";
import type {
  Group,
  ManagedPolicy,
  Role,
  StoredAccessKey,
  StoredGroup,
  StoredPolicy,
  StoredRole,
  StoredUser,
  User,
} from "./iam-records.ts";

export const ROLE_PREFIX = "iam/roles/";
export const POLICY_PREFIX = "iam/policies/";
export const USER_PREFIX = "iam/users/";
export const GROUP_PREFIX = "iam/groups/";
export const ACCESS_KEY_PREFIX = "iam/access-keys/";

/** AWS: names are unique regardless of case, so the key holds them in lower case. */
export const roleKey = (account: string, roleName: string): string =>
  `${ROLE_PREFIX}${account}/${roleName.toLowerCase()}`;

export const userKey = (account: string, userName: string): string =>
  `${USER_PREFIX}${account}/${userName.toLowerCase()}`;

export const groupKey = (account: string, groupName: string): string =>
  `${GROUP_PREFIX}${account}/${groupName.toLowerCase()}`;

export const accessKeyKey = (accessKeyId: string): string => `${ACCESS_KEY_PREFIX}${accessKeyId}`;

export const policyKey = (account: string, policyName: string): string =>
  `${POLICY_PREFIX}${account}/${policyName.toLowerCase()}`;

/**
 * Every role and policy in memory, kept current by watching the store: what the evaluation of a request reads, and
 * what listings answer from. Decisions to change something are made against the store itself.
 */
export interface IamDirectory {
  role(account: string, roleName: string): Role | undefined;
  /** Sorted by name. */
  roles(account: string): Role[];
  /** Also AWS's own policies. */
  policy(arn: string): ManagedPolicy | undefined;
  /** Customer managed ones, sorted by name. */
  policies(account: string): ManagedPolicy[];
  awsManaged(): readonly ManagedPolicy[];
  /** Roles of the account that a policy is attached to, sorted by name. */
  rolesWithPolicy(account: string, arn: string): Role[];
  user(account: string, userName: string): User | undefined;
  /** Sorted by name. */
  users(account: string): User[];
  usersWithPolicy(account: string, arn: string): User[];
  group(account: string, groupName: string): Group | undefined;
  /** Sorted by name. */
  groups(account: string): Group[];
  groupsWithPolicy(account: string, arn: string): Group[];
  /** The groups that a user is in, sorted by name. */
  groupsOf(user: StoredUser): Group[];
  /** The users and roles of the account whose permissions boundary a policy is: roles first, each sorted by name. */
  boundBy(account: string, arn: string): (Role | User)[];
  accessKey(accessKeyId: string): StoredAccessKey | undefined;
  /** Of a user, oldest first; `undefined` for the root user. */
  accessKeysOf(account: string, userName: string | undefined): StoredAccessKey[];
  close(): Promise<void>;
}

/** Opens the directory; resolves when every stored role and policy is known. */
export async function openIamDirectory(keyValue: KeyValueStore): Promise<IamDirectory> {
  const roles = await watched(keyValue, ROLE_PREFIX, readRole);
  const policies = await watched(keyValue, POLICY_PREFIX, readPolicy);
  const users = await watched(keyValue, USER_PREFIX, readUser);
  const groups = await watched(keyValue, GROUP_PREFIX, readGroup);
  const accessKeys = await watched(keyValue, ACCESS_KEY_PREFIX, decodeRecord<StoredAccessKey>);
  const usersOf = (account: string): User[] => below(users.entries, `${USER_PREFIX}${account}/`);
  const rolesOf = (account: string): Role[] => below(roles.entries, `${ROLE_PREFIX}${account}/`);
  const groupsIn = (account: string): Group[] => below(groups.entries, `${GROUP_PREFIX}${account}/`);
  const stored = (arn: string): ManagedPolicy | undefined => {
    const [, account = "", name = ""] = /^arn:aws:iam::(\d{12}):policy\/(?:.*\/)?([^/]+)$/.exec(arn) ?? [];
    const policy = policies.entries.get(policyKey(account, name));
    return policy?.arn === arn ? policy : undefined;
  };
  return {
    role: (account, roleName) => roles.entries.get(roleKey(account, roleName)),
    roles: rolesOf,
    policy: (arn) => awsManagedPolicy(arn) ?? stored(arn),
    policies: (account) => below(policies.entries, `${POLICY_PREFIX}${account}/`),
    awsManaged: awsManagedPolicies,
    rolesWithPolicy: (account, arn) =>
      rolesOf(account).filter(({ record }) => record.attachedPolicyArns.includes(arn)),
    user: (account, userName) => users.entries.get(userKey(account, userName)),
    users: usersOf,
    usersWithPolicy: (account, arn) =>
      usersOf(account).filter(({ record }) => record.attachedPolicyArns.includes(arn)),
    group: (account, groupName) => groups.entries.get(groupKey(account, groupName)),
    groups: groupsIn,
    groupsWithPolicy: (account, arn) =>
      groupsIn(account).filter(({ record }) => record.attachedPolicyArns.includes(arn)),
    groupsOf: ({ account, groupIds = [] }) =>
      groupIds.length === 0
        ? []
        : groupsIn(account).filter(({ record }) => groupIds.includes(record.groupId)),
    boundBy: (account, arn) =>
      [...rolesOf(account), ...usersOf(account)].filter(
        ({ record }) => record.permissionsBoundaryArn === arn,
      ),
    accessKey: (accessKeyId) => accessKeys.entries.get(accessKeyKey(accessKeyId)),
    accessKeysOf: (account, userName) =>
      [...accessKeys.entries.values()]
        .filter((key) => key.account === account && key.userName === userName)
        .sort((left, right) => left.createdAtMs - right.createdAtMs),
    close: async () => {
      for (const watch of [roles, policies, users, groups, accessKeys]) await watch.close();
    },
  };
}

async function watched<T>(
  keyValue: KeyValueStore,
  prefix: string,
  read: (value: Uint8Array) => T,
): Promise<{ entries: ReadonlyMap<string, T>; close(): Promise<void> }> {
  const entries = new Map<string, T>();
  const synced = Promise.withResolvers<void>();
  const watch = await keyValue.watch(prefix, (change: Change) => {
    if (change.type === "put") entries.set(change.entry.key, read(change.entry.value));
    else if (change.type === "delete") entries.delete(change.key);
    else synced.resolve();
  });
  await synced.promise;
  return { entries, close: () => watch.close() };
}

function below<T>(entries: ReadonlyMap<string, T>, prefix: string): T[] {
  const found = [...entries].filter(([key]) => key.startsWith(prefix));
  return found.sort(([left], [right]) => (left < right ? -1 : 1)).map(([, value]) => value);
}

function readRole(value: Uint8Array): Role {
  const record = decodeRecord<StoredRole>(value);
  return {
    record,
    trust: readDocument(record.assumeRolePolicy, "trust"),
    inline: Object.values(record.inlinePolicies).map((text) => readDocument(text, "identity")),
  };
}

function readUser(value: Uint8Array): User {
  const record = decodeRecord<StoredUser>(value);
  return {
    record,
    inline: Object.values(record.inlinePolicies).map((text) => readDocument(text, "identity")),
  };
}

function readGroup(value: Uint8Array): Group {
  const record = decodeRecord<StoredGroup>(value);
  return {
    record,
    inline: Object.values(record.inlinePolicies).map((text) => readDocument(text, "identity")),
  };
}

function readPolicy(value: Uint8Array): ManagedPolicy {
  const record = decodeRecord<StoredPolicy>(value);
  const current = record.versions.find(({ versionId }) => versionId === record.defaultVersionId);
  return { arn: policyArn(record), record, document: readDocument(current?.document ?? "", "identity") };
}

/** Stored documents were checked when they came in; one that cannot be read any more denies everything. */
function readDocument(text: string, kind: PolicyKind): PolicyDocument {
  const document = parsePolicyDocument(text, kind);
  return "problem" in document ? DENY_ALL : document;
}

const DENY_ALL: PolicyDocument = {
  version: "2012-10-17",
  statements: [
    {
      sid: undefined,
      effect: "Deny",
      actions: ["*"],
      notActions: undefined,
      resources: ["*"],
      notResources: undefined,
      principals: undefined,
      notPrincipals: undefined,
      conditions: [],
    },
  ],
};

/** Reads a stored document of this schema; throws on one that a newer version wrote. */
export function decodeRecord<T extends { readonly schema: 1 }>(value: Uint8Array): T {
  const record = JSON.parse(Buffer.from(value).toString("utf8")) as T;
  if (record.schema !== 1) {
    throw new Error(`An IAM document has schema ${String(record.schema)}; this version reads schema 1.`);
  }
  return record;
}

export type StoredIamRecord = StoredRole | StoredPolicy | StoredUser | StoredGroup | StoredAccessKey;

export const encodeRecord = (record: StoredIamRecord): Uint8Array => Buffer.from(JSON.stringify(record));

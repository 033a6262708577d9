import type { Clock } from "../ports/clock.ts";
import type { IamDirectory } from "./iam-directory.ts";
import { deleteConflict, groupNotFound, noSuchEntity } from "./iam-errors.ts";
import { newIdentifier } from "./iam-names.ts";
import type { Group, StoredGroup, User } from "./iam-records.ts";
import type { IamRepository } from "./iam-repository.ts";
import {
  checkAttachable,
  checkPolicyDocument,
  withAttachedPolicy,
  withInlinePolicy,
  withoutAttachedPolicy,
  withoutInlinePolicy,
} from "./policy-holders.ts";

/** "IAM and AWS STS quotas" */
const INLINE_POLICY_CHARACTERS_MAX = 5120;

/** What IAM's operations on groups do; every method throws IAM's errors. */
export interface Groups {
  create(group: Pick<StoredGroup, "account" | "groupName" | "path">): Promise<StoredGroup>;
  get(account: string, groupName: string): Group;
  /** Sorted by name. */
  members(group: StoredGroup): User[];
  update(
    account: string,
    groupName: string,
    change: { readonly path: string | undefined; readonly groupName: string | undefined },
  ): Promise<void>;
  remove(account: string, groupName: string): Promise<void>;
  putInlinePolicy(
    account: string,
    groupName: string,
    policy: { name: string; document: string },
  ): Promise<void>;
  deleteInlinePolicy(account: string, groupName: string, policyName: string): Promise<void>;
  attach(account: string, groupName: string, arn: string): Promise<void>;
  detach(account: string, groupName: string, arn: string): Promise<void>;
}

export const groupPolicyNotFound = (policyName: string) =>
  noSuchEntity(`The group policy with name ${policyName} cannot be found.`);

export function createGroups(parts: {
  directory: IamDirectory;
  repository: IamRepository;
  clock: Clock;
}): Groups {
  const { directory, repository, clock } = parts;
  const change = async (
    account: string,
    groupName: string,
    to: (group: StoredGroup) => StoredGroup,
  ): Promise<void> => {
    await repository.updateGroup(account, groupName, to);
  };
  const get = (account: string, groupName: string): Group => {
    const group = directory.group(account, groupName);
    if (group === undefined) throw groupNotFound(groupName);
    return group;
  };
  const members = ({ account, groupId }: StoredGroup): User[] =>
    directory.users(account).filter(({ record }) => record.groupIds?.includes(groupId));
  return {
    get,
    members,
    create: async ({ account, groupName, path }) => {
      const createdAtMs = clock.nowMs();
      const groupId = newIdentifier("AGPA");
      const record = { schema: 1, account, groupName, groupId, path, createdAtMs } as const;
      const group: StoredGroup = { ...record, inlinePolicies: {}, attachedPolicyArns: [] };
      await repository.createGroup(group);
      return group;
    },
    update: async (account, groupName, { path, groupName: newName }) => {
      const isOtherKey = newName !== undefined && newName.toLowerCase() !== groupName.toLowerCase();
      const changed = (group: StoredGroup): StoredGroup => ({
        ...group,
        path: path ?? group.path,
        groupName: newName ?? group.groupName,
      });
      if (!isOtherKey) return change(account, groupName, changed);
      // The id stays the same, by which its members know it: they are in it at every moment.
      await repository.createGroup(changed(get(account, groupName).record));
      await repository.deleteGroup(account, groupName, () => undefined);
    },
    remove: (account, groupName) =>
      repository.deleteGroup(account, groupName, (group) => {
        if (members(group).length > 0)
          throw deleteConflict("Cannot delete entity, must remove users from group first.");
        if (group.attachedPolicyArns.length > 0)
          throw deleteConflict("Cannot delete entity, must detach all policies first.");
        if (Object.keys(group.inlinePolicies).length > 0)
          throw deleteConflict("Cannot delete entity, must delete policies first.");
      }),
    putInlinePolicy: (account, groupName, policy) => {
      checkPolicyDocument(policy.document, "identity");
      const limit = { characters: INLINE_POLICY_CHARACTERS_MAX, of: `group ${groupName}` };
      return change(account, groupName, (group) => withInlinePolicy(group, policy, limit));
    },
    deleteInlinePolicy: (account, groupName, policyName) =>
      change(account, groupName, (group) =>
        withoutInlinePolicy(group, policyName, () => groupPolicyNotFound(policyName)),
      ),
    attach: (account, groupName, arn) => {
      checkAttachable(directory, account, arn);
      return change(account, groupName, (group) => withAttachedPolicy(group, arn, "PoliciesPerGroup"));
    },
    detach: (account, groupName, arn) =>
      change(account, groupName, (group) => withoutAttachedPolicy(group, arn)),
  };
}

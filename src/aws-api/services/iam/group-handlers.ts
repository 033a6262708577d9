import { groupArn } from "../../../core/iam-arn.ts";
import { iamDate } from "../../../core/iam-date.ts";
import type { Iam } from "../../../iam/iam.ts";
import type { StoredGroup } from "../../../iam/iam-records.ts";
import { iamPage } from "./iam-page.ts";
import type { IamHandlers } from "./role-handlers.ts";
import { userShape } from "./user-handlers.ts";

const groupShape = (group: StoredGroup) => ({
  Path: group.path,
  GroupName: group.groupName,
  GroupId: group.groupId,
  Arn: groupArn(group),
  CreateDate: iamDate(group.createdAtMs),
});

/** Groups themselves, and who is in them. */
export function groupHandlers({ groups, users, directory }: Iam): IamHandlers {
  return {
    CreateGroup: async (input, { account }) => {
      const { GroupName: groupName = "", Path: path = "/" } = input;
      return { Group: groupShape(await groups.create({ account, groupName, path })) };
    },
    GetGroup: (input, { account }) => {
      const { record } = groups.get(account, input.GroupName ?? "");
      const { items, paging } = iamPage(groups.members(record), (user) => user.record.userName, input);
      return { Group: groupShape(record), Users: items.map((user) => userShape(user.record)), ...paging };
    },
    ListGroups: (input, { account }) => {
      const prefix = input.PathPrefix ?? "/";
      const all = directory.groups(account).filter(({ record }) => record.path.startsWith(prefix));
      const { items, paging } = iamPage(all, ({ record }) => record.groupName, input);
      return { Groups: items.map(({ record }) => groupShape(record)), ...paging };
    },
    UpdateGroup: async (input, { account }) => {
      const change = { path: input.NewPath, groupName: input.NewGroupName };
      await groups.update(account, input.GroupName ?? "", change);
      return {};
    },
    DeleteGroup: async (input, { account }) => {
      await groups.remove(account, input.GroupName ?? "");
      return {};
    },
    AddUserToGroup: async (input, { account }) => {
      await users.addToGroup(account, input.UserName ?? "", input.GroupName ?? "");
      return {};
    },
    RemoveUserFromGroup: async (input, { account }) => {
      await users.removeFromGroup(account, input.UserName ?? "", input.GroupName ?? "");
      return {};
    },
    ListGroupsForUser: (input, { account }) => {
      const all = directory.groupsOf(users.get(account, input.UserName ?? "").record);
      const { items, paging } = iamPage(all, ({ record }) => record.groupName, input);
      return { Groups: items.map(({ record }) => groupShape(record)), ...paging };
    },
  };
}

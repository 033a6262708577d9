import { userArn } from "../../../core/iam-arn.ts";
import { iamDate } from "../../../core/iam-date.ts";
import type { Iam } from "../../../iam/iam.ts";
import { invalidInput } from "../../../iam/iam-errors.ts";
import type { StoredUser } from "../../../iam/iam-records.ts";
import type { RequestContext } from "../../protocol/handlers.ts";
import { iamPage } from "./iam-page.ts";
import { principalDetails, storedTags, tagsPage } from "./iam-shapes.ts";
import type { IamHandlers } from "./role-handlers.ts";

export const userShape = (user: StoredUser) => ({
  Path: user.path,
  UserName: user.userName,
  UserId: user.userId,
  Arn: userArn(user),
  CreateDate: iamDate(user.createdAtMs),
});

/** A user with what no listing has. */
const userDetailShape = (user: StoredUser) => ({ ...userShape(user), ...principalDetails(user) });

/** AWS: without a name the operation is about the caller; a role has no user, and the root user is none. */
export function ownUserName(given: string | undefined, { principal }: RequestContext): string | undefined {
  if (given !== undefined) return given;
  if (principal.type === "assumed-role")
    throw invalidInput("Must specify userName when calling with non-User credentials");
  return principal.type === "user" ? principal.userName : undefined;
}

/** Users themselves: made, read, changed, tagged, deleted. */
export function userHandlers({ users, directory }: Iam): IamHandlers {
  return {
    CreateUser: async (input, { account }) => {
      const user = await users.create({
        account,
        userName: input.UserName ?? "",
        path: input.Path ?? "/",
        tags: storedTags(input.Tags),
        permissionsBoundaryArn: input.PermissionsBoundary,
      });
      return { User: userDetailShape(user) };
    },
    GetUser: (input, context) => {
      const { account } = context;
      const userName = ownUserName(input.UserName, context);
      if (userName !== undefined) return { User: userDetailShape(users.get(account, userName).record) };
      // AWS: the root user has neither a name nor a path.
      const root = { UserId: account, Arn: `arn:aws:iam::${account}:root`, CreateDate: new Date(0) };
      return { User: { Path: "/", UserName: "root", ...root } };
    },
    UpdateUser: async (input, { account }) => {
      if (input.NewUserName !== undefined && input.NewUserName !== input.UserName)
        throw invalidInput("NewUserName is not supported by this version of Lambent.");
      if (input.NewPath !== undefined) await users.updatePath(account, input.UserName ?? "", input.NewPath);
      return {};
    },
    DeleteUser: async (input, { account }) => {
      await users.remove(account, input.UserName ?? "");
      return {};
    },
    ListUsers: (input, { account }) => {
      const prefix = input.PathPrefix ?? "/";
      const all = directory.users(account).filter(({ record }) => record.path.startsWith(prefix));
      const { items, paging } = iamPage(all, ({ record }) => record.userName, input);
      return { Users: items.map(({ record }) => userShape(record)), ...paging };
    },
    TagUser: async (input, { account }) => {
      await users.tag(account, input.UserName ?? "", storedTags(input.Tags));
      return {};
    },
    UntagUser: async (input, { account }) => {
      await users.untag(account, input.UserName ?? "", input.TagKeys ?? []);
      return {};
    },
    ListUserTags: (input, { account }) =>
      tagsPage(users.get(account, input.UserName ?? "").record.tags, input),
    PutUserPermissionsBoundary: async (input, { account }) => {
      await users.putBoundary(account, input.UserName ?? "", input.PermissionsBoundary ?? "");
      return {};
    },
    DeleteUserPermissionsBoundary: async (input, { account }) => {
      await users.deleteBoundary(account, input.UserName ?? "");
      return {};
    },
  };
}

import { iamDate } from "../../../core/iam-date.ts";
import type { Iam } from "../../../iam/iam.ts";
import { invalidInput } from "../../../iam/iam-errors.ts";
import type { StoredAccessKey } from "../../../iam/iam-records.ts";
import { iamPage } from "./iam-page.ts";
import type { IamHandlers } from "./role-handlers.ts";
import { ownUserName } from "./user-handlers.ts";

/** AWS: the root user's keys are listed under no name. */
const metadataShape = (key: StoredAccessKey) => ({
  ...(key.userName !== undefined && { UserName: key.userName }),
  AccessKeyId: key.accessKeyId,
  Status: key.status,
  CreateDate: iamDate(key.createdAtMs),
});

/** Long-term access keys of users and of the root user. */
export function accessKeyHandlers({ users, directory }: Iam): IamHandlers {
  return {
    CreateAccessKey: async (input, context) => {
      const key = await users.createAccessKey(context.account, ownUserName(input.UserName, context));
      return {
        AccessKey: {
          ...metadataShape(key),
          UserName: key.userName ?? "",
          SecretAccessKey: key.secretAccessKey,
        },
      };
    },
    UpdateAccessKey: async (input, context) => {
      const { Status: status } = input;
      if (status !== "Active" && status !== "Inactive")
        throw invalidInput(`The status ${String(status)} is not supported by this version of Lambent.`);
      const userName = ownUserName(input.UserName, context);
      const accessKeyId = input.AccessKeyId ?? "";
      await users.setAccessKeyStatus({ accessKeyId, account: context.account, userName }, status);
      return {};
    },
    DeleteAccessKey: async (input, context) => {
      const userName = ownUserName(input.UserName, context);
      await users.deleteAccessKey({
        accessKeyId: input.AccessKeyId ?? "",
        account: context.account,
        userName,
      });
      return {};
    },
    ListAccessKeys: (input, context) => {
      const userName = ownUserName(input.UserName, context);
      if (userName !== undefined) users.get(context.account, userName);
      const keys = [...directory.accessKeysOf(context.account, userName)];
      keys.sort((left, right) => (left.accessKeyId < right.accessKeyId ? -1 : 1));
      const { items, paging } = iamPage(keys, ({ accessKeyId }) => accessKeyId, input);
      return { AccessKeyMetadata: items.map(metadataShape), ...paging };
    },
  };
}

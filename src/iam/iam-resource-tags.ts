import type { IamDirectory } from "./iam-directory.ts";
import type { StoredTag } from "./iam-records.ts";

const ARN = /^arn:aws:iam::(\d{12}):(role|user|policy)\/(?:.*\/)?([^/]+)$/;

/** The tags of a role, user or managed policy by its ARN; undefined when there is none. */
export function iamResourceTags(
  directory: IamDirectory,
  arn: string,
): Readonly<Record<string, string>> | undefined {
  const [, account = "", kind, name = ""] = ARN.exec(arn) ?? [];
  const tags = tagsOf();
  return tags && Object.fromEntries(tags.map(({ key, value }) => [key, value]));

  function tagsOf(): readonly StoredTag[] | undefined {
    if (kind === "role") return directory.role(account, name)?.record.tags;
    if (kind === "user") return directory.user(account, name)?.record.tags;
    return kind === "policy" ? directory.policy(arn)?.record.tags : undefined;
  }
}

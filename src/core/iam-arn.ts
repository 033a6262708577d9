import type { Principal } from "./principal.ts";

/** arn:aws:iam::ACCOUNT:role/PATH/NAME taken apart. */
export interface RoleArn {
  readonly account: string;
  /** With leading and trailing slash. */
  readonly path: string;
  readonly roleName: string;
}

const ROLE_ARN = /^arn:aws[a-zA-Z-]*:iam::(\d{12}):role(\/(?:[\x21-\x7e]+\/)?)([\w+=,.@-]{1,64})$/;

/** `undefined` when the text is not the ARN of a role. */
export function parseRoleArn(text: string): RoleArn | undefined {
  const [, account, path, roleName] = ROLE_ARN.exec(text) ?? [];
  if (account === undefined || path === undefined || roleName === undefined) return undefined;
  return { account, path, roleName };
}

/** arn:aws:iam::ACCOUNT:role/PATH/NAME */
export function roleArn(role: RoleArn): string {
  return `arn:aws:iam::${role.account}:role${role.path}${role.roleName}`;
}

/** arn:aws:iam::ACCOUNT:policy/PATH/NAME; the account of AWS's own policies is "aws". */
export function policyArn(policy: { account: string; path: string; policyName: string }): string {
  return `arn:aws:iam::${policy.account}:policy${policy.path}${policy.policyName}`;
}

/** arn:aws:iam::ACCOUNT:user/PATH/NAME */
export function userArn(user: { account: string; path: string; userName: string }): string {
  return `arn:aws:iam::${user.account}:user${user.path}${user.userName}`;
}

/** arn:aws:iam::ACCOUNT:group/PATH/NAME */
export function groupArn(group: { account: string; path: string; groupName: string }): string {
  return `arn:aws:iam::${group.account}:group${group.path}${group.groupName}`;
}

/** The ARN by which AWS names a caller: of the root user, of a user, or of a role's session. */
export function principalArn(principal: Principal): string {
  switch (principal.type) {
    case "root":
      return `arn:aws:iam::${principal.account}:root`;
    case "user":
      return userArn(principal);
    case "assumed-role":
      return `arn:aws:sts::${principal.account}:assumed-role/${principal.roleName}/${principal.sessionName}`;
  }
}

/** `UserId` of GetCallerIdentity, and the condition key aws:userid. */
export function principalUserId(principal: Principal): string {
  switch (principal.type) {
    case "root":
      return principal.account;
    case "user":
      return principal.userId;
    case "assumed-role":
      return `${principal.roleId}:${principal.sessionName}`;
  }
}

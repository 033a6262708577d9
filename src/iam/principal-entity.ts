import { roleArn, userArn } from "../core/iam-arn.ts";
import type { PolicyDocument } from "../core/policy-document.ts";
import type { Principal, SessionPolicies } from "../core/principal.ts";
import type { IamDirectory } from "./iam-directory.ts";
import type { Role, StoredPrincipal, StoredTag } from "./iam-records.ts";
import { identityPolicies } from "./policy-holders.ts";
import { unknownRoleId } from "./session-credentials.ts";

export type RolePrincipal = Extract<Principal, { type: "assumed-role" }>;
export type UserPrincipal = Extract<Principal, { type: "user" }>;
/** Everybody whose permissions are said by policies. */
export type IdentityPrincipal = RolePrincipal | UserPrincipal;

/** The user or role behind a caller, as the evaluation of its requests needs it. */
export interface PrincipalEntity {
  readonly arn: string;
  /** The id of the user or role itself, not of the session. */
  readonly id: string;
  readonly tags: readonly StoredTag[];
  /** Its own, and for a user those of its groups. */
  readonly policies: readonly PolicyDocument[];
  /** The permissions boundary; one whose policy is gone allows nothing. */
  readonly boundary: PolicyDocument | undefined;
  /** What the session was limited to when it began; a policy that is gone allows nothing. */
  readonly sessionPolicies: readonly PolicyDocument[] | undefined;
}

const NOTHING: PolicyDocument = { version: "2012-10-17", statements: [] };

/** Whether the user or role of a session is still there: one of the same name that was made since is another. */
export function isStillThere(directory: IamDirectory, principal: Principal): boolean {
  if (principal.type === "root") return true;
  if (principal.type === "assumed-role") return sessionRole(directory, principal) !== undefined;
  return directory.user(principal.account, principal.userName)?.record.userId === principal.userId;
}

/** Undefined for a user or role that does not exist (any more): it is allowed nothing. */
export function principalEntity(
  directory: IamDirectory,
  principal: IdentityPrincipal,
): PrincipalEntity | undefined {
  if (principal.type === "user") {
    const user = directory.user(principal.account, principal.userName);
    if (user?.record.userId !== principal.userId) return undefined;
    const { userId, tags } = user.record;
    const ofGroups = directory.groupsOf(user.record).flatMap((group) => identityPolicies(directory, group));
    return {
      arn: userArn(user.record),
      id: userId,
      tags,
      policies: [...identityPolicies(directory, user), ...ofGroups],
      boundary: boundaryOf(directory, user.record),
      sessionPolicies: undefined,
    };
  }
  const role = sessionRole(directory, principal);
  if (role === undefined) return undefined;
  const { roleId, tags } = role.record;
  return {
    arn: roleArn(role.record),
    id: roleId,
    tags,
    policies: identityPolicies(directory, role),
    boundary: boundaryOf(directory, role.record),
    sessionPolicies: sessionDocuments(directory, principal.sessionPolicies),
  };
}

function boundaryOf(
  directory: IamDirectory,
  { permissionsBoundaryArn: arn }: StoredPrincipal,
): PolicyDocument | undefined {
  return arn === undefined ? undefined : (directory.policy(arn)?.document ?? NOTHING);
}

function sessionDocuments(
  directory: IamDirectory,
  policies: SessionPolicies | undefined,
): PolicyDocument[] | undefined {
  if (policies === undefined) return undefined;
  const managed = policies.policyArns.map((arn) => directory.policy(arn)?.document ?? NOTHING);
  return policies.inline === undefined ? managed : [policies.inline, ...managed];
}

/**
 * The role of a session. A session of a role that was deleted since, and made again under its name, has no role; one
 * issued before its role was made is accepted.
 */
function sessionRole(directory: IamDirectory, principal: RolePrincipal): Role | undefined {
  const role = directory.role(principal.account, principal.roleName);
  const madeUpId = unknownRoleId(principal.account, principal.roleName);
  return role?.record.roleId === principal.roleId || principal.roleId === madeUpId ? role : undefined;
}

import { AwsError, accessDenied } from "../core/errors.ts";
import { principalArn, principalUserId, roleArn } from "../core/iam-arn.ts";
import type { PolicyDocument } from "../core/policy-document.ts";
import { evaluatePolicies, type PolicyVerdict, type RequestContextKeys } from "../core/policy-evaluation.ts";
import type { Principal } from "../core/principal.ts";
import { type RequiredPermission, requiredPermissions } from "../core/request-actions.ts";
import type { IamDirectory } from "./iam-directory.ts";
import { iamAccessDenied } from "./iam-errors.ts";
import type { Role } from "./iam-records.ts";
import { unknownRoleId } from "./session-credentials.ts";

export type RolePrincipal = Extract<Principal, { type: "assumed-role" }>;

/** A call made with the credentials of a role. */
export interface RoleCall {
  readonly principal: RolePrincipal;
  /** Signing name of the service that is called. */
  readonly service: string;
  readonly operation: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly region: string;
  /** Epoch milliseconds, for conditions on the date. */
  readonly nowMs: number;
  /** Further condition keys, such as lambda:SourceFunctionArn. */
  readonly context?: Readonly<Record<string, string>>;
}

/**
 * Decides whether a role may make a call, by its inline and attached policies. Returns when it may; otherwise throws
 * AccessDenied in the called service's form, with AWS's text.
 */
export function authorizeRole(directory: IamDirectory, call: RoleCall): void {
  const { principal } = call;
  const input = withRolePath(directory, call);
  const permissions = requiredPermissions({ ...call, input, account: principal.account });
  if (permissions.length === 0) return;
  const role = sessionRole(directory, principal);
  for (const permission of permissions) {
    const context = contextKeys(call, role, permission);
    const verdict = rolePolicyVerdict(directory, role, permission, context);
    if (verdict !== "allowed") throw denied(call, permission, verdict);
  }
}

/** The verdict of a role's identity policies; a role that does not exist is allowed nothing. */
export function rolePolicyVerdict(
  directory: IamDirectory,
  role: Role | undefined,
  permission: RequiredPermission,
  context: RequestContextKeys,
): PolicyVerdict {
  if (role === undefined) return "implicitly-denied";
  return evaluatePolicies(identityPolicies(directory, role), { ...permission, context });
}

/**
 * The role of a session. A session of a role that was deleted since, and made again under its name, has no role; one
 * issued before its role was made is accepted.
 */
export function sessionRole(directory: IamDirectory, principal: RolePrincipal): Role | undefined {
  const role = directory.role(principal.account, principal.roleName);
  const madeUpId = unknownRoleId(principal.account, principal.roleName);
  return role?.record.roleId === principal.roleId || principal.roleId === madeUpId ? role : undefined;
}

function identityPolicies(directory: IamDirectory, role: Role): PolicyDocument[] {
  const attached = role.record.attachedPolicyArns.map((arn) => directory.policy(arn)?.document);
  return [...role.inline, ...attached.filter((document) => document !== undefined)];
}

/** Operations on a role name it without its path, which is part of the ARN. */
function withRolePath(directory: IamDirectory, call: RoleCall): Readonly<Record<string, unknown>> {
  const roleName = call.input.RoleName;
  if (call.service !== "iam" || call.operation === "CreateRole" || typeof roleName !== "string")
    return call.input;
  const path = directory.role(call.principal.account, roleName)?.record.path;
  return path === undefined ? call.input : { ...call.input, Path: path };
}

/** The global condition keys known here, see "AWS global condition context keys". */
export function principalContext(
  principal: RolePrincipal,
  role: Role | undefined,
  request: { region: string; nowMs: number },
): Map<string, readonly string[]> {
  const { account, roleName } = principal;
  const keys = new Map<string, readonly string[]>([
    [
      "aws:principalarn",
      [role === undefined ? roleArn({ account, path: "/", roleName }) : roleArn(role.record)],
    ],
    ["aws:principalaccount", [account]],
    ["aws:principaltype", ["AssumedRole"]],
    ["aws:userid", [principalUserId(principal)]],
    ["aws:requestedregion", [request.region]],
    ["aws:currenttime", [new Date(request.nowMs).toISOString()]],
    ["aws:epochtime", [String(Math.floor(request.nowMs / 1000))]],
    ["aws:securetransport", ["false"]],
  ]);
  for (const { key, value } of role?.record.tags ?? []) {
    keys.set(`aws:principaltag/${key.toLowerCase()}`, [value]);
  }
  return keys;
}

function contextKeys(
  call: RoleCall,
  role: Role | undefined,
  permission: RequiredPermission,
): RequestContextKeys {
  const keys = principalContext(call.principal, role, call);
  for (const [key, value] of Object.entries({ ...call.context, ...permission.context })) {
    keys.set(key.toLowerCase(), [value]);
  }
  return keys;
}

function denied(call: RoleCall, permission: RequiredPermission, verdict: PolicyVerdict): AwsError {
  const reason =
    verdict === "explicitly-denied"
      ? "with an explicit deny in an identity-based policy"
      : `because no identity-based policy allows the ${permission.action} action`;
  const message =
    `User: ${principalArn(call.principal)} is not authorized to perform: ${permission.action} ` +
    `on resource: ${permission.resources[0] ?? "*"} ${reason}`;
  if (call.service === "iam" || call.service === "sts") return iamAccessDenied(message);
  // AWS: the JSON protocols answer every refusal of the caller with 400.
  return call.service === "logs"
    ? new AwsError("AccessDeniedException", message, 400)
    : accessDenied(message);
}

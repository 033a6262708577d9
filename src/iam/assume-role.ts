import { AwsError } from "../core/errors.ts";
import { parseRoleArn, principalArn, roleArn } from "../core/iam-arn.ts";
import type { PolicyPrincipals } from "../core/policy-document.ts";
import { evaluatePolicies } from "../core/policy-evaluation.ts";
import type { Principal } from "../core/principal.ts";
import type { Clock } from "../ports/clock.ts";
import { identityVerdict, limitOf, principalContext, principalNames } from "./authorize.ts";
import type { IamDirectory } from "./iam-directory.ts";
import { iamAccessDenied } from "./iam-errors.ts";
import type { Role } from "./iam-records.ts";
import { checkAttachable, checkPolicyDocument } from "./policy-holders.ts";
import { type PrincipalEntity, principalEntity } from "./principal-entity.ts";
import type { GivenSessionPolicies, IssuedCredentials, SessionCredentials } from "./session-credentials.ts";

export interface AssumeRoleRequest {
  readonly principal: Principal;
  readonly roleArn: string;
  readonly sessionName: string;
  readonly durationSeconds: number | undefined;
  readonly externalId: string | undefined;
  readonly region: string;
  readonly policies?: GivenSessionPolicies | undefined;
}

export interface AssumedRole {
  readonly credentials: IssuedCredentials;
  /** AROA…:SESSION */
  readonly assumedRoleId: string;
  /** arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION */
  readonly arn: string;
  /** How much of what session policies may take they do, in percent; undefined without any. */
  readonly packedPolicySize: number | undefined;
}

/** AWS: of the plain text of all session policies together ("IAM and AWS STS quotas"). */
const SESSION_POLICY_CHARACTERS_MAX = 2048;
const DEFAULT_DURATION_SECONDS = 3600;
/** "Role chaining limits your session to a maximum of one hour." */
const CHAINED_DURATION_SECONDS_MAX = 3600;

/**
 * Gives out credentials of another role when its trust policy and the caller's own policies agree. Throws AccessDenied
 * when they do not, or when there is no such role, and ValidationError for durations out of bounds.
 */
export function assumeRole(
  deps: { directory: IamDirectory; credentials: SessionCredentials; clock: Clock },
  request: AssumeRoleRequest,
): AssumedRole {
  const target = parseRoleArn(request.roleArn);
  const role = target && deps.directory.role(target.account, target.roleName);
  if (role === undefined || roleArn(role.record) !== request.roleArn) throw denied(request);
  if (!mayAssume(deps, request, role)) throw denied(request);
  const seconds = sessionSeconds(request, role);
  const packedPolicySize = request.policies && checkSessionPolicies(deps.directory, role, request.policies);
  const { account, roleName, roleId } = role.record;
  const { sessionName } = request;
  const principal: Principal = { type: "assumed-role", account, roleName, roleId, sessionName };
  return {
    credentials: deps.credentials.issue(
      { account, roleArn: request.roleArn, sessionName, policies: request.policies },
      seconds * 1000,
    ),
    assumedRoleId: `${roleId}:${sessionName}`,
    arn: principalArn(principal),
    packedPolicySize,
  };
}

/** Throws MalformedPolicyDocument and PackedPolicyTooLarge; answers the size in percent. */
function checkSessionPolicies(
  directory: IamDirectory,
  role: Role,
  { inline, policyArns }: GivenSessionPolicies,
): number {
  if (inline !== undefined) checkPolicyDocument(inline, "identity");
  for (const arn of policyArns) checkAttachable(directory, role.record.account, arn);
  const characters = (inline?.length ?? 0) + policyArns.reduce((sum, arn) => sum + arn.length, 0);
  const percent = Math.ceil((characters * 100) / SESSION_POLICY_CHARACTERS_MAX);
  if (percent > 100)
    throw new AwsError(
      "PackedPolicyTooLarge",
      `Packed policy consumes ${percent}% of allotted space, please use smaller policy.`,
      400,
    );
  return percent;
}

function sessionSeconds(request: AssumeRoleRequest, role: Role): number {
  const seconds = request.durationSeconds ?? DEFAULT_DURATION_SECONDS;
  if (request.principal.type === "assumed-role" && seconds > CHAINED_DURATION_SECONDS_MAX) {
    throw validationError(
      "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
    );
  }
  if (seconds > role.record.maxSessionDurationSeconds) {
    throw validationError("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.");
  }
  return seconds;
}

const validationError = (message: string): AwsError => new AwsError("ValidationError", message, 400);

/**
 * A trust policy that names the caller itself is enough within an account; one that names the caller's account hands
 * the decision to that account's policies. Root stands for an administrator here, whose policies allow everything.
 */
function mayAssume(
  deps: { directory: IamDirectory; clock: Clock },
  request: AssumeRoleRequest,
  role: Role,
): boolean {
  const { principal } = request;
  const caller = principal.type === "root" ? undefined : principalEntity(deps.directory, principal);
  const context = callerContext(deps, request, caller);
  const trusts = (names: readonly string[]): ReturnType<typeof evaluatePolicies> => {
    const principals: PolicyPrincipals = { AWS: names };
    return evaluatePolicies([role.trust], {
      action: "sts:AssumeRole",
      resources: ["*"],
      context,
      principals,
    });
  };
  const names = principalNames(principal, caller);
  if (trusts([...names.account, ...names.own]) !== "allowed") return false;
  if (principal.type === "root") return true;
  const permission = { action: "sts:AssumeRole", resources: [request.roleArn], context };
  const verdict = identityVerdict(caller, permission);
  if (verdict === "explicitly-denied") return false;
  if (verdict === "allowed") return true;
  if (trusts(names.own) !== "allowed" || principal.account !== role.record.account) return false;
  return limitOf(caller, permission) === undefined || trusts([principalArn(principal)]) === "allowed";
}

function callerContext(
  deps: { clock: Clock },
  request: AssumeRoleRequest,
  caller: PrincipalEntity | undefined,
): Map<string, readonly string[]> {
  const { region } = request;
  const keys = principalContext(request.principal, caller, { region, nowMs: deps.clock.nowMs() });
  keys.set("sts:rolesessionname", [request.sessionName]);
  if (request.externalId !== undefined) keys.set("sts:externalid", [request.externalId]);
  return keys;
}

function denied(request: AssumeRoleRequest): AwsError {
  return iamAccessDenied(
    `User: ${principalArn(request.principal)} is not authorized to perform: sts:AssumeRole on resource: ${request.roleArn}`,
  );
}

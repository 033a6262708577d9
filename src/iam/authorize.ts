import { AwsError, accessDenied } from "../core/errors.ts";
import { principalArn, principalUserId, roleArn } from "../core/iam-arn.ts";
import type { PolicyDocument } from "../core/policy-document.ts";
import {
  evaluatePolicies,
  type PolicyRequest,
  type PolicyVerdict,
  type RequestContextKeys,
} from "../core/policy-evaluation.ts";
import type { Principal } from "../core/principal.ts";
import { type RequiredPermission, requiredPermissions } from "../core/request-actions.ts";
import { requestTagContext } from "../core/request-tags.ts";
import type { IamDirectory } from "./iam-directory.ts";
import { iamAccessDenied } from "./iam-errors.ts";
import type { StoredGroup, StoredRole, StoredUser } from "./iam-records.ts";
import { iamResourceTags } from "./iam-resource-tags.ts";
import { type PrincipalEntity, principalEntity } from "./principal-entity.ts";

/** A policy that stands on a resource instead of on a caller. */
export interface ResourcePolicy {
  /** Of the resource. */
  readonly account: string;
  /** Undefined: the resource has none. */
  readonly document: PolicyDocument | undefined;
}

/** Finds the policy of a resource; undefined for resources that cannot have one. */
export type ResourcePolicies = (service: string, resource: string) => ResourcePolicy | undefined;

/** Finds the tags of a resource; undefined for resources that have none. */
export type ResourceTags = (
  service: string,
  resource: string,
) => Readonly<Record<string, string>> | undefined;

/** A call made by a user, with the credentials of a role, or by the root of an account on what is another's. */
export interface IdentityCall {
  readonly principal: Principal;
  /** Signing name of the service that is called. */
  readonly service: string;
  readonly operation: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly region: string;
  /** Epoch milliseconds, for conditions on the date. */
  readonly nowMs: number;
  /** Address that the call came from; undefined when it came from inside Lambent. */
  readonly sourceIp?: string | undefined;
  /** Further condition keys, such as lambda:FunctionArn. */
  readonly context?: Readonly<Record<string, string>>;
  readonly resourcePolicies?: ResourcePolicies;
  readonly resourceTags?: ResourceTags;
}

/** What became of one permission; the reason stands in the error's text. */
type Decision =
  | "allowed"
  | "denied by identity"
  | "denied by boundary"
  | "denied by session"
  | "denied by resource"
  | "not allowed"
  | "not within boundary"
  | "not within session"
  | "not allowed there";

/**
 * Decides whether a user or role may make a call, by its inline and attached policies together with the policy of
 * the resource. Returns when it may; otherwise throws AccessDenied in the called service's form, with AWS's text.
 */
export function authorize(directory: IamDirectory, call: IdentityCall): void {
  const { principal } = call;
  const input = withPath(directory, call);
  const permissions = requiredPermissions({ ...call, input, account: principal.account });
  if (permissions.length === 0) return;
  const entity = principal.type === "root" ? undefined : principalEntity(directory, principal);
  for (const permission of permissions) {
    const resource = permission.resources[0] ?? "*";
    const tags =
      call.service === "iam"
        ? iamResourceTags(directory, resource)
        : call.resourceTags?.(call.service, resource);
    const context = contextKeys(call, entity, permission, tags);
    const decision = decide(call, entity, { ...permission, context });
    if (decision !== "allowed") throw denied(call, permission, decision);
  }
}

/**
 * "Policy evaluation logic": an explicit deny wins; within an account either policy may allow, and across accounts
 * both must. Permissions boundaries and session policies limit what identity policies allow, and what a resource's policy
 * allows to a role; a user or a session that is named there itself may do it all the same.
 */
function decide(call: IdentityCall, entity: PrincipalEntity | undefined, request: PolicyRequest): Decision {
  const { principal } = call;
  const identity = principal.type === "root" ? "allowed" : evaluatePolicies(entity?.policies ?? [], request);
  if (identity === "explicitly-denied") return "denied by identity";
  const limit = limitOf(entity, request);
  if (limit?.startsWith("denied")) return limit;
  const resource = resourceVerdict(call, entity, request);
  if (resource.verdict === "explicitly-denied") return "denied by resource";
  const allowsResource = resource.verdict === "allowed";
  if (!resource.isOwn) return acrossAccounts(identity === "allowed", limit, allowsResource);
  if (resource.namesCaller) return "allowed";
  return identity === "allowed" || allowsResource ? (limit ?? "allowed") : "not allowed";
}

/** What the policy of the resource says to this caller. */
interface ResourceVerdict {
  /** The resource is the caller's account's. */
  readonly isOwn: boolean;
  readonly verdict: PolicyVerdict;
  /** It allows by naming the user, or the session. */
  readonly namesCaller: boolean;
}

function resourceVerdict(
  call: IdentityCall,
  entity: PrincipalEntity | undefined,
  request: PolicyRequest,
): ResourceVerdict {
  const policy = call.resourcePolicies?.(call.service, request.resources[0] ?? "*");
  const isOwn = policy === undefined || policy.account === call.principal.account;
  if (policy?.document === undefined) return { isOwn, verdict: "implicitly-denied", namesCaller: false };
  const documents = [policy.document];
  const names = principalNames(call.principal, entity);
  const everyName = { AWS: [...names.own, ...names.account] };
  const asEverybody = evaluatePolicies(documents, { ...request, principals: everyName });
  if (!isOwn || asEverybody === "explicitly-denied")
    return { isOwn, verdict: asEverybody, namesCaller: false };
  // The account's name in a policy of its own resource hands the decision to the account's identity policies.
  const verdict = evaluatePolicies(documents, { ...request, principals: { AWS: names.own } });
  const namesCaller = verdict === "allowed" && isNamedItself(call.principal, documents, request);
  return { isOwn, verdict, namesCaller };
}

function acrossAccounts(
  allowsIdentity: boolean,
  limit: Limit | undefined,
  allowsResource: boolean,
): Decision {
  if (!allowsIdentity) return "not allowed";
  return limit ?? (allowsResource ? "allowed" : "not allowed there");
}

type Limit = "denied by boundary" | "denied by session" | "not within boundary" | "not within session";

/** What boundary and session policies have against a request. */
export function limitOf(entity: PrincipalEntity | undefined, request: PolicyRequest): Limit | undefined {
  const boundary = entity?.boundary && evaluatePolicies([entity.boundary], request);
  if (boundary === "explicitly-denied") return "denied by boundary";
  const session = entity?.sessionPolicies && evaluatePolicies(entity.sessionPolicies, request);
  if (session === "explicitly-denied") return "denied by session";
  if (boundary === "implicitly-denied") return "not within boundary";
  return session === "implicitly-denied" ? "not within session" : undefined;
}

/** AWS: a user, or a role's session, that a policy on a resource names gets what it says without any limit. */
function isNamedItself(
  principal: Principal,
  documents: readonly PolicyDocument[],
  request: PolicyRequest,
): boolean {
  if (principal.type !== "assumed-role") return true;
  const named = documents.map((document) => ({
    ...document,
    statements: document.statements.filter(
      ({ principals }) => principals !== undefined && principals.AWS?.includes("*") !== true,
    ),
  }));
  return (
    evaluatePolicies(named, { ...request, principals: { AWS: [principalArn(principal)] } }) === "allowed"
  );
}

/** The names by which policies call a caller itself, and its account. */
export function principalNames(
  principal: Principal,
  entity: PrincipalEntity | undefined,
): { readonly own: readonly string[]; readonly account: readonly string[] } {
  const { account } = principal;
  const own = [principalArn(principal), ...(entity === undefined ? [] : [entity.arn, entity.id])];
  return { own, account: [account, `arn:aws:iam::${account}:root`] };
}

/**
 * The verdict of all that is said about a caller itself: its policies, its permissions boundary and its session's. Who
 * does not exist is allowed nothing.
 */
export function identityVerdict(entity: PrincipalEntity | undefined, request: PolicyRequest): PolicyVerdict {
  const verdict = evaluatePolicies(entity?.policies ?? [], request);
  const limit = limitOf(entity, request);
  if (verdict === "explicitly-denied" || limit === undefined) return verdict;
  return limit.startsWith("denied") ? "explicitly-denied" : "implicitly-denied";
}

/**
 * Operations on a role, user or group name it without its path, which is part of the ARN, without its boundary, in letters
 * of either case, and, where it is the caller, not at all.
 */
function withPath(directory: IamDirectory, call: IdentityCall): Readonly<Record<string, unknown>> {
  const { service, operation, principal } = call;
  if (service !== "iam" || CREATIONS.has(operation)) return call.input;
  const isAboutCaller =
    principal.type === "user" && ABOUT_CALLER.has(operation) && call.input.UserName === undefined;
  const input = isAboutCaller ? { ...call.input, UserName: principal.userName } : call.input;
  const record = namedRecord(directory, principal.account, input);
  if (record === undefined) return input;
  const boundary = "permissionsBoundaryArn" in record ? record.permissionsBoundaryArn : undefined;
  // Putting a boundary is about the one that is put.
  return { PermissionsBoundary: boundary, ...input, ...nameOf(record), Path: record.path };
}

/** The member that names it, as it was named when it was made. */
function nameOf(record: StoredRole | StoredUser | StoredGroup): Readonly<Record<string, string>> {
  if ("groupName" in record) return { GroupName: record.groupName };
  return "roleName" in record ? { RoleName: record.roleName } : { UserName: record.userName };
}

/** AWS: "If you do not specify a user name, IAM determines the user name implicitly". */
const ABOUT_CALLER: ReadonlySet<string> = new Set([
  "GetUser",
  "GetLoginProfile",
  "DeleteLoginProfile",
  "CreateAccessKey",
  "UpdateAccessKey",
  "DeleteAccessKey",
  "ListAccessKeys",
  "ListMFADevices",
  "ListSigningCertificates",
  "ListServiceSpecificCredentials",
  "ListSSHPublicKeys",
]);

const CREATIONS: ReadonlySet<string> = new Set(["CreateRole", "CreateUser", "CreateGroup"]);

function namedRecord(
  directory: IamDirectory,
  account: string,
  { GroupName: groupName, RoleName: roleName, UserName: userName }: Readonly<Record<string, unknown>>,
): StoredRole | StoredUser | StoredGroup | undefined {
  if (typeof groupName === "string") return directory.group(account, groupName)?.record;
  if (typeof roleName === "string") return directory.role(account, roleName)?.record;
  return typeof userName === "string" ? directory.user(account, userName)?.record : undefined;
}

const PRINCIPAL_TYPES = { root: "Account", user: "User", "assumed-role": "AssumedRole" } as const;

/** The global condition keys known here, see "AWS global condition context keys". */
export function principalContext(
  principal: Principal,
  entity: PrincipalEntity | undefined,
  request: { readonly region: string; readonly nowMs: number; readonly sourceIp?: string | undefined },
): Map<string, readonly string[]> {
  const keys = new Map<string, readonly string[]>([
    ["aws:principalarn", [entity?.arn ?? nameOfUnknown(principal)]],
    ["aws:principalaccount", [principal.account]],
    ["aws:principaltype", [PRINCIPAL_TYPES[principal.type]]],
    ["aws:userid", [principalUserId(principal)]],
    ["aws:requestedregion", [request.region]],
    ["aws:currenttime", [new Date(request.nowMs).toISOString()]],
    ["aws:epochtime", [String(Math.floor(request.nowMs / 1000))]],
    ["aws:securetransport", ["false"]],
  ]);
  if (principal.type === "assumed-role" && principal.sourceFunctionArn !== undefined)
    keys.set("lambda:sourcefunctionarn", [principal.sourceFunctionArn]);
  if (principal.type === "user") keys.set("aws:username", [principal.userName]);
  if (request.sourceIp !== undefined) keys.set("aws:sourceip", [request.sourceIp]);
  for (const { key, value } of entity?.tags ?? []) keys.set(`aws:principaltag/${key.toLowerCase()}`, [value]);
  return keys;
}

function nameOfUnknown(principal: Principal): string {
  return principal.type === "assumed-role"
    ? roleArn({ account: principal.account, path: "/", roleName: principal.roleName })
    : principalArn(principal);
}

function contextKeys(
  call: IdentityCall,
  entity: PrincipalEntity | undefined,
  permission: RequiredPermission,
  resourceTags: Readonly<Record<string, string>> = {},
): RequestContextKeys {
  const keys = principalContext(call.principal, entity, call);
  const given = { ...requestTagContext(call.input), ...call.context, ...permission.context };
  for (const [key, value] of Object.entries(given))
    keys.set(key.toLowerCase(), typeof value === "string" ? [value] : value);
  for (const [key, value] of Object.entries(resourceTags))
    keys.set(`aws:resourcetag/${key.toLowerCase()}`, [value]);
  return keys;
}

function reasonFor(decision: Exclude<Decision, "allowed">, action: string): string {
  switch (decision) {
    case "denied by identity":
      return "with an explicit deny in an identity-based policy";
    case "denied by boundary":
      return "with an explicit deny in a permissions boundary";
    case "denied by session":
      return "with an explicit deny in a session policy";
    case "denied by resource":
      return "with an explicit deny in a resource-based policy";
    case "not allowed":
      return `because no identity-based policy allows the ${action} action`;
    case "not within boundary":
      return `because no permissions boundary allows the ${action} action`;
    case "not within session":
      return `because no session policy allows the ${action} action`;
    case "not allowed there":
      return `because no resource-based policy allows the ${action} action`;
  }
}

/** AWS: the JSON protocols that name the operation in a header answer every refusal of the caller with 400. */
const REFUSED_WITH_403: ReadonlySet<string> = new Set(["lambda", "scheduler"]);
const QUERY_SERVICES: ReadonlySet<string> = new Set(["iam", "sts", "sns", "sqs", "monitoring", "s3"]);

function denied(
  call: IdentityCall,
  permission: RequiredPermission,
  decision: Exclude<Decision, "allowed">,
): AwsError {
  const message =
    `User: ${principalArn(call.principal)} is not authorized to perform: ${permission.action} ` +
    `on resource: ${permission.resources[0] ?? "*"} ${reasonFor(decision, permission.action)}`;
  if (QUERY_SERVICES.has(call.service)) return iamAccessDenied(message);
  return REFUSED_WITH_403.has(call.service)
    ? accessDenied(message)
    : new AwsError("AccessDeniedException", message, 400);
}

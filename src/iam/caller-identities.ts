import { parseRoleArn } from "../core/iam-arn.ts";
import type { Principal } from "../core/principal.ts";
import type { Clock } from "../ports/clock.ts";
import { authorizeRole } from "./authorize-role.ts";
import type { IamDirectory } from "./iam-directory.ts";
import { type IssuedCredentials, type SessionCredentials, unknownRoleId } from "./session-credentials.ts";

/** A function as a caller of the AWS API. */
export interface FunctionIdentity {
  readonly account: string;
  readonly region: string;
  readonly roleArn: string;
  readonly functionName: string;
}

/**
 * AWS: credentials of an execution environment live longer than the environment itself; ours are recycled long before.
 */
const CREDENTIALS_LIFETIME_MS = 12 * 60 * 60 * 1000;

/**
 * Says who makes a request. A connection from inside an execution environment is its function's role, whatever
 * credentials the request claims; every other one is who its access key says, as signatures are not required.
 */
export class CallerIdentities {
  readonly #credentials: SessionCredentials;
  readonly #directory: IamDirectory;
  readonly #clock: Clock;
  readonly #defaultRegion: string;
  readonly #functions = new WeakMap<object, FunctionIdentity>();

  constructor(dependencies: {
    readonly credentials: SessionCredentials;
    readonly directory: IamDirectory;
    readonly clock: Clock;
    /** Of requests that name none. */
    readonly defaultRegion: string;
  }) {
    this.#credentials = dependencies.credentials;
    this.#directory = dependencies.directory;
    this.#clock = dependencies.clock;
    this.#defaultRegion = dependencies.defaultRegion;
  }

  /** Temporary credentials for an environment of a function; the session is named after it, as AWS does. */
  issueForFunction(identity: FunctionIdentity): IssuedCredentials {
    const { account, roleArn, functionName } = identity;
    return this.#credentials.issue({ account, roleArn, sessionName: functionName }, CREDENTIALS_LIFETIME_MS);
  }

  /** Everything on this connection comes from inside an environment of the function. */
  comesFromFunction(connection: object, identity: FunctionIdentity): void {
    this.#functions.set(connection, identity);
  }

  identify(request: {
    readonly accessKeyId: string | undefined;
    readonly sessionToken: string | undefined;
    readonly region: string | undefined;
    readonly connection: object;
  }): { account: string; region: string; principal: Principal } {
    const caller = this.#functions.get(request.connection);
    if (caller !== undefined) {
      const principal = this.#rolePrincipal(caller);
      return { account: principal.account, region: request.region ?? caller.region, principal };
    }
    const principal = this.#credentials.principalFor(request);
    return { account: principal.account, region: request.region ?? this.#defaultRegion, principal };
  }

  /** Throws AccessDenied when the caller is a role that may not do this. */
  authorize(call: {
    readonly service: string;
    readonly operation: string;
    readonly input: Readonly<Record<string, unknown>>;
    readonly context: { readonly principal: Principal; readonly region: string };
  }): void {
    const { principal, region } = call.context;
    if (principal.type === "root") return;
    const { service, operation, input } = call;
    authorizeRole(this.#directory, {
      principal,
      service,
      operation,
      input,
      region,
      nowMs: this.#clock.nowMs(),
    });
  }

  #rolePrincipal({
    account,
    roleArn,
    functionName,
  }: FunctionIdentity): Extract<Principal, { type: "assumed-role" }> {
    const roleName = parseRoleArn(roleArn)?.roleName ?? "";
    const roleId = this.#directory.role(account, roleName)?.record.roleId ?? unknownRoleId(account, roleName);
    return { type: "assumed-role", account, roleName, roleId, sessionName: functionName };
  }
}

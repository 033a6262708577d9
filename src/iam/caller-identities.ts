import { functionArn } from "../core/arn.ts";
import { AwsError } from "../core/errors.ts";
import { foreignAccount } from "../core/function-reference.ts";
import { parseRoleArn } from "../core/iam-arn.ts";
import type { PolicyDocument } from "../core/policy-document.ts";
import type { Principal } from "../core/principal.ts";
import type { Clock } from "../ports/clock.ts";
import { authorize, type ResourcePolicies, type ResourceTags } from "./authorize.ts";
import type { IamDirectory } from "./iam-directory.ts";
import { isStillThere, principalEntity, type RolePrincipal } from "./principal-entity.ts";
import { type IssuedCredentials, type SessionCredentials, unknownRoleId } from "./session-credentials.ts";
import type { ChunkVerifier } from "./signatures/chunk-signatures.ts";
import { signatureError } from "./signatures/signature-errors.ts";
import { type SignatureClaim, SignatureRefused, type SignedRequest } from "./signatures/signed-request.ts";
import { SigningKeys } from "./signatures/signing-keys.ts";
import { verifySignature } from "./signatures/verify-signature.ts";

/** A function as a caller of the AWS API. */
export interface FunctionIdentity {
  readonly account: string;
  readonly region: string;
  readonly roleArn: string;
  readonly functionName: string;
}

/** `open`: signatures are not required and nobody but roles is limited. `enforced`: as on AWS. */
export type AuthenticationMode = "open" | "enforced";

/** A request as far as it matters who makes it. */
export interface IdentityRequest {
  readonly accessKeyId: string | undefined;
  readonly sessionToken: string | undefined;
  readonly region: string | undefined;
  readonly signingName: string | undefined;
  readonly connection: object;
  readonly signed: SignedRequest;
}

/** Who makes a request. `checkBody`, when it is there, is to be called with the body and throws when it was changed. */
export interface CallerIdentity {
  readonly account: string;
  readonly region: string;
  readonly principal: Principal;
  readonly checkBody?: ((body: Uint8Array) => void) | undefined;
  /** For a body that is signed in pieces; its methods throw for a piece that was changed. */
  readonly chunkSignatures?: Pick<ChunkVerifier, keyof ChunkVerifier> | undefined;
}

/** A credential as requests name it. */
export interface LeasedCredential {
  readonly accessKeyId: string | undefined;
  readonly sessionToken: string | undefined;
  readonly region: string | undefined;
  /** YYYYMMDD */
  readonly scopeDate: string | undefined;
  readonly service: string | undefined;
}

export interface LeasedIdentity {
  readonly region: string;
  readonly principal: Principal;
  /** Epoch milliseconds; undefined: it does not expire. */
  readonly untilMs: number | undefined;
  /** base64; absent where signatures are not required. */
  readonly signingKey?: string;
}

/**
 * AWS: credentials of an execution environment live longer than the environment itself; ours are recycled long before.
 */
const CREDENTIALS_LIFETIME_MS = 12 * 60 * 60 * 1000;

/** It stands between colons in ARNs, and between slashes in the store's keys. */
const REGION = /^[\w-]{1,64}$/;
const NO_REGION = { kind: "incomplete", detail: "Credential should be scoped to a valid region." } as const;

interface Dependencies {
  readonly credentials: SessionCredentials;
  readonly directory: IamDirectory;
  readonly clock: Clock;
  readonly mode: AuthenticationMode;
  /** Of requests that name none. */
  readonly defaultRegion: string;
  readonly resourcePolicies?: ResourcePolicies;
  readonly resourceTags?: ResourceTags;
}

/**
 * Says who makes a request. In `enforced` mode that is whoever signed it. In `open` mode a connection from inside an
 * execution environment is its function's role, or the session whose credentials signed the request; every other
 * caller is who its access key says, as signatures are not required.
 */
export class CallerIdentities {
  readonly #dependencies: Dependencies;
  readonly #functions = new WeakMap<object, FunctionIdentity>();
  readonly #keys = new SigningKeys();

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
  }

  /** Temporary credentials for an environment of a function; the session is named after it, as AWS does. */
  issueForFunction(identity: FunctionIdentity): IssuedCredentials {
    const { account, roleArn, functionName } = identity;
    const session = {
      account,
      roleArn,
      sessionName: functionName,
      sourceFunctionArn: functionArn(identity),
    };
    return this.#dependencies.credentials.issue(session, CREDENTIALS_LIFETIME_MS);
  }

  /** Everything on this connection comes from inside an environment of the function. */
  comesFromFunction(connection: object, identity: FunctionIdentity): void {
    this.#functions.set(connection, identity);
  }

  /** Throws the called service's error when a signature is required or claimed, and is not good. */
  identify(request: IdentityRequest): CallerIdentity {
    const { mode, credentials, defaultRegion } = this.#dependencies;
    const caller = this.#functions.get(request.connection);
    const region = request.region ?? caller?.region ?? defaultRegion;
    if (!REGION.test(region)) throw signatureError(request.signingName, NO_REGION);
    if (mode === "enforced" || (caller !== undefined && this.#isKnownKey(request)))
      return this.#verified(request, region);
    const principal = caller === undefined ? credentials.principalFor(request) : this.#rolePrincipal(caller);
    return { account: principal.account, region, principal };
  }

  /**
   * Who makes requests with a credential, for a process that is to tell by itself: with the key that verifies their
   * signatures where these are required. Undefined where it cannot be told beforehand.
   */
  leased(credential: LeasedCredential): LeasedIdentity | undefined {
    const { mode, credentials, defaultRegion } = this.#dependencies;
    const { accessKeyId = "", sessionToken, scopeDate, service } = credential;
    const region = credential.region ?? defaultRegion;
    if (!REGION.test(region)) return undefined;
    const session = sessionToken === undefined ? undefined : credentials.open(accessKeyId, sessionToken);
    if (session === "expired" || session === "invalid") return undefined;
    const untilMs = session?.expirationMs;
    if (mode === "open") {
      const principal = session?.principal ?? credentials.principalFor(credential);
      return { region, principal, untilMs };
    }
    if (credential.region === undefined || scopeDate === undefined || service === undefined) return undefined;
    const scope = { accessKeyId, sessionToken, scopeDate, scopeRegion: credential.region, service };
    const owner = this.#acceptedOwner(scope);
    if (owner === undefined) return undefined;
    const signingKey = this.#keys.symmetric(owner.secretAccessKey, scope).export().toString("base64");
    return { region, principal: owner.principal, untilMs, signingKey };
  }

  /** Whether what `authorize` says of this principal and resource depends on nothing but them and the policies. */
  isUnconditional(principal: Principal, service: string, resource: string): boolean {
    const { directory, resourcePolicies } = this.#dependencies;
    const document = resourcePolicies?.(service, resource)?.document;
    const entity = principal.type === "root" ? undefined : principalEntity(directory, principal);
    const { policies = [], boundary, sessionPolicies = [] } = entity ?? {};
    return [...policies, boundary, ...sessionPolicies, document].every(
      (each) => each === undefined || isUnconditional(each),
    );
  }

  /** Throws AccessDenied when the caller may not do this. */
  authorize(call: {
    readonly service: string;
    readonly operation: string;
    readonly input: Readonly<Record<string, unknown>>;
    readonly context: { readonly principal: Principal; readonly region: string };
    readonly sourceIp?: string | undefined;
    /** Condition keys of what the call is about, such as lambda:FunctionArn. */
    readonly conditions?: Readonly<Record<string, string>>;
  }): void {
    const { principal, region } = call.context;
    if (this.#dependencies.mode === "enforced") refuseUserSession(principal, call);
    if (principal.type === "root" && !invokesForeign(principal.account, call)) return;
    const { directory, clock, resourcePolicies, resourceTags } = this.#dependencies;
    authorize(directory, {
      principal,
      service: call.service,
      operation: call.operation,
      input: call.input,
      region,
      nowMs: clock.nowMs(),
      sourceIp: call.sourceIp,
      ...(call.conditions !== undefined && { context: call.conditions }),
      ...(resourcePolicies !== undefined && { resourcePolicies }),
      ...(resourceTags !== undefined && { resourceTags }),
    });
  }

  /** Whether the request names credentials that were given out here. */
  #isKnownKey({ accessKeyId, sessionToken }: IdentityRequest): boolean {
    if (accessKeyId === undefined) return false;
    const { credentials, directory } = this.#dependencies;
    return sessionToken === undefined
      ? directory.accessKey(accessKeyId) !== undefined
      : credentials.open(accessKeyId, sessionToken) !== "invalid";
  }

  #verified(request: IdentityRequest, region: string): CallerIdentity {
    const { clock } = this.#dependencies;
    let principal: Principal | undefined;
    const inServicesWords = <T>(check: () => T): T => {
      try {
        return check();
      } catch (error) {
        throw error instanceof SignatureRefused ? signatureError(request.signingName, error.problem) : error;
      }
    };
    const { checkBody, chunks } = inServicesWords(() =>
      verifySignature(request.signed, {
        keys: this.#keys,
        nowMs: () => clock.nowMs(),
        secretOf: (claim) => {
          const owner = this.#ownerOf(claim);
          principal = owner.principal;
          return owner.secretAccessKey;
        },
      }),
    );
    if (principal === undefined) throw new Error("A signature was verified without its key.");
    return {
      account: principal.account,
      region,
      principal,
      checkBody: checkBody && ((body) => inServicesWords(() => checkBody(body))),
      chunkSignatures: chunks && {
        check: (chunk, signature) => inServicesWords(() => chunks.check(chunk, signature)),
        checkTrailers: (text, signature) => inServicesWords(() => chunks.checkTrailers(text, signature)),
        signsTrailers: chunks.signsTrailers,
        get hasCheckedTrailers() {
          return chunks.hasCheckedTrailers;
        },
      },
    };
  }

  #acceptedOwner(
    scope: Pick<SignatureClaim, "accessKeyId" | "sessionToken">,
  ): { principal: Principal; secretAccessKey: string } | undefined {
    try {
      return this.#ownerOf(scope);
    } catch (error) {
      if (error instanceof SignatureRefused) return undefined;
      throw error;
    }
  }

  #ownerOf(claim: Pick<SignatureClaim, "accessKeyId" | "sessionToken">): {
    principal: Principal;
    secretAccessKey: string;
  } {
    const { credentials, directory, mode } = this.#dependencies;
    const { accessKeyId, sessionToken } = claim;
    if (sessionToken !== undefined) {
      const session = credentials.open(accessKeyId, sessionToken);
      if (session === "expired") throw new SignatureRefused({ kind: "expired token" });
      // AWS: with its role or user a session ends, whatever policies of resources say to its name.
      if (session === "invalid" || (mode === "enforced" && !isStillThere(directory, session.principal)))
        throw new SignatureRefused({ kind: "unknown key" });
      return session;
    }
    const key = directory.accessKey(accessKeyId);
    if (key?.status !== "Active") throw new SignatureRefused({ kind: "unknown key" });
    const { account, userName, secretAccessKey } = key;
    if (userName === undefined) return { principal: { type: "root", account }, secretAccessKey };
    const user = directory.user(account, userName)?.record;
    if (user === undefined) throw new SignatureRefused({ kind: "unknown key" });
    const { path, userId } = user;
    return { principal: { type: "user", account, path, userName: user.userName, userId }, secretAccessKey };
  }

  #rolePrincipal(identity: FunctionIdentity): RolePrincipal {
    const { account, roleArn, functionName } = identity;
    const { directory } = this.#dependencies;
    const roleName = parseRoleArn(roleArn)?.roleName ?? "";
    const roleId = directory.role(account, roleName)?.record.roleId ?? unknownRoleId(account, roleName);
    return {
      type: "assumed-role",
      account,
      roleName,
      roleId,
      sessionName: functionName,
      sourceFunctionArn: functionArn(identity),
    };
  }
}

/** AWS: what GetSessionToken gives is, without a second factor, neither for IAM nor for most of STS. */
function refuseUserSession(
  principal: Principal,
  { service, operation }: { service: string; operation: string },
): void {
  if (principal.type === "assumed-role" || principal.hasSession !== true) return;
  const isRefused =
    service === "iam" ||
    (service === "sts" && operation !== "AssumeRole" && operation !== "GetCallerIdentity");
  if (isRefused)
    throw new AwsError("InvalidClientTokenId", "The security token included in the request is invalid", 403);
}

/** Neither conditions nor variables, which are about the single request. */
const isUnconditional = ({ statements }: PolicyDocument): boolean =>
  statements.every(
    ({ conditions, resources = [], notResources = [] }) =>
      conditions.length === 0 &&
      [...resources, ...notResources].every((resource) => !resource.includes("${")),
  );

/** Whether an invocation or an event reaches into another account: its policy decides then, whoever calls. */
function invokesForeign(
  own: string,
  {
    service,
    operation,
    input,
  }: { service: string; operation: string; input: Readonly<Record<string, unknown>> },
): boolean {
  if (service === "events" && operation === "PutEvents") return putsOnForeignBus(own, input);
  if (service !== "lambda" || !operation.startsWith("Invoke")) return false;
  const { FunctionName: reference } = input;
  return typeof reference === "string" && foreignAccount(own, reference) !== undefined;
}

function putsOnForeignBus(own: string, { Entries: entries }: Readonly<Record<string, unknown>>): boolean {
  const buses = (Array.isArray(entries) ? entries : []).map(
    (entry: { readonly EventBusName?: unknown } | null) => entry?.EventBusName,
  );
  return buses.some((bus) => typeof bus === "string" && bus.startsWith("arn:") && bus.split(":")[4] !== own);
}

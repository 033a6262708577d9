import type { Socket } from "node:net";
import { AwsError } from "../core/errors.ts";
import { principalArn, principalUserId } from "../core/iam-arn.ts";
import type { Principal } from "../core/principal.ts";
import { functionUrlPermissions } from "../core/request-actions-function-urls.ts";
import type { FunctionService } from "../functions/function-service.ts";
import { type FunctionUrlDocument, functionUrlTarget } from "../functions/function-urls.ts";
import type { CallerIdentities, CallerIdentity } from "../iam/caller-identities.ts";
import { mayAnybody } from "../iam/public-access.ts";
import {
  readSignatureClaim,
  type SignatureClaim,
  type SignedRequest,
} from "../iam/signatures/signed-request.ts";
import type { Clock } from "../ports/clock.ts";
import type { UrlAnswer } from "./url-answer.ts";
import type { UrlCaller } from "./url-event.ts";
import { badSignature, forbidden } from "./url-refusal.ts";

/** A request as far as it matters who makes it. */
export interface AccessRequest {
  readonly url: FunctionUrlDocument;
  readonly signed: SignedRequest;
  readonly connection: Socket;
  readonly sourceIp: string;
}

export interface AccessDependencies {
  readonly policies: Pick<FunctionService["policies"], "documentOf">;
  readonly callers: Pick<CallerIdentities, "identify" | "authorize">;
  readonly clock: Clock;
  /** Where signatures count, they have to be made for Lambda in the URL's region. */
  readonly requiresSignatures: boolean;
}

/** Who may go on, or what to answer instead. */
export type Access =
  | { readonly refusal: UrlAnswer }
  | {
      readonly refusal?: undefined;
      /** Undefined where nobody has to sign. */
      readonly caller: UrlCaller | undefined;
      /** Throws `AwsError` for a body that is not the one that was signed. */
      readonly checkBody: ((body: Uint8Array) => void) | undefined;
    };

const UNSIGNED = "MissingAuthenticationTokenException";

/**
 * Decides whether a request may invoke the function behind a URL. Without authentication the function's policy must
 * allow everybody; else whoever signed needs the permissions. See "Control access to Lambda function URLs".
 */
export function urlAccess(request: AccessRequest, dependencies: AccessDependencies): Access {
  const { url, sourceIp } = request;
  const arn = functionUrlTarget(url, url.qualifier);
  if (url.value.authType === "AWS_IAM") return signedAccess(request, arn, dependencies);
  const isAllowed = mayAnybody(dependencies.policies.documentOf(arn), {
    permissions: functionUrlPermissions(arn, "NONE"),
    region: url.region,
    nowMs: dependencies.clock.nowMs(),
    sourceIp,
  });
  return isAllowed ? { caller: undefined, checkBody: undefined } : { refusal: forbidden };
}

function signedAccess(request: AccessRequest, arn: string, dependencies: AccessDependencies): Access {
  const { url, sourceIp } = request;
  const claim = claimOf(request.signed);
  let identity: CallerIdentity;
  try {
    if (claim !== undefined && dependencies.requiresSignatures) checkScope(claim, url.region);
    identity = dependencies.callers.identify({
      accessKeyId: claim?.accessKeyId,
      sessionToken: claim?.sessionToken,
      region: url.region,
      signingName: "lambda",
      connection: request.connection,
      signed: request.signed,
    });
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    return { refusal: error.code === UNSIGNED ? forbidden : badSignature(error) };
  }
  const principal = namelessOwner(identity.principal, claim, url.account);
  try {
    dependencies.callers.authorize({
      service: "lambda",
      operation: "InvokeFunctionUrl",
      input: { FunctionName: arn },
      context: { principal, region: url.region },
      sourceIp,
    });
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    return { refusal: forbidden };
  }
  return { caller: callerOf(principal, claim), checkBody: identity.checkBody };
}

/** Where no signature is needed, who sends none is the owner of the function. */
const namelessOwner = (
  principal: Principal,
  claim: SignatureClaim | undefined,
  account: string,
): Principal => (claim === undefined && principal.type === "root" ? { type: "root", account } : principal);

const callerOf = (principal: Principal, claim: SignatureClaim | undefined): UrlCaller => ({
  accessKey: claim?.accessKeyId ?? null,
  accountId: principal.account,
  callerId: principalUserId(principal),
  userArn: principalArn(principal),
  userId: principalUserId(principal),
});

/** Undefined for none, and for one that cannot be read: whoever verifies says what is wrong with it. */
function claimOf(signed: SignedRequest): SignatureClaim | undefined {
  try {
    return readSignatureClaim(signed);
  } catch {
    return undefined;
  }
}

function checkScope({ service, scopeRegion }: SignatureClaim, region: string): void {
  if (service !== "lambda")
    throw invalidSignature("Credential should be scoped to correct service: 'lambda'. ");
  if (scopeRegion !== "" && scopeRegion !== region)
    throw invalidSignature(`Credential should be scoped to a valid region, not '${scopeRegion}'. `);
}

const invalidSignature = (message: string): AwsError =>
  new AwsError("InvalidSignatureException", message, 403);

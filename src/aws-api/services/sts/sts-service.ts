import * as stsModule from "@aws-sdk/client-sts";
import { AwsError } from "../../../core/errors.ts";
import { principalArn, principalUserId } from "../../../core/iam-arn.ts";
import { iamDate } from "../../../core/iam-date.ts";
import { assumeRole } from "../../../iam/assume-role.ts";
import type { IamDirectory } from "../../../iam/iam-directory.ts";
import { iamAccessDenied } from "../../../iam/iam-errors.ts";
import type { IssuedCredentials, SessionCredentials } from "../../../iam/session-credentials.ts";
import type { Clock } from "../../../ports/clock.ts";
import { defineService, type Handlers, type Input, type ServiceDefinition } from "../../protocol/handlers.ts";

/** AWS Security Token Service: who am I, and credentials of another role. */
export function stsService(deps: {
  directory: IamDirectory;
  credentials: SessionCredentials;
  clock: Clock;
}): ServiceDefinition {
  return defineService({
    signingName: "sts",
    client: new stsModule.STSClient({ region: "us-east-1" }),
    module: stsModule,
    handlers: stsHandlers(deps),
  });
}

/** AWS: of GetSessionToken, unless another duration is asked for; the root user's sessions are never longer than an hour. */
const USER_SESSION_SECONDS = 43_200;
const ROOT_SESSION_SECONDS_MAX = 3_600;

/** Members that would change what the session may do; ignoring one would hand out too much. */
const REFUSED_MEMBERS = [
  "Tags",
  "TransitiveTagKeys",
  "SerialNumber",
  "TokenCode",
  "SourceIdentity",
  "ProvidedContexts",
  "MinimumSessionTokenSize",
] as const;

/** The behaviour of the service, apart from its wiring. */
export function stsHandlers(deps: {
  directory: IamDirectory;
  credentials: SessionCredentials;
  clock: Clock;
}): Handlers<typeof stsModule> {
  return {
    GetCallerIdentity: (_input, { principal }) => ({
      UserId: principalUserId(principal),
      Account: principal.account,
      Arn: principalArn(principal),
    }),
    GetSessionToken: ({ DurationSeconds, SerialNumber, TokenCode }, { principal }) => {
      if (SerialNumber !== undefined) throw notSupportedBy("GetSessionToken", "SerialNumber");
      if (TokenCode !== undefined) throw notSupportedBy("GetSessionToken", "TokenCode");
      if (principal.type === "assumed-role" || principal.hasSession === true)
        throw iamAccessDenied("Cannot call GetSessionToken with session credentials");
      const asked = DurationSeconds ?? USER_SESSION_SECONDS;
      const seconds = principal.type === "root" ? Math.min(asked, ROOT_SESSION_SECONDS_MAX) : asked;
      const issued = deps.credentials.issueForUser(principal, seconds * 1000);
      return { Credentials: credentialsShape(issued) };
    },
    AssumeRole: (input, { principal, region }) => {
      refuseUnsupported(input);
      const assumed = assumeRole(deps, {
        principal,
        region,
        roleArn: input.RoleArn ?? "",
        sessionName: input.RoleSessionName ?? "",
        durationSeconds: input.DurationSeconds,
        externalId: input.ExternalId,
        policies: sessionPolicies(input),
      });
      return {
        Credentials: credentialsShape(assumed.credentials),
        AssumedRoleUser: { AssumedRoleId: assumed.assumedRoleId, Arn: assumed.arn },
        ...(assumed.packedPolicySize !== undefined && { PackedPolicySize: assumed.packedPolicySize }),
      };
    },
  };
}

const notSupportedBy = (operation: string, member: string): AwsError =>
  new AwsError(
    "ValidationError",
    `${member} of ${operation} is not supported by this version of Lambent.`,
    400,
  );

const credentialsShape = (issued: IssuedCredentials) => ({
  AccessKeyId: issued.accessKeyId,
  SecretAccessKey: issued.secretAccessKey,
  SessionToken: issued.sessionToken,
  Expiration: iamDate(issued.expirationMs),
});

function sessionPolicies({
  Policy: inline,
  PolicyArns: managed = [],
}: Input<typeof stsModule, "AssumeRole">) {
  const policyArns = managed.map(({ arn = "" }) => arn);
  return inline === undefined && policyArns.length === 0 ? undefined : { inline, policyArns };
}

function refuseUnsupported(input: Input<typeof stsModule, "AssumeRole">): void {
  for (const member of REFUSED_MEMBERS) {
    const value = input[member];
    if (value === undefined || (Array.isArray(value) && value.length === 0)) continue;
    throw notSupportedBy("AssumeRole", member);
  }
}

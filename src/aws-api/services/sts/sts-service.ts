import * as stsModule from "@aws-sdk/client-sts";
import { AwsError } from "../../../core/errors.ts";
import { principalArn, principalUserId } from "../../../core/iam-arn.ts";
import { iamDate } from "../../../core/iam-date.ts";
import { assumeRole } from "../../../iam/assume-role.ts";
import type { IamDirectory } from "../../../iam/iam-directory.ts";
import type { SessionCredentials } from "../../../iam/session-credentials.ts";
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
        Credentials: {
          AccessKeyId: assumed.credentials.accessKeyId,
          SecretAccessKey: assumed.credentials.secretAccessKey,
          SessionToken: assumed.credentials.sessionToken,
          Expiration: iamDate(assumed.credentials.expirationMs),
        },
        AssumedRoleUser: { AssumedRoleId: assumed.assumedRoleId, Arn: assumed.arn },
        ...(assumed.packedPolicySize !== undefined && { PackedPolicySize: assumed.packedPolicySize }),
      };
    },
  };
}

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
    throw new AwsError(
      "ValidationError",
      `${member} of AssumeRole is not supported by this version of Lambent.`,
      400,
    );
  }
}

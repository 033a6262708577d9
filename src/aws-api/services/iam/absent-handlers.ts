import type { Iam } from "../../../iam/iam.ts";
import { noSuchEntity } from "../../../iam/iam-errors.ts";
import type { RequestContext } from "../../protocol/handlers.ts";
import type { IamHandlers } from "./role-handlers.ts";
import { ownUserName } from "./user-handlers.ts";

/**
 * What Lambent's users never have: passwords, devices, certificates and keys of other services; and what accounts never
 * have. Terraform asks for all that before it deletes a user by force, and other tools when they look round.
 */
export function absentHandlers({ users }: Iam): IamHandlers {
  const checkUser = (given: string | undefined, context: RequestContext): void => {
    const userName = ownUserName(given, context);
    if (userName !== undefined) users.get(context.account, userName);
  };
  const refuseLoginProfile = (given: string | undefined, context: RequestContext): never => {
    checkUser(given, context);
    throw noSuchEntity(`Login Profile for User ${given ?? "root"} cannot be found.`);
  };
  return {
    GetLoginProfile: (input, context) => refuseLoginProfile(input.UserName, context),
    DeleteLoginProfile: (input, context) => refuseLoginProfile(input.UserName, context),
    ListMFADevices: (input, context) => {
      checkUser(input.UserName, context);
      return { MFADevices: [], IsTruncated: false };
    },
    ListVirtualMFADevices: () => ({ VirtualMFADevices: [], IsTruncated: false }),
    ListSigningCertificates: (input, context) => {
      checkUser(input.UserName, context);
      return { Certificates: [], IsTruncated: false };
    },
    ListSSHPublicKeys: (input, context) => {
      checkUser(input.UserName, context);
      return { SSHPublicKeys: [], IsTruncated: false };
    },
    ListServiceSpecificCredentials: (input, context) => {
      checkUser(input.UserName, context);
      return { ServiceSpecificCredentials: [] };
    },
    ListAccountAliases: () => ({ AccountAliases: [], IsTruncated: false }),
  };
}

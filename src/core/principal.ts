import type { PolicyDocument } from "./policy-document.ts";

/** Who makes a request. */
export type Principal =
  | { readonly type: "root"; readonly account: string; readonly hasSession?: true }
  | {
      readonly type: "user";
      readonly account: string;
      /** With leading and trailing slash. */
      readonly path: string;
      readonly userName: string;
      readonly userId: string;
      /** Calls with the temporary credentials of GetSessionToken, as the root user can, too. */
      readonly hasSession?: true;
    }
  | {
      readonly type: "assumed-role";
      readonly account: string;
      readonly roleName: string;
      readonly roleId: string;
      readonly sessionName: string;
      /** The function in whose environment the credentials are, without a qualifier. */
      readonly sourceFunctionArn?: string | undefined;
      /** What the session was limited to when it began; undefined: it may do all that its role may. */
      readonly sessionPolicies?: SessionPolicies | undefined;
    };

/** The policies that were given to AssumeRole: the session may do what they and its role's policies allow both. */
export interface SessionPolicies {
  readonly inline: PolicyDocument | undefined;
  /** Managed ones. */
  readonly policyArns: readonly string[];
}

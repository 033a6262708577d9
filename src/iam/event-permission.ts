import { parseRoleArn } from "../core/iam-arn.ts";
import type { PolicyDocument } from "../core/policy-document.ts";
import { evaluatePolicies } from "../core/policy-evaluation.ts";
import type { EventSender } from "../ports/event-targets.ts";
import type { IamDirectory } from "./iam-directory.ts";
import { identityPolicies } from "./policy-holders.ts";

/** What a sender wants to do to a target: "lambda:InvokeFunction" on a function's ARN, "sqs:SendMessage" on a queue's. */
export interface EventPermission {
  readonly action: string;
  readonly resource: string;
  /** The target's own policy; undefined: it has none. */
  readonly policy: PolicyDocument | undefined;
}

/**
 * Whether an event may be delivered: by the policies of the role that the sender uses, or else by the target's resource
 * policy for the sender's service principal, with aws:SourceArn and aws:SourceAccount.
 */
export function mayDeliver(
  directory: IamDirectory,
  sender: EventSender,
  { action, resource, policy }: EventPermission,
): boolean {
  if (sender.hasMadeUpRole === true) return true;
  const context = new Map<string, readonly string[]>([
    ["aws:sourcearn", [sender.sourceArn]],
    ["aws:sourceaccount", [sender.sourceAccount]],
  ]);
  const request = { action, resources: [resource], context };
  const documents = policy === undefined ? [] : [policy];
  if (sender.roleArn === undefined)
    return (
      evaluatePolicies(documents, { ...request, principals: { Service: [sender.servicePrincipal] } }) ===
      "allowed"
    );
  const named = parseRoleArn(sender.roleArn);
  const role = named && directory.role(named.account, named.roleName);
  if (role === undefined || evaluatePolicies(identityPolicies(directory, role), request) !== "allowed")
    return false;
  const principals = { AWS: [sender.roleArn] };
  return evaluatePolicies(documents, { ...request, principals }) !== "explicitly-denied";
}

import { type AwsError, accessDenied } from "../core/errors.ts";
import type { Caller } from "../core/function-reference.ts";
import { principalArn } from "../core/iam-arn.ts";
import { layerArn } from "../core/layer-arn.ts";
import { parsePolicyDocument } from "../core/policy-document.ts";
import { evaluatePolicies } from "../core/policy-evaluation.ts";
import type { LayerVersionDocument } from "./layer-documents.ts";
import type { StoredStatement } from "./permission-statement.ts";

/** The one action that a layer's policy is about. */
export const GET_LAYER_VERSION = "lambda:GetLayerVersion";

/** The policy of a layer version as it is shown. */
export const layerPolicyText = (statements: readonly StoredStatement[]): string =>
  JSON.stringify({ Version: "2012-10-17", Id: "default", Statement: statements });

/** Whether functions of the account may use the version: its own account's, and those that its policy names. */
export function mayUseLayer(version: LayerVersionDocument, account: string): boolean {
  if (version.account === account) return true;
  if (version.policy === undefined) return false;
  const parsed = parsePolicyDocument(layerPolicyText(version.policy.statements), "resource");
  if ("problem" in parsed) return false;
  const verdict = evaluatePolicies([parsed], {
    action: GET_LAYER_VERSION,
    resources: [layerArn(version, version.version)],
    principals: { AWS: [account, `arn:aws:iam::${account}:root`] },
    context: new Map(),
  });
  return verdict === "allowed";
}

/** AWS's refusal of a call on what belongs to another account; `action` as in "lambda:GetLayerVersion". */
export const notAuthorized = (
  { account, principal = { type: "root", account } }: Caller,
  action: string,
  resource: string,
): AwsError =>
  accessDenied(
    `User: ${principalArn(principal)} is not authorized to perform: ${action} on resource: ${resource} because no resource-based policy allows the ${action} action`,
  );

import { parseRoleArn, roleArn } from "../core/iam-arn.ts";
import { evaluatePolicies } from "../core/policy-evaluation.ts";
import type { IamDirectory } from "./iam-directory.ts";

/** Whether there is such a role, and its trust policy lets the service, such as "lambda.amazonaws.com", assume it. */
export function isAssumableByService(directory: IamDirectory, arn: string, service: string): boolean {
  const target = parseRoleArn(arn);
  const role = target && directory.role(target.account, target.roleName);
  if (role === undefined || roleArn(role.record) !== arn) return false;
  const verdict = evaluatePolicies([role.trust], {
    action: "sts:AssumeRole",
    resources: ["*"],
    context: new Map(),
    principals: { Service: [service] },
  });
  return verdict === "allowed";
}

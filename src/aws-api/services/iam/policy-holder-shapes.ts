import type { IamDirectory } from "../../../iam/iam-directory.ts";
import type { PolicyHolder } from "../../../iam/iam-records.ts";
import { iamPage } from "./iam-page.ts";
import { encodePolicyDocument } from "./iam-shapes.ts";

interface PageRequest {
  readonly PathPrefix?: string | undefined;
  readonly Marker?: string | undefined;
  readonly MaxItems?: number | undefined;
}

const byName = (left: string, right: string): number => (left.toLowerCase() < right.toLowerCase() ? -1 : 1);

/** An inline policy as answers have it; throws `absent` when there is none of that name. */
export function inlinePolicyDocument(
  holder: PolicyHolder,
  policyName: string,
  absent: (policyName: string) => Error,
): string {
  const document = Object.hasOwn(holder.inlinePolicies, policyName)
    ? holder.inlinePolicies[policyName]
    : undefined;
  if (document === undefined) throw absent(policyName);
  return encodePolicyDocument(document);
}

export function inlinePolicyNamesPage(holder: PolicyHolder, request: PageRequest) {
  const names = Object.keys(holder.inlinePolicies).sort(byName);
  const { items, paging } = iamPage(names, (name) => name, request);
  return { PolicyNames: [...items], ...paging };
}

export function attachedPoliciesPage(directory: IamDirectory, holder: PolicyHolder, request: PageRequest) {
  const attached = holder.attachedPolicyArns.map((arn) => ({
    PolicyName: arn.slice(arn.lastIndexOf("/") + 1),
    PolicyArn: arn,
    path: directory.policy(arn)?.record.path ?? "/",
  }));
  const wanted = attached.filter(({ path }) => path.startsWith(request.PathPrefix ?? "/"));
  wanted.sort((left, right) => byName(left.PolicyName, right.PolicyName));
  const { items, paging } = iamPage(wanted, ({ PolicyName }) => PolicyName, request);
  return {
    AttachedPolicies: items.map(({ PolicyName, PolicyArn }) => ({ PolicyName, PolicyArn })),
    ...paging,
  };
}

import { parsePolicyDocument } from "../core/policy-document.ts";
import { AWS_MANAGED_POLICY_DOCUMENTS, type AwsManagedPolicyText } from "./aws-managed-policy-documents.ts";
import { derivedIdentifier } from "./iam-names.ts";
import type { ManagedPolicy } from "./iam-records.ts";

const ALL: ReadonlyMap<string, ManagedPolicy> = new Map(
  AWS_MANAGED_POLICY_DOCUMENTS.map((policy) => {
    const managed = managedPolicy(policy);
    return [managed.arn, managed];
  }),
);

const SORTED: readonly ManagedPolicy[] = [...ALL.values()].sort((left, right) =>
  left.record.policyName < right.record.policyName ? -1 : 1,
);

/** One of AWS's own policies that Lambent carries. */
export function awsManagedPolicy(arn: string): ManagedPolicy | undefined {
  return ALL.get(arn);
}

/** AWS's own policies that Lambent carries, sorted by name. */
export function awsManagedPolicies(): readonly ManagedPolicy[] {
  return SORTED;
}

function managedPolicy(policy: AwsManagedPolicyText): ManagedPolicy {
  const arn = `arn:aws:iam::aws:policy${policy.path}${policy.policyName}`;
  const document = JSON.stringify({ Version: "2012-10-17", Statement: policy.statements }, undefined, 4);
  const read = parsePolicyDocument(document, "identity");
  if ("problem" in read) throw new Error(`${arn}: ${read.problem}`);
  const createdAtMs = Date.UTC(2015, 1, 6, 18, 40, 58);
  return {
    arn,
    document: read,
    record: {
      schema: 1,
      account: "aws",
      policyName: policy.policyName,
      policyId: derivedIdentifier("ANPA", arn),
      path: policy.path,
      createdAtMs,
      updatedAtMs: createdAtMs,
      description: policy.description,
      defaultVersionId: "v1",
      nextVersionNumber: 2,
      versions: [{ versionId: "v1", document, createdAtMs }],
      tags: [],
    },
  };
}

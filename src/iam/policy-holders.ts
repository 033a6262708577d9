import type { PolicyDocument, PolicyKind } from "../core/policy-document.ts";
import { parsePolicyDocument } from "../core/policy-document.ts";
import type { IamDirectory } from "./iam-directory.ts";
import {
  invalidInput,
  limitExceeded,
  malformedPolicyDocument,
  noSuchEntity,
  policyNotFound,
} from "./iam-errors.ts";
import type { PolicyHolder, StoredPrincipal, StoredTag } from "./iam-records.ts";

/** "IAM and AWS STS quotas" */
const ATTACHED_POLICIES_MAX = 10;
const TAGS_MAX = 50;

/** Throws MalformedPolicyDocument with AWS's text. */
export function checkPolicyDocument(document: string, kind: PolicyKind): void {
  const parsed = parsePolicyDocument(document, kind);
  if ("problem" in parsed) throw malformedPolicyDocument(parsed.problem);
}

/** AWS: quotas on documents do not count white space. */
export const countedCharacters = (document: string): number => document.replaceAll(/\s/g, "").length;

/** The holder with an inline policy added or replaced; `limit`: of all its inline policies together. */
export function withInlinePolicy<T extends PolicyHolder>(
  holder: T,
  policy: { readonly name: string; readonly document: string },
  limit: { readonly characters: number; readonly of: string },
): T {
  const inlinePolicies = { ...holder.inlinePolicies, [policy.name]: policy.document };
  const characters = Object.values(inlinePolicies).reduce((sum, text) => sum + countedCharacters(text), 0);
  if (characters > limit.characters)
    throw limitExceeded(`Maximum policy size of ${limit.characters} bytes exceeded for ${limit.of}`);
  return { ...holder, inlinePolicies };
}

/** `absent` is thrown when there is no inline policy of that name. */
export function withoutInlinePolicy<T extends PolicyHolder>(
  holder: T,
  policyName: string,
  absent: () => Error,
): T {
  if (!Object.hasOwn(holder.inlinePolicies, policyName)) throw absent();
  const { [policyName]: _, ...inlinePolicies } = holder.inlinePolicies;
  return { ...holder, inlinePolicies };
}

/** AWS: attaching twice is fine. `quota` is the quota's name in the error. */
export function withAttachedPolicy<T extends PolicyHolder>(holder: T, arn: string, quota: string): T {
  if (holder.attachedPolicyArns.includes(arn)) return holder;
  if (holder.attachedPolicyArns.length >= ATTACHED_POLICIES_MAX)
    throw limitExceeded(`Cannot exceed quota for ${quota}: ${ATTACHED_POLICIES_MAX}`);
  return { ...holder, attachedPolicyArns: [...holder.attachedPolicyArns, arn] };
}

export function withoutAttachedPolicy<T extends PolicyHolder>(holder: T, arn: string): T {
  if (!holder.attachedPolicyArns.includes(arn)) throw policyNotFound(arn);
  return { ...holder, attachedPolicyArns: holder.attachedPolicyArns.filter((attached) => attached !== arn) };
}

/** Throws NoSuchEntity unless the policy exists and is AWS's or the account's own. */
export function checkAttachable(directory: IamDirectory, account: string, arn: string): void {
  if (!isUsable(directory, account, arn))
    throw noSuchEntity(`Policy ${arn} does not exist or is not attachable.`);
}

function isUsable(directory: IamDirectory, account: string, arn: string): boolean {
  const isOwn =
    arn.startsWith("arn:aws:iam::aws:policy/") || arn.startsWith(`arn:aws:iam::${account}:policy/`);
  return isOwn && directory.policy(arn) !== undefined;
}

/** The holder with that permissions boundary; `directory` must know the policy. NoSuchEntity with AWS's text. */
export function withBoundary<T extends StoredPrincipal>(
  directory: IamDirectory,
  holder: T & { readonly account: string },
  arn: string,
): T {
  checkBoundary(directory, holder.account, arn);
  return { ...holder, permissionsBoundaryArn: arn };
}

/** Throws NoSuchEntity unless the policy exists and is AWS's or the account's own; undefined is no boundary. */
export function checkBoundary(directory: IamDirectory, account: string, arn: string | undefined): void {
  if (arn !== undefined && !isUsable(directory, account, arn))
    throw noSuchEntity(`Scope ARN: ${arn} does not exist or is not attachable.`);
}

/** The documents that say what a holder may do. */
export function identityPolicies(
  directory: IamDirectory,
  holder: { readonly record: PolicyHolder; readonly inline: readonly PolicyDocument[] },
): PolicyDocument[] {
  const attached = holder.record.attachedPolicyArns.map((arn) => directory.policy(arn)?.document);
  return [...holder.inline, ...attached.filter((document) => document !== undefined)];
}

/** Adds or replaces tags; keys are compared regardless of case, as IAM does. */
export function mergeTags(current: readonly StoredTag[], added: readonly StoredTag[]): StoredTag[] {
  const keys = added.map(({ key }) => key.toLowerCase());
  if (new Set(keys).size !== keys.length) {
    throw invalidInput("Duplicate tag keys found. Please note that Tag keys are case insensitive.");
  }
  const merged = [...current.filter(({ key }) => !keys.includes(key.toLowerCase())), ...added];
  if (merged.length > TAGS_MAX) {
    throw limitExceeded(`The number of tags has reached the maximum limit of ${TAGS_MAX}.`);
  }
  return merged;
}

export function withoutTags(current: readonly StoredTag[], keys: readonly string[]): StoredTag[] {
  const removed = new Set(keys.map((key) => key.toLowerCase()));
  return current.filter(({ key }) => !removed.has(key.toLowerCase()));
}

import { functionArn } from "./arn.ts";
import { AwsError, invalidParameterValue, resourceNotFound } from "./errors.ts";
import { FUNCTION_LIMITS } from "./function-limits.ts";
import type { Principal } from "./principal.ts";

/** Functions, aliases and versions belong to an account in a region. */
export interface Owner {
  readonly account: string;
  readonly region: string;
}

/** An owner, and who asks in its name: refusals tell. */
export interface Caller extends Owner {
  /** The account's root user when it is left out. */
  readonly principal?: Principal | undefined;
}

/** A function as a caller named it, taken apart. */
export interface FunctionReference {
  readonly functionName: string;
  readonly qualifier: string | undefined;
}

/** Name, name:qualifier, partial ARN or full ARN: the grammar of the API model's NamespacedFunctionName. */
const REFERENCE =
  /^(?:arn:aws[a-zA-Z-]*:lambda:)?(?:((?:eusc-)?[a-z]{2}(?:-gov|-iso[a-z]?)?-[a-z]+-\d):)?(?:(\d{12}):)?(?:function:)?([a-zA-Z0-9-_.]+)(?::(\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9-_]+))?$/;

/** The parts of a reference as far as they stand in it; undefined for a malformed one. */
export function referenceParts(
  reference: string,
): (FunctionReference & { readonly region?: string; readonly account?: string }) | undefined {
  const [, region, account, functionName, qualifier] = REFERENCE.exec(reference) ?? [];
  if (functionName === undefined) return undefined;
  return { functionName, qualifier, ...(region && { region }), ...(account && { account }) };
}

/**
 * Takes a function reference apart for a caller of `owner`.
 *
 * Throws AWS's errors for references that are malformed, reach into another region or account, or disagree with the
 * qualifier given beside them.
 */
export function parseFunctionReference(
  owner: Owner,
  reference: string,
  qualifier?: string,
): FunctionReference {
  const parts = referenceParts(reference);
  if (parts === undefined) throw new AwsError("ValidationException", malformedReferenceText(reference), 400);
  const { functionName, region, account, qualifier: ownQualifier } = parts;
  // AWS: recorded from the service; a foreign region is told, a foreign account is not.
  if (region !== undefined && region !== owner.region) {
    throw resourceNotFound(`Functions from '${region}' are not reachable in this region ('${owner.region}')`);
  }
  if (account !== undefined && account !== owner.account) {
    throw new AwsError("AccessDeniedException", "", 403, { Message: null });
  }
  if (functionName.length > FUNCTION_LIMITS.functionNameLengthMax) {
    throw invalidParameterValue(
      `1 validation error detected: Value '${functionName}' at 'functionName' failed to satisfy constraint: ` +
        `Member must have length less than or equal to ${FUNCTION_LIMITS.functionNameLengthMax}`,
    );
  }
  const asked = qualifier === "" ? undefined : qualifier;
  if (ownQualifier !== undefined && asked !== undefined && ownQualifier !== asked) {
    throw invalidParameterValue(
      "The derived qualifier from the function name does not match the specified qualifier.",
    );
  }
  return { functionName, qualifier: ownQualifier ?? asked };
}

/**
 * Whose function an invocation means: another account's where a full ARN says so. That the caller may invoke it has been
 * decided by then.
 */
export function invokedOwner(caller: Owner, reference: string): Owner {
  const account = foreignAccount(caller.account, reference);
  return account === undefined ? caller : { account, region: caller.region };
}

/** The account of a full ARN, when it is not the caller's own. */
export function foreignAccount(own: string, reference: string): string | undefined {
  if (!reference.startsWith("arn:")) return undefined;
  const account = reference.split(":", 5)[4];
  return account === own || account === undefined || !/^\d{12}$/.test(account) ? undefined : account;
}

/** For operations that work on whole functions: refuses a qualifier with AWS's text and answers the name. */
export function parseUnqualifiedReference(owner: Owner, reference: string): string {
  const { functionName, qualifier } = parseFunctionReference(owner, reference);
  if (qualifier !== undefined) {
    throw invalidParameterValue(
      "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. " +
        "Please specify either a function name or an unqualified function ARN.",
    );
  }
  return functionName;
}

/** 404 as AWS words it, with the qualifier when one was asked for. */
export const functionNotFound = (owner: Owner, functionName: string, qualifier?: string): AwsError =>
  resourceNotFound(`Function not found: ${functionArn({ ...owner, functionName }, qualifier)}`);

/** Versions are numbers, everything else but $LATEST is an alias. */
export const isVersionNumber = (qualifier: string): boolean => /^[0-9]+$/.test(qualifier);

/** Neither a number nor $LATEST. */
export const isAliasName = (qualifier: string): boolean =>
  !qualifier.startsWith("$") && !isVersionNumber(qualifier);

function malformedReferenceText(reference: string): string {
  return (
    `1 validation error detected: Value '${reference}' at 'functionName' failed to satisfy constraint: ` +
    `Member must satisfy regular expression pattern: ${REFERENCE.source}`
  );
}

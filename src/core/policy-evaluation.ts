import { conditionOutcome } from "./policy-conditions.ts";
import type { PolicyDocument, PolicyPrincipals, PolicyStatement } from "./policy-document.ts";
import { fillPolicyVariables, type RequestContextKeys } from "./policy-variables.ts";
import { matchesArn, matchesWildcard, wildcardPattern } from "./wildcard.ts";

export type { RequestContextKeys } from "./policy-variables.ts";

/** A request as policies see it. */
export interface PolicyRequest {
  /** "lambda:InvokeFunction" */
  readonly action: string;
  /** The resource under each of its names (a log group has two ARN forms); "*" for actions without a resource. */
  readonly resources: readonly string[];
  readonly context: RequestContextKeys;
  /** The names of the caller by principal type, for policies that have a Principal element. */
  readonly principals?: PolicyPrincipals;
}

export type PolicyVerdict = "allowed" | "explicitly-denied" | "implicitly-denied";

/**
 * Decides a request by the union of the documents: a Deny that applies wins over every Allow, and without an Allow
 * the answer is no. What the evaluator does not understand never allows and always denies.
 * See "Policy evaluation logic".
 */
export function evaluatePolicies(documents: Iterable<PolicyDocument>, request: PolicyRequest): PolicyVerdict {
  let verdict: PolicyVerdict = "implicitly-denied";
  for (const document of documents) {
    for (const statement of document.statements) {
      if (!statementApplies(statement, document.version, request)) continue;
      if (statement.effect === "Deny") return "explicitly-denied";
      verdict = "allowed";
    }
  }
  return verdict;
}

function statementApplies(
  statement: PolicyStatement,
  version: PolicyDocument["version"],
  request: PolicyRequest,
): boolean {
  // Variables are plain text in documents of the older version: an empty context leaves them unmatched.
  const variables = version === "2012-10-17" ? request.context : new Map<string, readonly string[]>();
  return (
    principalMatches(statement, request) &&
    actionMatches(statement, request.action) &&
    resourceMatches(statement, request.resources, variables) &&
    conditionsMatch(statement, request.context)
  );
}

function actionMatches(statement: PolicyStatement, action: string): boolean {
  // AWS: action names are not case-sensitive.
  const name = action.toLowerCase();
  const isNamed = (patterns: readonly string[]): boolean =>
    patterns.some((pattern) => actionPatternMatches(pattern.toLowerCase(), name));
  if (statement.actions !== undefined) return isNamed(statement.actions);
  return statement.notActions !== undefined && !isNamed(statement.notActions);
}

/** Most policies name actions in full: no pattern is compiled for those. */
function actionPatternMatches(pattern: string, name: string): boolean {
  if (pattern === "*" || pattern === name) return true;
  return /[*?]/.test(pattern) && matchesWildcard(wildcardPattern(pattern), name);
}

function resourceMatches(
  statement: PolicyStatement,
  resources: readonly string[],
  variables: RequestContextKeys,
): boolean {
  const isNamed = (templates: readonly string[]): boolean =>
    templates.some((template) => {
      if (template === "*") return true;
      const pattern = fillPolicyVariables(template, variables);
      return pattern !== undefined && resources.some((resource) => matchesArn(pattern, resource));
    });
  if (statement.resources !== undefined) return isNamed(statement.resources);
  if (statement.notResources !== undefined) return !isNamed(statement.notResources);
  return true;
}

function principalMatches(statement: PolicyStatement, request: PolicyRequest): boolean {
  if (statement.principals === undefined && statement.notPrincipals === undefined) return true;
  const callers = request.principals;
  if (callers === undefined) return false;
  const isNamed = (principals: PolicyPrincipals): boolean =>
    Object.entries(principals).some(([type, names]) =>
      names.some((name) => (name === "*" && type === "AWS") || callers[type]?.includes(name) === true),
    );
  if (statement.principals !== undefined) return isNamed(statement.principals);
  return statement.notPrincipals !== undefined && !isNamed(statement.notPrincipals);
}

function conditionsMatch(statement: PolicyStatement, context: RequestContextKeys): boolean {
  return statement.conditions.every((condition) => {
    const outcome = conditionOutcome(condition, context);
    return outcome === "met" || (outcome === "undecidable" && statement.effect === "Deny");
  });
}

import { ipRangeContains } from "./ip-range.ts";
import type { PolicyCondition } from "./policy-document.ts";
import { fillPolicyVariables, type RequestContextKeys } from "./policy-variables.ts";
import { ANY_ONE, ANY_RUN, matchesArn, matchesWildcard, type WildcardPattern } from "./wildcard.ts";

/** `undecidable`: an operator or a value that this evaluator does not know; an Allow must not rest on it. */
export type ConditionOutcome = "met" | "unmet" | "undecidable";

/** Compares one value of the request with one of the policy; `undefined` when the policy's value makes no sense. */
type Comparison = (actual: string, expected: WildcardPattern) => boolean | undefined;

interface Operator {
  readonly compare: Comparison;
  /** True for the …Not… operators: no value of the policy may match. */
  readonly negated: boolean;
}

const text = (pattern: WildcardPattern): string =>
  pattern.map((part) => (part === ANY_RUN ? "*" : part === ANY_ONE ? "?" : part)).join("");

const number = (value: string): number | undefined =>
  value.trim() !== "" && Number.isFinite(Number(value)) ? Number(value) : undefined;

/** ISO 8601 dates or seconds since the epoch, in milliseconds. */
const instant = (value: string): number | undefined => {
  const seconds = number(value);
  if (seconds !== undefined) return seconds * 1000;
  const parsed = Date.parse(value);
  return Number.isNaN(parsed) ? undefined : parsed;
};

function ordered(
  read: (value: string) => number | undefined,
  holds: (actual: number, expected: number) => boolean,
): Comparison {
  return (actual, expected) => {
    const limit = read(text(expected));
    if (limit === undefined) return undefined;
    const value = read(actual);
    return value !== undefined && holds(value, limit);
  };
}

const equals = (actual: number, expected: number): boolean => actual === expected;
const arnLike: Comparison = (actual, expected) => matchesArn(expected, actual);

const plain = (compare: Comparison): Operator => ({ compare, negated: false });
const not = (compare: Comparison): Operator => ({ compare, negated: true });
const stringEquals: Comparison = (actual, expected) => actual === text(expected);
const stringEqualsIgnoreCase: Comparison = (actual, expected) =>
  actual.toLowerCase() === text(expected).toLowerCase();
const stringLike: Comparison = (actual, expected) => matchesWildcard(expected, actual);
const ipAddress: Comparison = (actual, expected) => ipRangeContains(text(expected), actual);

/** "IAM JSON policy elements: Condition operators". Names are compared without regard to case. */
const OPERATORS: ReadonlyMap<string, Operator> = new Map([
  ["stringequals", plain(stringEquals)],
  ["stringnotequals", not(stringEquals)],
  ["stringequalsignorecase", plain(stringEqualsIgnoreCase)],
  ["stringnotequalsignorecase", not(stringEqualsIgnoreCase)],
  ["stringlike", plain(stringLike)],
  ["stringnotlike", not(stringLike)],
  ["arnequals", plain(arnLike)],
  ["arnnotequals", not(arnLike)],
  ["arnlike", plain(arnLike)],
  ["arnnotlike", not(arnLike)],
  ["binaryequals", plain(stringEquals)],
  ["bool", plain(stringEqualsIgnoreCase)],
  ["ipaddress", plain(ipAddress)],
  ["notipaddress", not(ipAddress)],
  ["numericequals", plain(ordered(number, equals))],
  ["numericnotequals", not(ordered(number, equals))],
  ["numericlessthan", plain(ordered(number, (actual, expected) => actual < expected))],
  ["numericlessthanequals", plain(ordered(number, (actual, expected) => actual <= expected))],
  ["numericgreaterthan", plain(ordered(number, (actual, expected) => actual > expected))],
  ["numericgreaterthanequals", plain(ordered(number, (actual, expected) => actual >= expected))],
  ["dateequals", plain(ordered(instant, equals))],
  ["datenotequals", not(ordered(instant, equals))],
  ["datelessthan", plain(ordered(instant, (actual, expected) => actual < expected))],
  ["datelessthanequals", plain(ordered(instant, (actual, expected) => actual <= expected))],
  ["dategreaterthan", plain(ordered(instant, (actual, expected) => actual > expected))],
  ["dategreaterthanequals", plain(ordered(instant, (actual, expected) => actual >= expected))],
]);

/** Decides one condition for a request. */
export function conditionOutcome(condition: PolicyCondition, context: RequestContextKeys): ConditionOutcome {
  const match = /^(?:(forallvalues|foranyvalue):)?([a-z]+?)(ifexists)?$/.exec(
    condition.operator.toLowerCase(),
  );
  if (match === null) return "undecidable";
  const [, quantifier, name = "", ifExists] = match;
  const actual = context.get(condition.key.toLowerCase());
  if (name === "null") return nullOutcome(condition.values, actual);
  const operator = OPERATORS.get(name);
  if (operator === undefined) return "undecidable";
  if (actual === undefined || actual.length === 0) {
    // AWS: a missing key satisfies …IfExists, ForAllValues and the negated operators.
    const holdsWithout =
      ifExists ?? (quantifier === undefined ? operator.negated : quantifier === "forallvalues");
    return holdsWithout === false ? "unmet" : "met";
  }
  return presentOutcome({ operator, quantifier, values: condition.values }, actual, context);
}

function presentOutcome(
  condition: { operator: Operator; quantifier: string | undefined; values: readonly string[] },
  actual: readonly string[],
  context: RequestContextKeys,
): ConditionOutcome {
  const { operator, quantifier } = condition;
  const expected = condition.values.map((value) => fillPolicyVariables(value, context));
  const verdicts = actual.map((value) => valueHolds(operator, value, expected));
  if (verdicts.includes(undefined)) return "undecidable";
  // AWS: a negated operator without a quantifier holds only when no value of the request matches.
  const all = quantifier === "forallvalues" || (quantifier === undefined && operator.negated);
  const holds = all ? verdicts.every((verdict) => verdict === true) : verdicts.includes(true);
  return holds ? "met" : "unmet";
}

function nullOutcome(values: readonly string[], actual: readonly string[] | undefined): ConditionOutcome {
  const absent = actual === undefined || actual.length === 0;
  const wanted: readonly string[] = values.map((value) => value.toLowerCase());
  if (wanted.some((value) => value !== "true" && value !== "false")) return "undecidable";
  return wanted.includes(String(absent)) ? "met" : "unmet";
}

function valueHolds(
  operator: Operator,
  actual: string,
  expected: readonly (WildcardPattern | undefined)[],
): boolean | undefined {
  let matched = false;
  for (const pattern of expected) {
    if (pattern === undefined) continue;
    const verdict = operator.compare(actual, pattern);
    if (verdict === undefined) return undefined;
    matched ||= verdict;
  }
  return matched !== operator.negated;
}

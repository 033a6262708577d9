import { invalidParameterValue } from "../core/errors.ts";
import { compileEventPattern, type EventTest, InvalidEventPattern } from "../core/event-pattern.ts";

/** AWS: the operators that filters know beside plain values; "Filter rule syntax". */
const OPERATORS: ReadonlySet<string> = new Set([
  "prefix",
  "suffix",
  "equals-ignore-case",
  "anything-but",
  "numeric",
  "exists",
]);

/** A filter pattern, ready to be asked. */
export interface FilterPattern {
  /** As it was written. */
  readonly pattern: Readonly<Record<string, unknown>>;
  readonly matches: EventTest;
}

/** Refuses what is no pattern with AWS's text. */
export function checkPatterns(patterns: readonly string[]): void {
  for (const pattern of patterns) compileFilter(pattern);
}

/** Throws AWS's error for a text that is no pattern, or uses an operator that EventBridge has and filters have not. */
export function compileFilter(text: string): FilterPattern {
  try {
    const matches = compileEventPattern(text);
    const pattern = JSON.parse(text) as Readonly<Record<string, unknown>>;
    if (!isWithin(pattern)) throw invalidPattern();
    return { pattern, matches };
  } catch (error) {
    throw error instanceof InvalidEventPattern ? invalidPattern() : error;
  }
}

/** Whether all operators are ones that filters know; they stand in objects within arrays. */
function isWithin(pattern: unknown): boolean {
  if (Array.isArray(pattern))
    return pattern.every(
      (each) => !isObject(each) || Object.keys(each).some(isOperator) || isAlternative(each),
    );
  return !isObject(pattern) || Object.values(pattern).every(isWithin);
}

const isOperator = (name: string): boolean => OPERATORS.has(name);

/** A branch of `$or`. */
const isAlternative = (branch: Readonly<Record<string, unknown>>): boolean =>
  Object.values(branch).every((value) => typeof value === "object" && isWithin(value));

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const invalidPattern = () => invalidParameterValue("Invalid filter pattern definition.");

import { compileFilterRegex } from "./filter-regex.ts";
import { matchesWildcard, wildcardPattern } from "./wildcard.ts";

export type FilterOperator = "=" | "!=" | "<" | ">" | "<=" | ">=";

/** A value of the log event: text, number, boolean or null of a JSON event; text of a space-delimited one. */
export type FieldValue = string | number | boolean | null;

/** Thrown by the compilers of filter patterns; the door answers AWS's "Invalid filter pattern". */
export class InvalidFilterPattern extends Error {
  override name = "InvalidFilterPattern";
}

const NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/;

/**
 * Compiles the right side of a comparison. Numbers compare as numbers, also with text that is one; `*` is a wildcard
 * in texts; `%…%` is a regular expression.
 */
export function compileComparison(
  operator: FilterOperator,
  literal: { readonly text: string; readonly quoted: boolean },
): (value: FieldValue) => boolean {
  if (operator !== "=" && operator !== "!=") return compileOrder(operator, literal.text);
  const equal = compileEquality(literal);
  return operator === "=" ? equal : (value) => !equal(value);
}

function compileOrder(operator: "<" | ">" | "<=" | ">=", text: string): (value: FieldValue) => boolean {
  if (!NUMBER.test(text)) throw new InvalidFilterPattern(`${operator} needs a number, not ${text}`);
  const limit = Number(text);
  const holds = {
    "<": (value: number) => value < limit,
    ">": (value: number) => value > limit,
    "<=": (value: number) => value <= limit,
    ">=": (value: number) => value >= limit,
  }[operator];
  return (value) => {
    const actual = asNumber(value);
    return actual !== undefined && holds(actual);
  };
}

function compileEquality(literal: { text: string; quoted: boolean }): (value: FieldValue) => boolean {
  const { text, quoted } = literal;
  const source = quoted ? undefined : /^%(.+)%$/s.exec(text)?.[1];
  if (source !== undefined) {
    const matches = compileFilterRegex(source);
    if (matches === undefined) throw new InvalidFilterPattern(`unsupported regular expression ${text}`);
    return (value) => value !== null && matches(String(value));
  }
  if (!quoted && NUMBER.test(text)) {
    const expected = Number(text);
    return (value) => asNumber(value) === expected;
  }
  if (!text.includes("*")) return (value) => value !== null && String(value) === text;
  // Only `*` is a wildcard here; `?` stands for itself.
  const pattern = wildcardPattern(text).map((part) =>
    typeof part === "symbol" && part.description === "?" ? "?" : part,
  );
  return (value) => value !== null && matchesWildcard(pattern, String(value));
}

function asNumber(value: FieldValue): number | undefined {
  if (typeof value === "number") return value;
  return typeof value === "string" && NUMBER.test(value) ? Number(value) : undefined;
}

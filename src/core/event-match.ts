import { ipRangeContains } from "./ip-range.ts";

/** Whether one value of an event, never an object or an array, is what a pattern asks for. */
export type ValueTest = (value: unknown) => boolean;

/** A pattern is not one; the message is AWS's reason. */
export class InvalidEventPattern extends Error {
  override name = "InvalidEventPattern";
}

const invalid = (reason: string): InvalidEventPattern => new InvalidEventPattern(reason);

/** AWS: numbers in patterns and events lie in this range, with up to 15 digits. */
const NUMBER_MAX = 5_000_000_000;

/** Compiles one element of a pattern's array but `exists`, which is about the field and not its value. */
export function compileMatch(match: unknown): ValueTest {
  if (match === null || ["string", "number", "boolean"].includes(typeof match))
    return (value) => value === match;
  if (typeof match !== "object" || Array.isArray(match))
    throw invalid("Match value must be String, number, true, false, or null");
  const [entry, ...more] = Object.entries(match);
  if (entry === undefined) throw invalid("Empty expression found");
  if (more.length > 0) throw invalid("Only one key allowed in match expression");
  const [type, operand] = entry;
  const compile = MATCHES[type];
  if (compile === undefined) throw invalid(`Unrecognized match type ${type}`);
  return compile(operand);
}

const MATCHES: Readonly<Record<string, (operand: unknown) => ValueTest>> = {
  prefix: (operand) => affix("prefix", operand),
  suffix: (operand) => affix("suffix", operand),
  "equals-ignore-case": (operand) => {
    const wanted = text("equals-ignore-case", operand).toLowerCase();
    return (value) => typeof value === "string" && value.toLowerCase() === wanted;
  },
  wildcard: (operand) => wildcard(text("wildcard", operand)),
  cidr: (operand) => {
    const range = text("cidr", operand);
    if (ipRangeContains(range, "0.0.0.0") === undefined)
      throw invalid(`Malformed CIDR, one '/' required: ${range}`);
    return (value) => typeof value === "string" && ipRangeContains(range, value) === true;
  },
  numeric,
  "anything-but": anythingBut,
};

function text(type: string, operand: unknown): string {
  if (typeof operand !== "string") throw invalid(`${type} match pattern must be a string`);
  return operand;
}

/** `"prefix": "a"` or `"prefix": {"equals-ignore-case": "a"}`, and the same for a suffix. */
function affix(type: "prefix" | "suffix", operand: unknown): ValueTest {
  const folded =
    typeof operand === "object" && operand !== null && Object.keys(operand).join() === "equals-ignore-case";
  const given = folded ? (operand as Record<string, unknown>)["equals-ignore-case"] : operand;
  const plain = text(type, given);
  const wanted = folded ? plain.toLowerCase() : plain;
  return (value) => {
    if (typeof value !== "string") return false;
    const candidate = folded ? value.toLowerCase() : value;
    return type === "prefix" ? candidate.startsWith(wanted) : candidate.endsWith(wanted);
  };
}

/** `*` is any number of characters; `\*` and `\\` are these characters themselves. */
function wildcard(pattern: string): ValueTest {
  const parts: string[] = [""];
  for (let at = 0; at < pattern.length; at++) {
    let character = pattern[at] ?? "";
    if (character === "*") {
      if (pattern[at - 1] === "*" && parts.at(-1) === "")
        throw invalid(`Consecutive wildcard characters at pos ${at - 1}`);
      parts.push("");
      continue;
    }
    if (character === "\\") {
      character = pattern[++at] ?? "";
      if (character !== "*" && character !== "\\") throw invalid(`Invalid escape character at pos ${at - 1}`);
    }
    parts[parts.length - 1] += character;
  }
  return (value) => typeof value === "string" && matchesParts(value, parts);
}

/** Takes each middle part at its first place: no backtracking, whatever the pattern. */
function matchesParts(value: string, parts: readonly string[]): boolean {
  const [first = "", ...rest] = parts;
  const last = rest.pop();
  if (last === undefined) return value === first;
  if (!value.startsWith(first) || !value.endsWith(last)) return false;
  let at = first.length;
  const end = value.length - last.length;
  for (const part of rest) {
    const found = value.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at <= end;
}

const COMPARISONS: Readonly<Record<string, (value: number, bound: number) => boolean>> = {
  "=": (value, bound) => value === bound,
  "<": (value, bound) => value < bound,
  "<=": (value, bound) => value <= bound,
  ">": (value, bound) => value > bound,
  ">=": (value, bound) => value >= bound,
};

/** `["=", 1]`, `[">", 0]`, `[">", 0, "<=", 5]`. */
function numeric(operand: unknown): ValueTest {
  if (!Array.isArray(operand) || operand.length === 0) throw invalid("Value of numeric must be an array.");
  const bounds: [compare: (value: number, bound: number) => boolean, bound: number][] = [];
  for (let at = 0; at < operand.length; at += 2) {
    const [operator, bound] = [operand[at] as unknown, operand[at + 1] as unknown];
    const compare = typeof operator === "string" ? COMPARISONS[operator] : undefined;
    if (compare === undefined) throw invalid(`Unrecognized numeric range operator: ${String(operator)}`);
    if (typeof bound !== "number") throw invalid(`Value of ${String(operator)} must be numeric`);
    if (Math.abs(bound) > NUMBER_MAX)
      throw invalid(
        `Value of ${String(operator)} must be between -${NUMBER_MAX} and ${NUMBER_MAX}, inclusive`,
      );
    bounds.push([compare, bound]);
  }
  checkRange(operand);
  return (value) => typeof value === "number" && bounds.every(([compare, bound]) => compare(value, bound));
}

/** Two comparisons are a range: from below, then to above. */
function checkRange(operand: readonly unknown[]): void {
  if (operand.length === 2) return;
  const [lower, from, upper, to] = operand;
  const isRange = String(lower).startsWith(">") && String(upper).startsWith("<");
  if (operand.length !== 4 || !isRange) throw invalid("Too many terms in numeric range expression");
  if (Number(from) >= Number(to)) throw invalid("Bottom must be less than top");
}

/** A value, several, or several beginnings, ends, and so on: none of them may be it. */
function anythingBut(operand: unknown): ValueTest {
  if (typeof operand === "object" && operand !== null && !Array.isArray(operand)) {
    const [entry, ...more] = Object.entries(operand);
    if (entry === undefined || more.length > 0) throw invalid("Only one key allowed in match expression");
    const [type, given] = entry;
    const compile = MATCHES[type];
    if (compile === undefined || !["prefix", "suffix", "equals-ignore-case", "wildcard"].includes(type))
      throw invalid(`Unsupported anything-but pattern: ${type}`);
    return noneOf(listed(given).map((one) => compile(one)));
  }
  const values = listed(operand);
  for (const value of values) {
    if (typeof value !== "string" && typeof value !== "number")
      throw invalid("Inside anything but list, start|null|boolean is not supported.");
  }
  if (new Set(values.map((value) => typeof value)).size > 1)
    throw invalid(
      "Inside anything but list, either all values are number or string, mixed type is not supported",
    );
  return noneOf(values.map((wanted) => (value) => value === wanted));
}

function listed(operand: unknown): readonly unknown[] {
  const values = Array.isArray(operand) ? (operand as unknown[]) : [operand];
  if (values.length === 0) throw invalid("Anything-But expression name not found");
  return values;
}

const noneOf =
  (tests: readonly ValueTest[]): ValueTest =>
  (value) =>
    !tests.some((test) => test(value));

import { ipRangeContains } from "./ip-range.ts";

/** Whether a parsed event matches. */
export type EventMatcher = (event: unknown) => boolean;

/** What is wrong with a pattern, in AWS's words. */
export interface MalformedPattern {
  readonly problem: string;
}

class Malformed extends Error {}

type ValueTest = (value: unknown) => boolean;

/** Of one field: what its values are tested by, and whether it may be absent. */
interface FieldTest {
  readonly tests: readonly ValueTest[];
  readonly matchesAbsent: boolean;
}

const NUMBER_MAX = 5e9;

/**
 * Compiles the JSON text of an event pattern, "Amazon EventBridge event patterns". Fields of the objects in an array
 * match together in one of them, as AWS's rule engine does it.
 */
export function compileEventPattern(text: string): EventMatcher | MalformedPattern {
  let pattern: unknown;
  try {
    pattern = JSON.parse(text);
  } catch {
    return { problem: "Filter is not a valid JSON document" };
  }
  if (!isObject(pattern)) return { problem: "Filter is not an object" };
  if (Object.keys(pattern).length === 0) return { problem: "Empty patterns are not allowed" };
  try {
    return compileObject(pattern);
  } catch (error) {
    if (error instanceof Malformed) return { problem: error.message };
    throw error;
  }
}

function compileObject(pattern: Record<string, unknown>): EventMatcher {
  const entries = Object.entries(pattern);
  if (entries.length === 0) throw new Malformed("Empty objects are not allowed");
  const members = entries.map(([name, value]) =>
    name === "$or" && isAlternatives(value) ? compileAlternatives(value) : compileMember(name, value),
  );
  const matchesOne: EventMatcher = (value) => members.every((matches) => matches(value));
  return (value) => {
    if (!Array.isArray(value)) return matchesOne(isObject(value) ? value : undefined);
    const objects = value.flat(Number.POSITIVE_INFINITY).filter(isObject);
    return objects.length === 0 ? matchesOne(undefined) : objects.some(matchesOne);
  };
}

/** A field may be called "$or" as well. */
const isAlternatives = (value: unknown): value is Record<string, unknown>[] =>
  Array.isArray(value) && value.length > 1 && value.every((each) => isObject(each) && !isOperator(each));

const isOperator = (value: Record<string, unknown>): boolean => {
  const [name, ...others] = Object.keys(value);
  return others.length === 0 && name !== undefined && OPERATORS.has(name);
};

function compileAlternatives(alternatives: readonly Record<string, unknown>[]): EventMatcher {
  const compiled = alternatives.map(compileObject);
  return (value) => compiled.some((matches) => matches(value));
}

function compileMember(name: string, pattern: unknown): EventMatcher {
  const memberOf = (value: unknown): unknown =>
    isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  if (isObject(pattern)) {
    const matches = compileObject(pattern);
    return (value) => matches(memberOf(value));
  }
  if (!Array.isArray(pattern)) throw new Malformed(`"${name}" must be an object or an array`);
  if (pattern.length === 0) throw new Malformed("Empty arrays are not allowed");
  const { tests, matchesAbsent } = compileField(pattern);
  return (value) => {
    const values = leavesOf(memberOf(value));
    return values.length === 0 ? matchesAbsent : values.some((each) => tests.some((test) => test(each)));
  };
}

/** The values of a field: those in its array, if it is one; objects are no values. */
function leavesOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value.flat(Number.POSITIVE_INFINITY).filter((each) => !isObject(each));
  return value === undefined || isObject(value) ? [] : [value];
}

function compileField(pattern: readonly unknown[]): FieldTest {
  const tests: ValueTest[] = [];
  let matchesAbsent = false;
  for (const each of pattern) {
    if (isObject(each) && "exists" in each && Object.keys(each).length === 1) {
      if (typeof each.exists !== "boolean") throw new Malformed("exists match pattern must be either true or false.");
      if (each.exists) tests.push(() => true);
      else matchesAbsent = true;
    } else tests.push(compileValue(each));
  }
  return { tests, matchesAbsent };
}

function compileValue(pattern: unknown): ValueTest {
  if (Array.isArray(pattern)) throw new Malformed("Match value must be String, number, true, false, or null");
  if (!isObject(pattern)) return (value) => value === pattern;
  const [[name, argument] = ["", undefined], ...others] = Object.entries(pattern);
  if (others.length > 0) throw new Malformed("Only one key allowed in match expression");
  const operator = OPERATORS.get(name);
  if (operator === undefined) throw new Malformed(`Unrecognized match type ${name}`);
  return operator(argument);
}

const OPERATORS: ReadonlyMap<string, (argument: unknown) => ValueTest> = new Map([
  ["prefix", (argument: unknown) => affix("prefix", argument)],
  ["suffix", (argument: unknown) => affix("suffix", argument)],
  ["equals-ignore-case", equalsIgnoreCase],
  ["wildcard", wildcard],
  ["anything-but", anythingBut],
  ["numeric", numeric],
  ["cidr", cidr],
  ["exists", () => () => true],
]);

function affix(kind: "prefix" | "suffix", argument: unknown): ValueTest {
  const test = (text: string, part: string): boolean =>
    kind === "prefix" ? text.startsWith(part) : text.endsWith(part);
  if (typeof argument === "string") return (value) => typeof value === "string" && test(value, argument);
  const folded = isObject(argument) ? argument["equals-ignore-case"] : undefined;
  if (typeof folded !== "string" || Object.keys(argument as object).length > 1)
    throw new Malformed(`${kind} match pattern must be a string`);
  const lower = folded.toLowerCase();
  return (value) => typeof value === "string" && test(value.toLowerCase(), lower);
}

function equalsIgnoreCase(argument: unknown): ValueTest {
  if (typeof argument !== "string") throw new Malformed("equals-ignore-case match pattern must be a string");
  const lower = argument.toLowerCase();
  return (value) => typeof value === "string" && value.toLowerCase() === lower;
}

function wildcard(argument: unknown): ValueTest {
  if (typeof argument !== "string") throw new Malformed("wildcard match pattern must be a string");
  const pieces = [""];
  for (let at = 0; at < argument.length; at++) {
    const character = argument.charAt(at);
    if (character === "*") {
      if (argument[at + 1] === "*") throw new Malformed(`Consecutive wildcard characters at pos ${at}`);
      pieces.push("");
      continue;
    }
    if (character === "\\") {
      at++;
      if (argument[at] !== "*" && argument[at] !== "\\")
        throw new Malformed(`Invalid escape character at pos ${at - 1}`);
    }
    pieces[pieces.length - 1] += argument.charAt(at);
  }
  return (value) => typeof value === "string" && matchesPieces(value, pieces);
}

/** Whether the pieces stand in a text one after another, the first at its begin and the last at its end. */
function matchesPieces(text: string, pieces: readonly string[]): boolean {
  const [first = "", ...rest] = pieces;
  const last = rest.pop();
  if (last === undefined) return text === first;
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) return false;
  let at = first.length;
  for (const piece of rest) {
    const found = text.indexOf(piece, at);
    if (found === -1) return false;
    at = found + piece.length;
  }
  return at <= text.length - last.length;
}

/** AWS: with prefix, suffix, equals-ignore-case and wildcard inside, each of one text or several. */
function anythingBut(argument: unknown): ValueTest {
  const isNot = (tests: readonly ValueTest[]): ValueTest => (value) => !tests.some((test) => test(value));
  if (isObject(argument)) {
    const [[name, inner] = ["", undefined], ...others] = Object.entries(argument);
    const operator = ANYTHING_BUT_OPERATORS.has(name) ? OPERATORS.get(name) : undefined;
    if (operator === undefined || others.length > 0)
      throw new Malformed(`Unsupported anything-but pattern: ${name}`);
    return isNot((Array.isArray(inner) ? inner : [inner]).map((each: unknown) => operator(each)));
  }
  const values: unknown[] = Array.isArray(argument) ? argument : [argument];
  const areGood =
    values.length > 0 &&
    (values.every((value) => typeof value === "string") || values.every((value) => typeof value === "number"));
  if (!areGood) throw new Malformed("Inside anything but list, start|null|boolean is not supported.");
  return (value) => !values.includes(value);
}

const ANYTHING_BUT_OPERATORS: ReadonlySet<string> = new Set([
  "prefix",
  "suffix",
  "equals-ignore-case",
  "wildcard",
]);

const COMPARISONS: Readonly<Record<string, (value: number, bound: number) => boolean>> = {
  "=": (value, bound) => value === bound,
  "<": (value, bound) => value < bound,
  "<=": (value, bound) => value <= bound,
  ">": (value, bound) => value > bound,
  ">=": (value, bound) => value >= bound,
};

function numeric(argument: unknown): ValueTest {
  if (!Array.isArray(argument) || argument.length === 0 || argument.length % 2 === 1 || argument.length > 4)
    throw new Malformed("Value of numeric must be an array.");
  const tests: ((value: number) => boolean)[] = [];
  for (let at = 0; at < argument.length; at += 2) {
    const [sign, bound] = [argument[at] as unknown, argument[at + 1] as unknown];
    const compare = typeof sign === "string" && Object.hasOwn(COMPARISONS, sign) ? COMPARISONS[sign] : undefined;
    if (compare === undefined) throw new Malformed(`Unrecognized numeric range operator: ${String(sign)}`);
    if (typeof bound !== "number") throw new Malformed(`Value of ${String(sign)} must be numeric`);
    if (Math.abs(bound) > NUMBER_MAX)
      throw new Malformed("Value must be between -5.0e9 and 5.0e9, inclusive");
    tests.push((value) => compare(value, bound));
  }
  if (argument.length === 4) checkRange(argument);
  return (value) => typeof value === "number" && tests.every((test) => test(value));
}

function checkRange([low, from, high, to]: readonly unknown[]): void {
  if (!String(low).startsWith(">") || !String(high).startsWith("<"))
    throw new Malformed("Bad numeric range operator: a range has a lower bound and then an upper one.");
  if (Number(from) >= Number(to)) throw new Malformed("Bottom must be less than top");
}

function cidr(argument: unknown): ValueTest {
  const isRange =
    typeof argument === "string" &&
    argument.includes("/") &&
    ipRangeContains(argument, "0.0.0.0") !== undefined;
  if (!isRange) throw new Malformed("Malformed CIDR, one '/' required");
  return (value) => typeof value === "string" && ipRangeContains(argument, value) === true;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

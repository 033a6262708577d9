import { compileMatch, InvalidEventPattern, type ValueTest } from "./event-match.ts";
import { patternCombinations } from "./pattern-combinations.ts";

export { InvalidEventPattern } from "./event-match.ts";

/** Whether an event, or a part of it, is one that the pattern asks for. Compiled once, asked for each event. */
export type EventTest = (event: unknown) => boolean;

/** AWS: a rule is refused where `$or` leads to more ("Using OR matching"); its words are not documented. */
const COMBINATIONS_MAX = 1_000;

type JsonObject = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * Compiles a pattern as EventBridge, and with it SNS and event source mappings, has them: all fields named must match,
 * each by any element of its array. Throws `InvalidEventPattern` with AWS's reason. Follows "Amazon EventBridge event
 * patterns" and its "content filtering".
 */
export function compileEventPattern(pattern: string): EventTest {
  let parsed: unknown;
  try {
    parsed = JSON.parse(pattern);
  } catch {
    throw new InvalidEventPattern("Filter is not valid JSON");
  }
  if (!isObject(parsed)) throw new InvalidEventPattern("Filter is not an object");
  const test = compileObject(parsed);
  if (patternCombinations(parsed, () => 1) > COMBINATIONS_MAX)
    throw new InvalidEventPattern(`$or leads to more than ${COMBINATIONS_MAX} combinations`);
  return test;
}

function compileObject(pattern: JsonObject): EventTest {
  const entries = Object.entries(pattern);
  if (entries.length === 0) throw new InvalidEventPattern("Empty objects are not allowed");
  const tests = entries.map(([name, wanted]) =>
    name === "$or" && isAlternatives(wanted) ? compileAlternatives(wanted) : compileField(name, wanted),
  );
  const matches = (event: JsonObject): boolean => tests.every((test) => test(event));
  const test: EventTest = (event) =>
    // AWS: what a pattern says of the elements of an array holds for one and the same element.
    Array.isArray(event) ? event.some(test) : isObject(event) && matches(event);
  return test;
}

/** AWS: `$or` is a field's name like any other unless its value is a list of objects. */
const isAlternatives = (value: unknown): value is readonly JsonObject[] =>
  Array.isArray(value) && value.length > 1 && value.every(isObject) && !value.some(isMatchExpression);

const MATCH_TYPES = new Set([
  "exists",
  "equals-ignore-case",
  "prefix",
  "suffix",
  "anything-but",
  "numeric",
  "cidr",
  "wildcard",
]);
const isMatchExpression = (value: JsonObject): boolean =>
  Object.keys(value).some((name) => MATCH_TYPES.has(name));

function compileAlternatives(alternatives: readonly JsonObject[]): EventTest {
  const tests = alternatives.map(compileObject);
  return (event) => tests.some((test) => test(event));
}

function compileField(name: string, wanted: unknown): EventTest {
  if (isObject(wanted)) {
    const test = compileObject(wanted);
    const acceptsAbsence = asksForAbsenceOnly(wanted);
    return (event) => {
      const value = own(event as JsonObject, name);
      return value === undefined
        ? acceptsAbsence
        : isObject(value) || Array.isArray(value)
          ? test(value)
          : acceptsAbsence;
    };
  }
  if (!Array.isArray(wanted)) throw new InvalidEventPattern(`"${name}" must be an object or an array`);
  if (wanted.length === 0) throw new InvalidEventPattern("Empty arrays are not allowed");
  return compileValues(name, wanted);
}

function compileValues(name: string, wanted: readonly unknown[]): EventTest {
  const tests: ValueTest[] = [];
  const presences: boolean[] = [];
  for (const match of wanted) {
    const presence = presenceOf(match);
    if (presence === undefined) tests.push(compileMatch(match));
    else presences.push(presence);
  }
  return (event) => {
    const leaves = leavesOf(own(event as JsonObject, name));
    if (presences.includes(leaves.length > 0)) return true;
    return leaves.some((leaf) => tests.some((test) => test(leaf)));
  };
}

/** Of `{"exists": true}`: whether the field has to be there. */
function presenceOf(match: unknown): boolean | undefined {
  if (!isObject(match) || !Object.hasOwn(match, "exists")) return undefined;
  if (Object.keys(match).length > 1)
    throw new InvalidEventPattern("Only one key allowed in match expression");
  const { exists } = match;
  if (typeof exists !== "boolean")
    throw new InvalidEventPattern("exists match pattern must be either true or false.");
  return exists;
}

/** Whether all that is asked for below is that it be absent: an absent object fulfils that as well. */
function asksForAbsenceOnly(pattern: JsonObject): boolean {
  return Object.values(pattern).every((wanted) =>
    isObject(wanted)
      ? asksForAbsenceOnly(wanted)
      : Array.isArray(wanted) && wanted.some((match) => isObject(match) && match.exists === false),
  );
}

const own = (event: JsonObject, name: string): unknown =>
  Object.hasOwn(event, name) ? event[name] : undefined;

/** AWS: an array stands for its elements; objects are no values. */
function leavesOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value.flatMap(leavesOf);
  return value === undefined || isObject(value) ? [] : [value];
}

import { FilterScanner, unquote } from "./filter-scanner.ts";
import { compileComparison, type FieldValue, InvalidFilterPattern } from "./filter-value.ts";

type Test = (event: unknown) => boolean;
/** A property, an index, or every element. */
type Step = string | number | typeof EVERY;
const EVERY = Symbol("*");

/** Characters of an unquoted value. */
const BARE_VALUE = /[^\s()&|"}]+/;

/** Compiles `{ $.a.b = 1 && ($.c[0] != "x*" || $.d NOT EXISTS) }`; the given text is without the braces. */
export function compileJsonFilter(text: string): (message: string) => boolean {
  const scanner = new FilterScanner(text);
  const test = disjunction(scanner);
  if (!scanner.atEnd) throw new InvalidFilterPattern("text behind the condition");
  return (message) => {
    const event = parseObject(message);
    return event !== undefined && test(event);
  };
}

/**
 * Compiles a selector such as `$.a.b[0]`: the first value it finds in an event that is text, number, truth value or null;
 * undefined where there is none. Throws `InvalidFilterPattern`.
 */
export function compileJsonSelector(text: string): (message: string) => FieldValue | undefined {
  const scanner = new FilterScanner(text);
  const steps = selector(scanner);
  if (!scanner.atEnd) throw new InvalidFilterPattern("text behind the selector");
  return (message) => {
    const event = parseObject(message);
    return event === undefined ? undefined : select(event, steps).find(isFieldValue);
  };
}

function parseObject(message: string): unknown {
  if (!/^\s*[{[]/.test(message)) return undefined;
  try {
    return JSON.parse(message);
  } catch {
    return undefined;
  }
}

function disjunction(scanner: FilterScanner): Test {
  const tests = [conjunction(scanner)];
  while (scanner.takes("||")) tests.push(conjunction(scanner));
  return (event) => tests.some((test) => test(event));
}

function conjunction(scanner: FilterScanner): Test {
  const tests = [condition(scanner)];
  while (scanner.takes("&&")) tests.push(condition(scanner));
  return (event) => tests.every((test) => test(event));
}

function condition(scanner: FilterScanner): Test {
  if (scanner.takes("(")) {
    const test = disjunction(scanner);
    scanner.expect(")");
    return test;
  }
  const steps = selector(scanner);
  const operator = scanner.operator();
  if (operator !== undefined) {
    const holds = compileComparison(operator, scanner.literal(BARE_VALUE));
    return (event) => select(event, steps).some((value) => isFieldValue(value) && holds(value));
  }
  if (scanner.takesWord("NOT")) {
    expectWord(scanner, "EXISTS");
    return (event) => select(event, steps).length === 0;
  }
  if (scanner.takesWord("EXISTS")) return (event) => select(event, steps).length > 0;
  expectWord(scanner, "IS");
  const expected = isValue(scanner);
  return (event) => select(event, steps).includes(expected);
}

function isValue(scanner: FilterScanner): boolean | null {
  if (scanner.takesWord("TRUE")) return true;
  if (scanner.takesWord("FALSE")) return false;
  expectWord(scanner, "NULL");
  return null;
}

function expectWord(scanner: FilterScanner, word: string): void {
  if (!scanner.takesWord(word)) throw new InvalidFilterPattern(`${word} expected`);
}

function selector(scanner: FilterScanner): Step[] {
  scanner.expect("$");
  const steps: Step[] = [];
  for (;;) {
    const step = nextStep(scanner);
    if (step === undefined) break;
    steps.push(step);
  }
  if (steps.length === 0) throw new InvalidFilterPattern("a selector names a property");
  return steps;
}

function nextStep(scanner: FilterScanner): Step | undefined {
  const property = scanner.run(/\.(?:[\w-]+|\*)/)?.slice(1);
  if (property !== undefined) return property === "*" ? EVERY : property;
  const index = scanner
    .run(/\[\s*(?:\d+|\*)\s*\]/)
    ?.slice(1, -1)
    .trim();
  if (index !== undefined) return index === "*" ? EVERY : Number(index);
  const quoted = scanner
    .run(/\[\s*"(?:[^"\\]|\\.)*"\s*\]/)
    ?.slice(1, -1)
    .trim();
  return quoted === undefined ? undefined : unquote(quoted);
}

function select(event: unknown, steps: readonly Step[]): unknown[] {
  let values: unknown[] = [event];
  for (const step of steps) {
    values = values.flatMap((value) => children(value, step));
  }
  return values;
}

function children(value: unknown, step: Step): unknown[] {
  if (typeof value !== "object" || value === null) return [];
  if (step === EVERY) return Object.values(value);
  if (Array.isArray(value) !== (typeof step === "number")) return [];
  return Object.hasOwn(value, step) ? [(value as Record<string | number, unknown>)[step]] : [];
}

const isFieldValue = (value: unknown): value is FieldValue => typeof value !== "object" || value === null;

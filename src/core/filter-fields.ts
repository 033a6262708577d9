import { FilterScanner } from "./filter-scanner.ts";
import { compileComparison, InvalidFilterPattern } from "./filter-value.ts";

type Test = (value: string) => boolean;

/** One field of the pattern; the ellipsis stands for any number of them. */
type Field = { readonly name: string; readonly test: Test } | "...";

const NAME = /[\w-]+/;
const BARE_VALUE = /[^\s,()&|"\]]+/;

/** Compiles `[ip, user, status = 4*, bytes > 1000, ...]`; the given text is without the brackets. */
export function compileFieldsFilter(text: string): (message: string) => boolean {
  const fields = readFields(text);
  return (message) => fieldsMatch(fields, splitFields(message));
}

/** The names that the pattern gives to fields. */
export function namedFields(text: string): string[] {
  return readFields(text).flatMap((each) => (each === "..." ? [] : [each.name]));
}

/** Compiles a reader of the fields by the names that the pattern gives them; of events that match it. */
export function compileFieldValues(text: string): (message: string) => ReadonlyMap<string, string> {
  const fields = readFields(text);
  const ellipsis = fields.indexOf("...");
  return (message) => {
    const values = splitFields(message);
    const named = new Map<string, string>();
    for (const [index, each] of fields.entries()) {
      const isTail = ellipsis >= 0 && index > ellipsis;
      const value = values[isTail ? values.length - fields.length + index : index];
      if (each !== "..." && value !== undefined) named.set(each.name, value);
    }
    return named;
  };
}

function readFields(text: string): Field[] {
  const scanner = new FilterScanner(text);
  const fields: Field[] = [];
  do {
    fields.push(field(scanner));
  } while (scanner.takes(","));
  if (!scanner.atEnd) throw new InvalidFilterPattern("text behind the fields");
  if (fields.filter((each) => each === "...").length > 1)
    throw new InvalidFilterPattern("more than one ellipsis");
  return fields;
}

function field(scanner: FilterScanner): Field {
  if (scanner.takes("...")) return "...";
  const start = scanner.position;
  const test = disjunction(scanner);
  return { name: NAME.exec(scanner.readFrom(start))?.[0] ?? "", test };
}

function disjunction(scanner: FilterScanner): Test {
  const tests = [conjunction(scanner)];
  while (scanner.takes("||")) tests.push(conjunction(scanner));
  return (value) => tests.some((test) => test(value));
}

function conjunction(scanner: FilterScanner): Test {
  const tests = [condition(scanner)];
  while (scanner.takes("&&")) tests.push(condition(scanner));
  return (value) => tests.every((test) => test(value));
}

function condition(scanner: FilterScanner): Test {
  if (scanner.takes("(")) {
    const test = disjunction(scanner);
    scanner.expect(")");
    return test;
  }
  if (scanner.run(NAME) === undefined) throw new InvalidFilterPattern("field name expected");
  const operator = scanner.operator();
  return operator === undefined ? () => true : compileComparison(operator, scanner.literal(BARE_VALUE));
}

function fieldsMatch(fields: readonly Field[], values: readonly string[]): boolean {
  const ellipsis = fields.indexOf("...");
  if (ellipsis < 0) return fields.length === values.length && allMatch(fields, values);
  const head = fields.slice(0, ellipsis);
  const tail = fields.slice(ellipsis + 1);
  if (values.length < head.length + tail.length) return false;
  return allMatch(head, values) && allMatch(tail, values.slice(values.length - tail.length));
}

const allMatch = (fields: readonly Field[], values: readonly string[]): boolean =>
  fields.every((each, index) => each === "..." || each.test(values[index] ?? ""));

/** AWS: what stands between brackets or double quotes is one field. */
function splitFields(message: string): string[] {
  return (message.trim().match(/\[[^\]]*\]|"(?:[^"\\]|\\.)*"|\S+/g) ?? []).map((value) =>
    /^(\[.*\]|".*")$/s.test(value) ? value.slice(1, -1) : value,
  );
}

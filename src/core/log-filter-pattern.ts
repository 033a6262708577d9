import { compileFieldsFilter } from "./filter-fields.ts";
import { compileJsonFilter } from "./filter-json.ts";
import { compileFilterRegex } from "./filter-regex.ts";
import { unquote } from "./filter-scanner.ts";
import { InvalidFilterPattern } from "./filter-value.ts";

export { InvalidFilterPattern } from "./filter-value.ts";

/** `undefined` stands for a pattern that matches every event. */
export type LogFilter = ((message: string) => boolean) | undefined;

/**
 * Compiles a filter pattern of CloudWatch Logs: terms, phrases, `?optional` and `-excluded` ones, `%regex%`, JSON
 * conditions in braces and space-delimited fields in brackets. Throws `InvalidFilterPattern`.
 * See "Filter pattern syntax for metric filters, subscription filters, filter log events, and Live Tail".
 */
export function compileLogFilter(pattern: string): LogFilter {
  const text = pattern.trim();
  if (text === "") return undefined;
  if (text.startsWith("{")) return compileJsonFilter(inside(text, "}"));
  if (text.startsWith("[")) return compileFieldsFilter(inside(text, "]"));
  return compileTerms(text);
}

function inside(text: string, end: string): string {
  if (!text.endsWith(end) || text.length < 2) throw new InvalidFilterPattern(`${end} expected at the end`);
  return text.slice(1, -1);
}

interface Term {
  readonly sign: string;
  readonly matches: (message: string) => boolean;
}

const TERM = /\s*([?-]?)(?:"((?:[^"\\]|\\.)*)"|(%(?:[^%\\]|\\.)+%)|([^\s"]+))(?=\s|$)/y;

function compileTerms(text: string): LogFilter {
  const terms = splitTerms(text);
  const required = terms.filter(({ sign }) => sign === "");
  const excluded = terms.filter(({ sign }) => sign === "-");
  const optional = terms.filter(({ sign }) => sign === "?");
  // AWS: optional terms count only when they stand alone; beside others they are ignored.
  if (required.length === 0 && excluded.length === 0) {
    return (message) => optional.some(({ matches }) => matches(message));
  }
  return (message) =>
    required.every(({ matches }) => matches(message)) && !excluded.some(({ matches }) => matches(message));
}

function splitTerms(text: string): Term[] {
  const terms: Term[] = [];
  TERM.lastIndex = 0;
  while (TERM.lastIndex < text.length) {
    const match = TERM.exec(text);
    if (match === null) throw new InvalidFilterPattern(text);
    const [, sign = "", phrase, regex, word] = match;
    terms.push({ sign, matches: termTest(phrase, regex, word) });
  }
  return terms;
}

function termTest(
  phrase: string | undefined,
  regex: string | undefined,
  word: string | undefined,
): (message: string) => boolean {
  if (regex !== undefined) {
    const matches = compileFilterRegex(regex.slice(1, -1));
    if (matches === undefined) throw new InvalidFilterPattern(regex);
    return matches;
  }
  const term = phrase === undefined ? (word ?? "") : unquote(`"${phrase}"`);
  // AWS: terms with anything but letters, digits and underscores stand in quotes.
  if (phrase === undefined && !/^[\p{L}\p{N}_]+$/u.test(term)) throw new InvalidFilterPattern(term);
  return (message) => message.includes(term);
}

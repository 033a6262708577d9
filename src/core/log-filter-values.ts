import { compileFieldValues, namedFields } from "./filter-fields.ts";
import { compileJsonSelector } from "./filter-json.ts";
import { type FieldValue, InvalidFilterPattern } from "./filter-value.ts";

/** Reads one value out of a log event that matches; undefined where it has none. */
export type LogValue = (message: string) => FieldValue | undefined;

/** What the patterns of CloudWatch Logs look at: words, properties of JSON, or fields between spaces. */
export function filterKind(pattern: string): "terms" | "json" | "fields" {
  const text = pattern.trim();
  if (text.startsWith("{")) return "json";
  return text.startsWith("[") ? "fields" : "terms";
}

/**
 * Compiles `$.property` for a pattern in braces, `$field` for one in brackets. Throws `InvalidFilterPattern` for a selector
 * that the pattern has no values for.
 */
export function compileLogValue(pattern: string, selector: string): LogValue {
  const kind = filterKind(pattern);
  if (kind === "json") return compileJsonSelector(selector);
  const name = /^\$([\w-]+)$/.exec(selector)?.[1];
  if (kind === "terms" || name === undefined) throw new InvalidFilterPattern(selector);
  const text = pattern.trim().slice(1, -1);
  if (!namedFields(text).includes(name)) throw new InvalidFilterPattern(selector);
  const values = compileFieldValues(text);
  return (message) => values(message).get(name);
}

/** Selectors in a pattern in braces; what stands in quotes or is a regular expression is none. */
const SELECTOR = /"(?:[^"\\]|\\.)*"|%(?:[^%\\]|\\.)+%|(\$(?:\.(?:[\w-]+|\*)|\[[^\]]*\])+)/g;

/** What a pattern looks at in an event that matches it, by name: `$field` or `$.property`. */
export function extractedLogValues(pattern: string, message: string): Record<string, string> {
  const kind = filterKind(pattern);
  if (kind === "terms") return {};
  if (kind === "fields") {
    const values = compileFieldValues(pattern.trim().slice(1, -1))(message);
    return Object.fromEntries([...values].map(([name, value]) => [`$${name}`, value]));
  }
  const selectors = [...pattern.matchAll(SELECTOR)].flatMap(([, selector]) => selector ?? []);
  const found = selectors.map((selector) => [selector, compileJsonSelector(selector)(message)] as const);
  return Object.fromEntries(
    found.flatMap(([selector, value]) => (value === undefined ? [] : [[selector, String(value)]])),
  );
}

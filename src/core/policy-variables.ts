import { literalPattern, type WildcardPattern, wildcardPattern } from "./wildcard.ts";

/** Condition keys in lower case with their values: what is known about a request. */
export type RequestContextKeys = ReadonlyMap<string, readonly string[]>;

const VARIABLE = /\$\{\s*([^},\s]+)\s*(?:,\s*'([^']*)'\s*)?\}/g;

/**
 * Fills in policy variables (`${aws:PrincipalTag/team, 'none'}`, `${*}`, `${?}`, `${$}`). Values are taken literally:
 * a `*` in a tag is not a wildcard. `undefined` when a variable has neither exactly one value nor a default; such a
 * text matches nothing. See "IAM policy elements: Variables and tags".
 */
export function fillPolicyVariables(
  template: string,
  context: RequestContextKeys,
): WildcardPattern | undefined {
  if (!template.includes("${")) return wildcardPattern(template);
  const pattern: WildcardPattern[number][] = [];
  let end = 0;
  for (const match of template.matchAll(VARIABLE)) {
    const [whole, name = "", fallback] = match;
    const value = variableValue(name, context) ?? fallback;
    if (value === undefined) return undefined;
    pattern.push(...wildcardPattern(template.slice(end, match.index)), ...literalPattern(value));
    end = match.index + whole.length;
  }
  pattern.push(...wildcardPattern(template.slice(end)));
  return pattern;
}

function variableValue(name: string, context: RequestContextKeys): string | undefined {
  if (name === "*" || name === "?" || name === "$") return name;
  const values = context.get(name.toLowerCase());
  return values?.length === 1 ? values[0] : undefined;
}

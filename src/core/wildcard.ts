/** `*`: any run of characters. */
export const ANY_RUN = Symbol("*");
/** `?`: any one character. */
export const ANY_ONE = Symbol("?");

/** A pattern as a list of single characters and wildcards, so that a literal `*` can stand in it too. */
export type WildcardPattern = readonly (string | typeof ANY_RUN | typeof ANY_ONE)[];

/** Reads `*` and `?` of a text as wildcards. */
export function wildcardPattern(text: string): WildcardPattern {
  return Array.from(text, (character) =>
    character === "*" ? ANY_RUN : character === "?" ? ANY_ONE : character,
  );
}

/** Takes a text literally. */
export function literalPattern(text: string): WildcardPattern {
  return Array.from(text);
}

/**
 * Whether the whole text matches. Never backtracks further than the last `*`, so that hostile patterns cost at most
 * the product of both lengths.
 */
export function matchesWildcard(pattern: WildcardPattern, text: string): boolean {
  const characters = Array.from(text);
  let patternIndex = 0;
  let textIndex = 0;
  let lastRun = -1;
  let resumeAt = 0;
  while (textIndex < characters.length) {
    const expected = pattern[patternIndex];
    if (expected === ANY_RUN) {
      lastRun = patternIndex++;
      resumeAt = textIndex;
    } else if (expected === ANY_ONE || (expected !== undefined && expected === characters[textIndex])) {
      patternIndex++;
      textIndex++;
    } else if (lastRun >= 0) {
      patternIndex = lastRun + 1;
      textIndex = ++resumeAt;
    } else {
      return false;
    }
  }
  while (pattern[patternIndex] === ANY_RUN) patternIndex++;
  return patternIndex === pattern.length;
}

/** The colon-separated parts of an ARN; the sixth holds everything that follows the account. */
const ARN_PARTS = 6;

/**
 * Whether an ARN matches a pattern of a policy: each of the six parts by itself, so that a wildcard does not reach
 * over a colon, except in the last part of the pattern. See "IAM JSON policy elements: Resource".
 */
export function matchesArn(pattern: WildcardPattern, arn: string): boolean {
  const patternParts = splitPattern(pattern);
  if (patternParts.length === 1) return matchesWildcard(pattern, arn);
  const arnParts = splitArn(arn, patternParts.length);
  if (arnParts.length !== patternParts.length) return false;
  return patternParts.every((part, index) => matchesWildcard(part, arnParts[index] ?? ""));
}

function splitPattern(pattern: WildcardPattern): WildcardPattern[] {
  const parts: WildcardPattern[] = [];
  let start = 0;
  pattern.forEach((character, index) => {
    if (character === ":" && parts.length < ARN_PARTS - 1) {
      parts.push(pattern.slice(start, index));
      start = index + 1;
    }
  });
  parts.push(pattern.slice(start));
  return parts;
}

function splitArn(arn: string, count: number): string[] {
  const parts = arn.split(":");
  return parts.length <= count ? parts : [...parts.slice(0, count - 1), parts.slice(count - 1).join(":")];
}

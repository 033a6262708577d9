import { notSupported } from "../core/errors.ts";

/** Refuses patterns that cannot be evaluated. */
export function checkPatterns(patterns: readonly string[]): void {
  if (patterns.length > 0) throw notSupported("FilterCriteria");
}

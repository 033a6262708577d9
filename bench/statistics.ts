/** The middle one; of an even number the upper one of both. */
export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** The value below which this share lies. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** With three digits after the point, for JSON. */
export function rounded(value: number): number {
  return Number(value.toFixed(3));
}

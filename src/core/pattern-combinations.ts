type JsonObject = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * How many patterns without `$or` one with it stands for: the alternatives of a `$or` add up, those of fields side by side
 * multiply. `weigh` tells for how many a field's list of values counts, at its depth from 1 on.
 */
export function patternCombinations(
  pattern: JsonObject,
  weigh: (values: readonly unknown[], depth: number) => number,
  depth = 1,
): number {
  let product = 1;
  for (const [name, wanted] of Object.entries(pattern)) {
    if (isObject(wanted)) product *= patternCombinations(wanted, weigh, depth + 1);
    else if (Array.isArray(wanted))
      product *=
        name === "$or" && wanted.every(isObject)
          ? wanted.reduce((sum, each) => sum + patternCombinations(each, weigh, depth), 0)
          : weigh(wanted, depth);
  }
  return product;
}

/** The fields that have values, by their paths, each once. */
export function patternFields(pattern: JsonObject, path = ""): ReadonlySet<string> {
  const fields = new Set<string>();
  for (const [name, wanted] of Object.entries(pattern)) {
    const below = isObject(wanted)
      ? patternFields(wanted, `${path}${name}.`)
      : name === "$or" && Array.isArray(wanted) && wanted.every(isObject)
        ? wanted.flatMap((each) => [...patternFields(each, path)])
        : [`${path}${name}`];
    for (const field of below) fields.add(field);
  }
  return fields;
}

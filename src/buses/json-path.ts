type Step =
  | { readonly kind: "member"; readonly name: string }
  | { readonly kind: "element"; readonly index: number }
  | { readonly kind: "all" };

/** The part of JSONPath that input paths have: `$`, `.name`, `['name']`, `[0]`, `[*]`, `.*`. */
export interface JsonPath {
  /** What is there; undefined: nothing. With `*` it is an array of all. */
  select(value: unknown): unknown;
}

/** Reads a path; undefined for what is none. */
export function parseJsonPath(text: string): JsonPath | undefined {
  if (!text.startsWith("$")) return undefined;
  const steps: Step[] = [];
  const pattern = /\.(\*|[^.[\]'"*\s]+)|\['([^']+)'\]|\["([^"]+)"\]|\[(\d+)\]|\[(\*)\]/y;
  pattern.lastIndex = 1;
  while (pattern.lastIndex < text.length) {
    const [, dotted, single, double, index, star] = pattern.exec(text) ?? [];
    const name = dotted ?? single ?? double;
    if (dotted === "*" || star !== undefined) steps.push({ kind: "all" });
    else if (name !== undefined) steps.push({ kind: "member", name });
    else if (index !== undefined) steps.push({ kind: "element", index: Number(index) });
    else return undefined;
  }
  return { select: (value) => select(value, steps) };
}

function select(value: unknown, steps: readonly Step[]): unknown {
  let found: unknown = value;
  for (const [index, step] of steps.entries()) {
    if (typeof found !== "object" || found === null) return undefined;
    if (step.kind === "all") {
      const rest = steps.slice(index + 1);
      const each = Object.values(found).map((part: unknown) => select(part, rest));
      return each.filter((part) => part !== undefined);
    }
    if (step.kind === "element") found = Array.isArray(found) ? found[step.index] : undefined;
    else found = Object.hasOwn(found, step.name) ? (found as Record<string, unknown>)[step.name] : undefined;
  }
  return found;
}

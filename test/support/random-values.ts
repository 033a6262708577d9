import type { Member, ScalarShape, Shape, StructureShape } from "../../src/aws-api/protocol/shape.ts";

/** A repeatable source of random numbers from 0 to 1: the same seed, the same values. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const words = [
  "plain",
  "é ü",
  "<&>\"'",
  "a b+c",
  "日本",
  "%2F/x",
  "x=1&y=2",
  "\u{1f600}",
  "1",
  "true",
  "a.b",
  "-",
];

/** Random values of any shape that a wire must carry unchanged. */
export class RandomValues {
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** A value of the shape; `undefined` where recursion ends. */
  value(shape: Shape, depth = 0): unknown {
    switch (shape.kind) {
      case "structure":
        return this.#structure(shape, depth);
      case "list": {
        const elements = [this.value(shape.element, depth + 1), this.value(shape.element, depth + 1)];
        return depth > 7 || elements.includes(undefined) ? undefined : elements;
      }
      case "map": {
        const value = depth > 7 ? undefined : this.value(shape.value, depth + 1);
        if (value === undefined) return undefined;
        return { [`k${this.#word()}`]: value, [`l${this.#integer(99)}`]: value };
      }
      default:
        return this.#scalar(shape.kind);
    }
  }

  #scalar(kind: ScalarShape["kind"] | "timestamp"): unknown {
    switch (kind) {
      case "blob":
        return new Uint8Array([0, 255, this.#integer(256), this.#integer(256)]);
      case "timestamp":
        return new Date(1_700_000_000_000 + this.#integer(1_000_000) * 1000);
      case "boolean":
        return this.#random() < 0.5;
      case "number":
        return this.#integer(1000);
      case "document":
        return { a: [1, "b", { c: true }] };
      case "string":
        return this.#word();
      case "unit":
        return undefined;
    }
  }

  #structure(shape: StructureShape, depth: number): Record<string, unknown> | undefined {
    const result: Record<string, unknown> = {};
    const one = shape.members[this.#integer(shape.members.length)];
    for (const member of shape.union && one ? [one] : shape.members) {
      // The client reports the status of a response whether or not the output named one.
      const isOptional = !member.required && !shape.union && member.traits.httpResponseCode === undefined;
      if (!isOptional || (depth <= 3 && this.#random() >= 0.2)) this.#add(member, result, depth);
    }
    // A form cannot express a structure without members.
    for (const member of shape.members) if (depth > 0 && isEmpty(result)) this.#add(member, result, depth);
    return depth > 0 && isEmpty(result) ? undefined : result;
  }

  #add(member: Member, result: Record<string, unknown>, depth: number): void {
    if (member.streaming) return;
    const value = this.#memberValue(member, depth);
    if (value !== undefined) result[member.name] = value;
  }

  #memberValue({ traits, shape }: Member, depth: number): unknown {
    if (traits.httpResponseCode === 1) return 200 + this.#integer(3);
    // Headers hold no line breaks and no other scripts.
    if (traits.httpHeader !== undefined && shape.kind === "string") return `h${this.#integer(1e6)}`;
    return this.value(shape, depth + 1);
  }

  #integer(below: number): number {
    return Math.floor(this.#random() * below);
  }

  #word(): string {
    return `w${this.#integer(1e6)}${words[this.#integer(words.length)] ?? ""}`;
  }
}

/** A form in which values that mean the same are deeply equal: no nulls, no empty collections, plain data. */
export function comparable(value: unknown): unknown {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString("hex")}`;
  if (value instanceof Date) return `time ${value.getTime()}`;
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value)
    .filter(([name]) => name !== "$metadata")
    .map(([name, member]): [string, unknown] => [name, comparable(member)])
    .filter(([, member]) => member !== undefined && member !== null && !isEmpty(member));
  return Object.fromEntries(entries);
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

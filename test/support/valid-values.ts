import { type Constraint, constraintsOf } from "../../src/aws-api/protocol/constraints.ts";
import type { ListShape, MapShape, Member, Shape, StructureShape } from "../../src/aws-api/protocol/shape.ts";

/** Values that members of this name often have; others are made from the model's constraints alone. */
export type ValuePool = Readonly<Record<string, readonly unknown[]>>;

const WORDS = [
  "a",
  "live",
  "text",
  "o-abcdefghij",
  "1",
  "12",
  "000000000000",
  "$LATEST",
  "*",
  "s3.amazonaws.com",
];

/** Inputs that the service model lets through: whether they make sense is for the operation to say. */
export class ValidValues {
  readonly #random: () => number;
  readonly #constraints: Readonly<Record<string, Constraint>>;
  readonly #pool: ValuePool;

  constructor(random: () => number, signingName: string, pool: ValuePool) {
    this.#random = random;
    this.#constraints = constraintsOf(signingName);
    this.#pool = pool;
  }

  structure(shape: StructureShape, depth = 0): Record<string, unknown> {
    const result: Record<string, unknown> = {};
    for (const member of shape.members) {
      if (!member.required && this.#random() < 0.5) continue;
      const value = this.#member(shape, member, depth);
      if (value !== undefined) result[member.name] = value;
    }
    return result;
  }

  #member(shape: StructureShape, member: Member, depth: number): unknown {
    const constraint = this.#constraints[`${shape.name}.${member.name}`] ?? {};
    const pool = this.#pool[`${shape.name}.${member.name}`] ?? this.#pool[member.name];
    if (pool !== undefined && (member.required || this.#random() < 0.9)) return this.#one(pool);
    return depth > 5 ? undefined : this.#value(member.shape, constraint, depth + 1);
  }

  #value(shape: Shape, constraint: Constraint, depth: number): unknown {
    switch (shape.kind) {
      case "structure":
        return this.structure(shape, depth);
      case "list":
        return this.#list(shape, constraint, depth);
      case "map":
        return this.#map(shape, constraint, depth);
      default:
        return this.#scalar(shape.kind, constraint);
    }
  }

  #list({ element }: ListShape, constraint: Constraint, depth: number): unknown[] | undefined {
    const count = Math.min(Math.max(constraint.min ?? 0, this.#integer(0, 3)), constraint.max ?? 3);
    const of = constraint.member ?? {};
    const elements = Array.from({ length: count }, () => this.#value(element, of, depth + 1));
    return elements.includes(undefined) ? undefined : elements;
  }

  #map(shape: MapShape, constraint: Constraint, depth: number): object | undefined {
    const key = this.#text(constraint.key ?? {});
    const value = this.#value(shape.value, constraint.value ?? {}, depth + 1);
    return key === undefined || value === undefined ? undefined : { [key]: value };
  }

  #scalar(kind: Shape["kind"], constraint: Constraint): unknown {
    switch (kind) {
      case "number":
        return this.#integer(constraint.min ?? 0, Math.min(constraint.max ?? 1000, 100_000));
      case "boolean":
        return this.#random() < 0.5;
      case "string":
        return this.#text(constraint);
      case "timestamp":
        return new Date(this.#integer(0, 2_000_000_000) * 1000);
      case "blob":
        return Buffer.from(this.#one(["", "{}", '{"a":1}', "not json", "PK\u0005\u0006"]));
      default:
        return undefined;
    }
  }

  #text({ enum: choices, min = 0, max = Number.POSITIVE_INFINITY, pattern }: Constraint): string | undefined {
    if (choices !== undefined) return this.#one(choices);
    const fits = new RegExp(`^(?:${pattern ?? "[^]*"})$`);
    const words = WORDS.filter((word) => word.length >= min && word.length <= max && fits.test(word));
    return words.length === 0 ? undefined : this.#one(words);
  }

  #one<T>(values: readonly T[]): T {
    return values[Math.floor(this.#random() * values.length)] as T;
  }

  #integer(from: number, to: number): number {
    return from + Math.floor(this.#random() * (to - from + 1));
  }
}

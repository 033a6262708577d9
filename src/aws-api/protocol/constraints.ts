import table from "./constraints.generated.json" with { type: "json" };

/** What a service model demands of a value beyond its type. Lengths count UTF-16 units, bytes or entries. */
export interface Constraint {
  readonly min?: number;
  readonly max?: number;
  readonly pattern?: string;
  readonly enum?: readonly string[];
  readonly type?: "integer" | "long" | "float" | "double";
  /** Of a list's elements. */
  readonly member?: Constraint;
  /** Of a map's keys. */
  readonly key?: Constraint;
  /** Of a map's values. */
  readonly value?: Constraint;
}

export interface ConstraintTable {
  /** Where the table was generated from. */
  readonly source: string;
  /** By signing name, then by "Structure.member". */
  readonly services: Readonly<Record<string, Readonly<Record<string, Constraint>>>>;
}

/** The constraints of one service's inputs, by "Structure.member"; empty for a service without a table. */
export function constraintsOf(signingName: string): Readonly<Record<string, Constraint>> {
  return (table as unknown as ConstraintTable).services[signingName] ?? {};
}
